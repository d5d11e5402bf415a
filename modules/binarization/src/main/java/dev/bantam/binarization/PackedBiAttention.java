package dev.bantam.binarization;

import dev.bantam.binarization.BiAttention.Threshold;
import dev.bantam.model.AttentionHead;
import dev.bantam.model.AttentionStrategy;
import dev.bantam.tensor.BitMatrix;
import dev.bantam.tensor.BitProduct;
import dev.bantam.tensor.BitRows;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.CodeSet;

/**
 * {@link BiAttention} on bits, for inference: {@code s = d_h - 2 |q xor k|}, a key is attended to
 * or not, {@code context = 2 |a and v| - |a|}. Gives the same bits; where something looks at the
 * scores it is the float form that runs.
 */
record PackedBiAttention(Threshold threshold) implements AttentionStrategy {
  @Override
  public void forward(AttentionHead head) {
    if (head.scoresAreScaled() || head.drops()) {
      new BiAttention(threshold).forward(head);
      return;
    }
    final int n = head.length();
    final int d = head.size();
    final int[] context =
        context(
            read(head.query(), n, d, head.tile(0, n * d)).clone(),
            read(head.key(), n, d, head.tile(0, n * d)).clone(),
            read(head.value(), n, d, head.tile(0, n * d)),
            n,
            d,
            threshold);
    final float[] values = head.tile(1, n * d);
    for (int i = 0; i < n * d; i++) {
      values[i] = context[i];
    }
    final Matrix target = head.context();
    for (int r = 0; r < n; r++) {
      target.data().write(target.from() + r * target.stride(), values, r * d, d);
    }
  }

  private static float[] read(Matrix source, int rows, int columns, float[] tile) {
    for (int r = 0; r < rows; r++) {
      source.data().read(source.from() + r * source.stride(), tile, r * columns, columns);
    }
    return tile;
  }

  /** Products of signs of queries and keys, [n, n]. */
  static int[] scores(float[] q, float[] k, int n, int d) {
    final float[] signs = new float[n * d];
    for (int i = 0; i < signs.length; i++) {
      signs[i] = Signs.of(q[i]);
    }
    final BitRows rows = new BitRows(CodeSet.SIGNS, d);
    rows.pack(signs, n);
    final BitMatrix keys = new BitMatrix(CodeSet.SIGNS, n, d);
    for (int j = 0; j < n; j++) {
      final int from = j * d;
      keys.set(j, c -> (int) Signs.of(k[from + c]));
    }
    final int[] scores = new int[n * n];
    BitProduct.ofThread().run(rows, keys, 0, n, scores);
    return scores;
  }

  /**
   * The context of one head.
   *
   * @param q queries, [n, d]
   * @param k keys, [n, d]
   * @param v values, [n, d]
   * @return [n, d]
   */
  static int[] context(float[] q, float[] k, float[] v, int n, int d, Threshold threshold) {
    final int[] scores = scores(q, k, n, d);
    final float[] bits = new float[n * n];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = threshold.attends(scores[i]) ? 1f : 0f;
    }
    return context(bits, v, n, d);
  }

  /** {@code 2 |a and v| - |a|} for rows of bits. */
  static int[] context(float[] attended, float[] v, int n, int d) {
    final BitRows rows = new BitRows(CodeSet.BITS, n);
    rows.pack(attended, n);
    final BitMatrix values = new BitMatrix(CodeSet.SIGNS, d, n);
    for (int c = 0; c < d; c++) {
      final int column = c;
      values.set(c, j -> (int) Signs.of(v[j * d + column]));
    }
    final int[] context = new int[n * d];
    BitProduct.ofThread().run(rows, values, 0, d, context);
    return context;
  }

  @Override
  public void backward(AttentionHead head) {
    throw PackedLinear.inferenceOnly();
  }
}
