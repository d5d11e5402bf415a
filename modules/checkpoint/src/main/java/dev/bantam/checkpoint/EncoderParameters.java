package dev.bantam.checkpoint;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Names and shapes of the weights of an encoder, {@code [out, in]}: those of Hugging Face's BERT
 * base model without a {@code bert.} prefix, whatever the family (docs/decisions/0013-encoders.md).
 * The order is that of the forward pass and is the order of {@link Checkpoint#parameters()}.
 */
public final class EncoderParameters {
  /** Leads from the embeddings' width to the hidden size, where they differ. */
  public static final String PROJECTION = "embeddings.projection";

  /** Bias on the attention scores by distance, [buckets, heads]. */
  public static final String RELATIVE_BIAS = "encoder.relative_attention_bias.weight";

  private EncoderParameters() {}

  /**
   * Every parameter of an encoder and its head.
   *
   * @return shape by name, in a fixed order
   */
  public static Map<String, long[]> shapes(Architecture a, Optional<Head> head) {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    final long d = a.hiddenSize();
    final long e = a.embeddings().width();
    shapes.put("embeddings.word_embeddings.weight", new long[] {a.vocabularySize(), e});
    shapes.put("embeddings.position_embeddings.weight", new long[] {a.positions(), e});
    if (a.tokenTypes() > 0) {
      shapes.put("embeddings.token_type_embeddings.weight", new long[] {a.tokenTypes(), e});
    }
    norm(shapes, "embeddings.LayerNorm", e);
    if (a.embeddings().projected()) {
      linear(shapes, PROJECTION, d, e);
    }
    a.relativeBias()
        .ifPresent(
            bias -> {
              final int heads = a.layers().get(0).heads();
              shapes.put(RELATIVE_BIAS, new long[] {bias.buckets(), heads});
            });
    for (int n = 0; n < a.storedLayers(); n++) {
      layer(shapes, "encoder.layer." + n + ".", a.layers().get(a.layerWeights().indexOf(n)), a);
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
}
