package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.LayerShape;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Names and shapes of every tensor that an architecture needs. */
public final class ParameterShapes {
  private ParameterShapes() {}

  /** Name to shape, in the order of a Hugging Face state dictionary. */
  public static Map<String, long[]> of(Architecture a, Optional<Head> head, Pooling pooling) {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    final long d = a.hiddenSize();
    shapes.put(EmbeddingLayer.WORD, new long[] {a.vocabularySize(), d});
    shapes.put(EmbeddingLayer.POSITION, new long[] {a.positions(), d});
    shapes.put(EmbeddingLayer.TYPE, new long[] {a.tokenTypes(), d});
    norm(shapes, EmbeddingLayer.NORM, d);
    for (int i = 0; i < a.layers().size(); i++) {
      final LayerShape layer = a.layers().get(i);
      final String p = "encoder.layer." + i + ".";
      final long width = (long) layer.heads() * a.headSize();
      for (String part : new String[] {"query", "key", "value"}) {
        linear(shapes, p + "attention.self." + part, width, d);
      }
      linear(shapes, p + "attention.output.dense", d, width);
      norm(shapes, p + "attention.output.LayerNorm", d);
      linear(shapes, p + "intermediate.dense", layer.ffnWidth(), d);
      linear(shapes, p + "output.dense", d, layer.ffnWidth());
      norm(shapes, p + "output.LayerNorm", d);
    }
    if (pooling == Pooling.POOLER) {
      linear(shapes, "pooler.dense", d, d);
    }
    head.ifPresent(h -> linear(shapes, "classifier", h.labels().size(), d));
    return shapes;
  }

  private static void linear(Map<String, long[]> shapes, String name, long out, long in) {
    shapes.put(name + ".weight", new long[] {out, in});
    shapes.put(name + ".bias", new long[] {out});
  }

  private static void norm(Map<String, long[]> shapes, String name, long d) {
    shapes.put(name + ".weight", new long[] {d});
    shapes.put(name + ".bias", new long[] {d});
  }

  /** Refuses missing and misshaped tensors, all in one message; surplus ones are left alone. */
  static void check(
      Architecture a, Optional<Head> head, Pooling pooling, Map<String, INDArray> parameters) {
    final List<String> problems = new ArrayList<>();
    of(a, head, pooling)
        .forEach(
            (name, shape) -> {
              final INDArray tensor = parameters.get(name);
              if (tensor == null) {
                problems.add("'" + name + "' is missing");
              } else if (!Arrays.equals(tensor.shape(), shape)) {
                problems.add(
                    "'"
                        + name
                        + "' is "
                        + Arrays.toString(tensor.shape())
                        + " and must be "
                        + Arrays.toString(shape));
              }
            });
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          "The weights do not fit the architecture: " + String.join("; ", problems));
    }
  }
}
