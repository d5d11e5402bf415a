package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Model;
import dev.bantam.runner.experiment.FinetuneSettings;
import dev.bantam.tensor.Workers;
import dev.bantam.training.FineTuner;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Training steps of one encoder against its own forward passes. */
final class TrainBench {
  private static final Head HEAD = new Head(Head.Kind.SINGLE_LABEL, List.of("no", "yes"));

  /** Forward, gradient of the inputs, gradient of the weights: a product of equal size each. */
  private static final double PRODUCTS_OF_A_STEP = 3;

  private static final long SEED = 1;

  private TrainBench() {}

  /**
   * Measures a case. The steps change the checkpoint's weights; the forward is that of an
   * evaluation, of a frozen model, on a copy of its own.
   */
  @SuppressWarnings("try") // the scope is what counts, not the variable
  static BenchLine measure(
      Checkpoint checkpoint, BenchCase wanted, Workers workers, InTurn inTurn) {
    final Batch batch = Batch.of(wanted.encodings(checkpoint.architecture()));
    final EncoderModel encoder =
        new EncoderModel(
            checkpoint.architecture(),
            Optional.empty(),
            checkpoint.pooling(),
            checkpoint.parameters(),
            workers);
    final double peak = SgemmPeak.measure(workers);
    try (EncoderModel model = FineTuner.withNewHead(encoder, HEAD, checkpoint.pooling(), SEED);
        EncoderModel evaluated = copy(model, workers);
        Model.Frozen frozen = evaluated.freeze();
        TrainingSteps steps =
            new TrainingSteps(model, batch, FinetuneSettings.defaults(), SEED, workers)) {
      final double[][] rates = inTurn.rates(steps, () -> evaluated.outputs(batch));
      final Comparison comparison = Comparison.of(rates[0], rates[1]);
      final double bound =
          comparison.ours()
              * PRODUCTS_OF_A_STEP
              * batch.tokens()
              * LinearLayers.operationsPerToken(checkpoint.architecture())
              / peak;
      return new BenchLine(
          "train",
          checkpoint.name() + " " + wanted.name(),
          "own forward",
          "steps/s",
          comparison,
          Map.of("bound_fraction", bound));
    }
  }

  private static EncoderModel copy(EncoderModel model, Workers workers) {
    final Map<String, INDArray> weights = new LinkedHashMap<>();
    model.parameters().forEach((name, tensor) -> weights.put(name, tensor.dup()));
    return new EncoderModel(model.architecture(), model.head(), model.pooling(), weights, workers);
  }
}
