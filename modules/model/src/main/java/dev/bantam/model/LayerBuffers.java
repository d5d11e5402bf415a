package dev.bantam.model;

import dev.bantam.tensor.Floats;

/** What one layer's forward leaves behind for its backward, for up to {@code tokens} tokens. */
final class LayerBuffers {
  /** Room for query, key or value in a row; the layer's own width, or that of the widest one. */
  final int width;

  /** Room for the FFN's activations in a row. */
  final int ffn;

  /** Query, key and value side by side, [tokens, 3 width]. */
  final Floats queryKeyValue;

  /** Softmax outputs before dropout, sequence after sequence, [heads, n, n] each. */
  final Floats probabilities;

  /** Weighted values, [tokens, width]. */
  final Floats context;

  /** Output of the attention block, the input of the FFN, [tokens, d]. */
  final Floats attention;

  final Floats attentionNormalized;
  final float[] attentionRstd;

  /** FFN input to the activation, [tokens, f]. */
  final Floats before;

  /** FFN output of the activation, [tokens, ffn]. */
  final Floats hidden;

  /** Output of the layer, [tokens, d]. */
  final Floats output;

  final Floats outputNormalized;
  final float[] outputRstd;

  /**
   * @param forBackward whether to make room for what only the backward needs
   */
  LayerBuffers(int tokens, int width, int d, int f, int scoreElements, boolean forBackward) {
    this.width = width;
    this.ffn = f;
    queryKeyValue = Floats.zeros(tokens, 3L * width);
    context = Floats.zeros(tokens, width);
    attention = Floats.zeros(tokens, d);
    hidden = Floats.zeros(tokens, f);
    output = Floats.zeros(tokens, d);
    attentionRstd = new float[tokens];
    outputRstd = new float[tokens];
    probabilities = forBackward ? Floats.zeros(scoreElements) : null;
    attentionNormalized = forBackward ? Floats.zeros(tokens, d) : null;
    before = forBackward ? Floats.zeros(tokens, f) : null;
    outputNormalized = forBackward ? Floats.zeros(tokens, d) : null;
  }

  /** Frees the memory at once instead of when the collector finds it. */
  void close() {
    for (Floats floats :
        new Floats[] {
          queryKeyValue,
          probabilities,
          context,
          attention,
          attentionNormalized,
          before,
          hidden,
          output,
          outputNormalized
        }) {
      if (floats != null) {
        floats.close();
      }
    }
  }
}
