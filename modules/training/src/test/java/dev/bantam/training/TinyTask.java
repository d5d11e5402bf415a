package dev.bantam.training;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.data.Example;
import dev.bantam.data.Metric;
import dev.bantam.data.Provenance;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.ParameterShapes;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A small random encoder and a task that it can learn: which of two tokens occurs. */
final class TinyTask {
  private static final int VOCABULARY = 60;

  private TinyTask() {}

  static EncoderModel model(long seed, Workers workers) {
    final Architecture architecture =
        new Architecture(
            "bert",
            VOCABULARY,
            32,
            2,
            24,
            8,
            List.of(new Architecture.LayerShape(3, 40), new Architecture.LayerShape(3, 40)),
            Architecture.Activation.GELU_ERF,
            Architecture.NormPlacement.POST,
            Architecture.PositionScheme.LEARNED,
            1e-12,
            0,
            false);
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    ParameterShapes.of(architecture, Optional.empty(), Pooling.MEAN)
        .forEach((name, shape) -> parameters.put(name, draw(name, shape, seed)));
    final EncoderModel encoder =
        new EncoderModel(architecture, Optional.empty(), Pooling.MEAN, parameters, workers);
    return FineTuner.withNewHead(
        encoder, new Head(Head.Kind.SINGLE_LABEL, List.of("without", "with")), Pooling.MEAN, seed);
  }

  private static INDArray draw(String name, long[] shape, long seed) {
    final Random random = new Random(seed * 1_000_003 + name.hashCode());
    int n = 1;
    for (long size : shape) {
      n *= (int) size;
    }
    final float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] =
          name.endsWith("LayerNorm.weight")
              ? 1
              : shape.length == 2 ? (float) (random.nextGaussian() * 0.15) : 0;
    }
    return Floats.tensor(values, shape);
  }

  static Task task() {
    final List<Example> all = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      all.add(Example.labelled("text " + i, i % 2));
    }
    return new Task(
        "tiny",
        TaskKind.CLASSIFICATION,
        List.of("without", "with"),
        Metric.ACCURACY,
        new Provenance("made up", "none", ""),
        all,
        all,
        List.of());
  }

  /**
   * Random tokens; token 7 occurs in those of label 1.
   *
   * @param shuffled whether labels are drawn anew, so that there is nothing to learn
   */
  static List<TokenizedExample> examples(int count, long seed, boolean shuffled) {
    final Random random = new Random(seed);
    final List<TokenizedExample> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      final int label = i % 2;
      final int n = 4 + random.nextInt(9);
      final int[] ids = new int[n];
      for (int t = 0; t < n; t++) {
        ids[t] = 10 + random.nextInt(VOCABULARY - 10);
      }
      if (label == 1) {
        ids[random.nextInt(n)] = 7;
      }
      examples.add(
          new TokenizedExample(
              new Encoding(ids, new int[n]),
              shuffled ? random.nextInt(2) : label,
              Double.NaN,
              "example" + i));
    }
    return examples;
  }
}
