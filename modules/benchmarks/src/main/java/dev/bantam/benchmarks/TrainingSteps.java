package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.GradientSink;
import dev.bantam.model.Loss;
import dev.bantam.model.Model.Regularization;
import dev.bantam.runner.experiment.FinetuneSettings;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import dev.bantam.training.AdamW;
import dev.bantam.training.Losses;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Steps of fine-tuning on one batch: forward with dropout, backward, clipping and AdamW over every
 * parameter that the loss depends on, embeddings included.
 */
final class TrainingSteps implements Runnable, AutoCloseable, GradientSink {
  private final EncoderModel model;
  private final Batch batch;
  private final FinetuneSettings settings;
  private final long seed;
  private final Loss loss;
  private final AdamW optimizer;
  private final Map<String, INDArray> gradients = new HashMap<>(); // the optimiser asks by name
  private long step;

  TrainingSteps(
      EncoderModel model, Batch batch, FinetuneSettings settings, long seed, Workers workers) {
    this.model = model;
    this.batch = batch;
    this.settings = settings;
    this.seed = seed;
    final int[] labels = new int[batch.sequences()];
    java.util.Arrays.setAll(labels, row -> row % 2);
    this.loss = Losses.crossEntropy(labels);
    final Map<String, INDArray> trained = new LinkedHashMap<>();
    model
        .parameters()
        .forEach(
            (name, tensor) -> {
              if (wants(name)) {
                trained.put(name, tensor);
              }
            });
    this.optimizer = new AdamW(trained, AdamW.Settings.withDecay(settings.weightDecay()), workers);
  }

  /** Everything but a pooler that stands beside another pooling and gets no gradient. */
  @Override
  public boolean wants(String parameter) {
    return model.pooling() == Pooling.POOLER || !parameter.startsWith("pooler.");
  }

  @Override
  public void accept(String parameter, INDArray gradient) {
    gradients.put(parameter, gradient);
  }

  /** One step. */
  @Override
  public void run() {
    gradients.clear();
    final double value =
        model.gradients(
            batch, loss, new Regularization((float) settings.dropout(), seed + step++), this);
    final double norm = optimizer.step(gradients, settings.learningRate(), settings.clip());
    if (!Double.isFinite(value) || !Double.isFinite(norm)) {
      throw new BantamException(
          ExitCode.UNEXPECTED,
          "Training diverged at step "
              + step
              + ": loss "
              + value
              + ", gradient norm "
              + norm
              + ".");
    }
  }

  @Override
  public void close() {
    optimizer.close();
  }
}
