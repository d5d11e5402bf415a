package dev.bantam.checkpoint;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Names and shapes of the weights of a BERT encoder, {@code [out, in]}, as in Hugging Face's base
 * model without a {@code bert.} prefix. The order is that of the forward pass and is the order of
 * {@link Checkpoint#parameters()}.
 */
public final class BertParameters {
  private BertParameters() {}

  /**
   * Every parameter of an encoder and its head.
   *
   * @return shape by name, in a fixed order
   */
  public static Map<String, long[]> shapes(Architecture a, Optional<Head> head) {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    final long d = a.hiddenSize();
    shapes.put("embeddings.word_embeddings.weight", new long[] {a.vocabularySize(), d});
    shapes.put("embeddings.position_embeddings.weight", new long[] {a.positions(), d});
    shapes.put("embeddings.token_type_embeddings.weight", new long[] {a.tokenTypes(), d});
    norm(shapes, "embeddings.LayerNorm", d);
    for (int i = 0; i < a.layers().size(); i++) {
      layer(shapes, "encoder.layer." + i + ".", a.layers().get(i), a);
    }
    if (a.pooler()) {
      linear(shapes, "pooler.dense", d, d);
    }
    head.ifPresent(h -> linear(shapes, "classifier", h.labels().size(), d));
    return Collections.unmodifiableMap(shapes);
  }

  private static void layer(
      Map<String, long[]> shapes, String prefix, Architecture.LayerShape shape, Architecture a) {
    final long d = a.hiddenSize();
    final long inner = (long) shape.heads() * a.headSize();
    linear(shapes, prefix + "attention.self.query", inner, d);
    linear(shapes, prefix + "attention.self.key", inner, d);
    linear(shapes, prefix + "attention.self.value", inner, d);
    linear(shapes, prefix + "attention.output.dense", d, inner);
    norm(shapes, prefix + "attention.output.LayerNorm", d);
    linear(shapes, prefix + "intermediate.dense", shape.ffnWidth(), d);
    linear(shapes, prefix + "output.dense", d, shape.ffnWidth());
    norm(shapes, prefix + "output.LayerNorm", d);
  }

  private static void linear(Map<String, long[]> shapes, String name, long out, long in) {
    shapes.put(name + ".weight", new long[] {out, in});
    shapes.put(name + ".bias", new long[] {out});
  }

  private static void norm(Map<String, long[]> shapes, String name, long width) {
    shapes.put(name + ".weight", new long[] {width});
    shapes.put(name + ".bias", new long[] {width});
  }

  /**
   * The base-model name of a stored tensor: no {@code bert.} prefix, {@code gamma} and {@code beta}
   * of old files as {@code weight} and {@code bias}.
   */
  static String baseName(String stored) {
    final String name = stored.startsWith("bert.") ? stored.substring("bert.".length()) : stored;
    if (name.endsWith("LayerNorm.gamma")) {
      return name.substring(0, name.length() - "gamma".length()) + "weight";
    }
    if (name.endsWith("LayerNorm.beta")) {
      return name.substring(0, name.length() - "beta".length()) + "bias";
    }
    return name;
  }
}
