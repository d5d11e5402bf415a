package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.TensorSelector;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.Tokenized;
import dev.bantam.data.TokenizedExample;
import dev.bantam.export.PackedFile;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.MaskedLinear;
import dev.bantam.runner.experiment.Seeds;
import dev.bantam.runner.experiment.TaskSpec;
import dev.bantam.runner.run.Sources;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import dev.bantam.training.Evaluator;
import dev.bantam.training.FineTuner;
import dev.bantam.training.FineTuning;
import dev.bantam.training.Intervention;
import dev.bantam.training.LogitDistillation;
import dev.bantam.training.Schedule;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A pruning step that trains gives the weights of a training that is put together by hand: the
 * smallest half masked before the first update, the dense model's logits as soft labels, the rate
 * falling to nothing. A step before it has pruned some; the teacher has not.
 */
class TrainedByHandTest {
  private static final int EPOCHS = 2;
  private static final int BATCH = 4;
  private static final double RATE = 2e-3;

  @TempDir private Path temporary;

  @Test
  void theStepTrainsAsItSays() {
    final Tiny tiny = Tiny.in(temporary);
    final String text = tiny.text();
    final Path experiment =
        tiny.write(
            "trained.yaml",
            text.substring(0, text.indexOf("variants:")).replaceAll("(?m)^seeds:.*$", "seeds: [1]")
                + """
                variants:
                  - {name: dense}
                  - name: half
                    steps: [{prune: {sparsity: 0.3}}, {prune: {method: magnitude, sparsity: 0.5, train: {epochs: 2, batch: 4, learning-rate: 2e-3, dropout: 0, hardness: 0.7, temperature: 3}}}]
                """);
    final Path run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run).code(0);
    final Map<String, INDArray> dense = weights(run, "dense");
    final Map<String, INDArray> half = weights(run, "half");

    try (Workers workers = new Workers(2)) {
      final EncoderModel byHand = byHand(tiny, dense, workers);
      boolean moved = false;
      for (String name : byHand.parameters().keySet()) {
        final float[] expected = Floats.toArray(byHand.parameters().get(name));
        assertArrayEquals(expected, Floats.toArray(half.get(name)), name);
        moved |= !Arrays.equals(expected, Floats.toArray(weights(run, "dense").get(name)));
      }
      assertTrue(moved, "something was trained");
    }
  }

  private static Map<String, INDArray> weights(Path run, String variant) {
    return PackedFile.read(run.resolve("cells/" + Tiny.CELL + variant + ".s1/model.safetensors"))
        .dense();
  }

  /** The dense weights, changed in place. */
  private static EncoderModel byHand(Tiny tiny, Map<String, INDArray> dense, Workers workers) {
    final Sources sources = new Sources(tiny.folder(), Progress.NONE, true);
    final Checkpoint source = sources.model(Tiny.MODEL);
    final Task task =
        sources.task(
            new TaskSpec.Delimited(
                "signs.tsv", "signs-dev.tsv", List.of("sentence"), "label", Optional.empty()));
    final EncoderModel model =
        new EncoderModel(source.architecture(), task.head(), source.pooling(), dense, workers);
    final List<TokenizedExample> train = tokenize(source, task, Split.TRAIN);
    final List<TokenizedExample> tune = tokenize(source, task, Split.TUNE);
    final float[] teacher =
        Evaluator.logits(model, train, 2, Progress.NONE.start("teacher", train.size(), "examples"));

    final float[] magnitudes = new float[encoderWeights(model)];
    int n = 0;
    for (String name : model.parameters().keySet()) {
      if (TensorSelector.isEncoderMatrix(name)) {
        for (float w : Floats.toArray(model.parameters().get(name))) {
          magnitudes[n++] = Math.abs(w);
        }
      }
    }
    Arrays.sort(magnitudes);
    final float first = magnitudes[(int) Math.rint(0.5 * n)]; // of those that stay
    assertFalse(first == magnitudes[(int) Math.rint(0.5 * n) - 1], "no tie at the threshold");
    for (String name : model.parameters().keySet()) {
      if (TensorSelector.isEncoderMatrix(name)) {
        final Floats live = Floats.of(model.parameters().get(name));
        final float[] w = Floats.toArray(model.parameters().get(name));
        for (int i = 0; i < w.length; i++) {
          w[i] = Math.abs(w[i]) < first ? 0f : w[i];
        }
        live.write(0, w, 0, w.length);
        model.setOperator(name, MaskedLinear.ofNonZeros(model.parameters().get(name)));
      }
    }
    new FineTuner(
            model,
            task,
            new FineTuning(EPOCHS, RATE, BATCH, 0, 0.01, 0, 1.0, List.of("embeddings.*")),
            dev.bantam.tensor.Seeds.derive(Seeds.ofDraw(1, 1), "training", "prune"),
            workers,
            Progress.NONE)
        .run(
            train,
            tune,
            Optional.of(new LogitDistillation(teacher, 2, 0.7, 3)),
            batch -> List.of(),
            new Intervention() {
              @Override
              public Schedule schedule(long warmUp, long total) {
                return Schedule.linear(0, total);
              }
            },
            FineTuner.Resume.NONE);
    for (String name : model.parameters().keySet()) {
      if (TensorSelector.isEncoderMatrix(name)) {
        model.resetOperator(name);
      }
    }
    return model;
  }

  private static int encoderWeights(EncoderModel model) {
    return model.parameters().entrySet().stream()
        .filter(e -> TensorSelector.isEncoderMatrix(e.getKey()))
        .mapToInt(e -> (int) e.getValue().length())
        .sum();
  }

  private static List<TokenizedExample> tokenize(Checkpoint source, Task task, Split split) {
    final ExecutorService executor = Executors.newFixedThreadPool(1);
    try {
      return Tokenized.of(
          source.tokenizer().orElseThrow(),
          task.inputs(task.examples(split)),
          source.maxLength(),
          executor);
    } finally {
      executor.shutdownNow();
    }
  }
}
