package dev.bantam.binarization;

import dev.bantam.model.AttentionHead;
import dev.bantam.model.AttentionStrategy;
import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import java.util.Arrays;

/**
 * Bi-Attention (Qin et al. 2022, section 3.2): queries, keys and values are signs, a key is
 * attended to or not, and there is no softmax:
 *
 * <pre>
 * A = sign(Q) sign(K)^T / sqrt(d_h),  B = bool(A),  context = B sign(V)
 * </pre>
 *
 * The context is a whole number in [-n, n]. A query may attend to nothing; its context is 0 then.
 * Gradients pass where a query, key, value or score lies strictly between -1 and 1. Dropout lets a
 * query attend to fewer keys and divides the scores of the others by {@code 1 - p}.
 *
 * @param threshold when a score counts as attended
 */
record BiAttention(Threshold threshold) implements AttentionStrategy {
  /** When a score counts. */
  enum Threshold {
    /** {@code A >= 0}, as the paper has it. */
    AT_LEAST_ZERO,
    /** {@code A > 0}, as the published code has it. About a tenth of all scores are 0. */
    ABOVE_ZERO;

    boolean attends(float score) {
      return this == AT_LEAST_ZERO ? score >= 0f : score > 0f;
    }
  }

  private static final int SIGN_Q = 0;
  private static final int SIGN_K = 1;
  private static final int SIGN_V = 2;

  @Override
  public void forward(AttentionHead head) {
    final int n = head.length();
    final int d = head.size();
    final Matrix q = signs(head, head.query(), SIGN_Q);
    final Matrix k = signs(head, head.key(), SIGN_K);
    final Matrix v = signs(head, head.value(), SIGN_V);
    final Matrix scores = head.saved();
    Blas.gemm(false, true, n, n, d, 1f, q, k, 0f, scores);
    final Matrix attended = head.square(1);
    final float[] tile = head.tile(0, n * n);
    scores.data().read(scores.from(), tile, 0, n * n);
    scale(head, tile);
    scores.data().write(scores.from(), tile, 0, n * n);
    final float[] kept = kept(head);
    for (int i = 0; i < n * n; i++) {
      tile[i] = kept[i] != 0f && threshold.attends(tile[i]) ? 1f : 0f;
    }
    attended.data().write(attended.from(), tile, 0, n * n);
    Blas.gemm(false, false, n, d, n, 1f, attended, v, 0f, head.context());
  }

  /** From products of signs to scores, through the site where something sits there. */
  private static void scale(AttentionHead head, float[] tile) {
    final int n = head.length();
    head.scores(tile, 0, n);
    if (!head.scoresAreScaled()) {
      multiply(tile, n * n, head.scale());
    }
  }

  /** 0 for what dropout takes away, else the factor of what stays; [n, n]. */
  private static float[] kept(AttentionHead head) {
    final int n = head.length();
    final float[] kept = head.tile(1, n * n);
    Arrays.fill(kept, 0, n * n, 1f);
    head.dropout(kept, 0, n);
    return kept;
  }

  private static Matrix signs(AttentionHead head, Matrix source, int slot) {
    final int d = head.size();
    final Matrix target = head.scratch(slot, d);
    final float[] tile = head.tile(0, head.length() * d);
    read(source, head.length(), d, tile);
    for (int i = 0; i < head.length() * d; i++) {
      tile[i] = Signs.of(tile[i]);
    }
    target.data().write(target.from(), tile, 0, head.length() * d);
    return target;
  }

  @Override
  public void backward(AttentionHead head) {
    final int n = head.length();
    final int d = head.size();
    final Matrix q = signs(head, head.query(), SIGN_Q);
    final Matrix k = signs(head, head.key(), SIGN_K);
    final Matrix v = signs(head, head.value(), SIGN_V);
    final Matrix gradient = head.square(0);
    final Matrix attended = head.square(1);
    Blas.gemm(false, true, n, n, d, 1f, head.contextGradient(), v, 0f, gradient);
    final float[] kept = kept(head);
    final float[] scores = head.tile(0, n * n);
    final float[] g = head.tile(2, n * n);
    final float[] bits = head.tile(3, n * n);
    head.saved().data().read(head.saved().from(), scores, 0, n * n);
    gradient.data().read(gradient.from(), g, 0, n * n);
    for (int i = 0; i < n * n; i++) {
      final float score = scores[i] * kept[i];
      bits[i] = kept[i] != 0f && threshold.attends(score) ? 1f : 0f;
      g[i] = Signs.passes(score) ? g[i] * kept[i] : 0f;
    }
    head.scoresBackward(g, 0, n);
    if (!head.scoresAreScaled()) {
      multiply(g, n * n, head.scale());
    }
    gradient.data().write(gradient.from(), g, 0, n * n);
    attended.data().write(attended.from(), bits, 0, n * n);
    Blas.gemm(true, false, n, d, n, 1f, attended, head.contextGradient(), 0f, head.valueGradient());
    Blas.gemm(false, false, n, d, n, 1f, gradient, k, 0f, head.queryGradient());
    Blas.gemm(true, false, n, d, n, 1f, gradient, q, 0f, head.keyGradient());
    through(head, head.query(), head.queryGradient());
    through(head, head.key(), head.keyGradient());
    through(head, head.value(), head.valueGradient());
  }

  /** The backward of the signs. */
  private static void through(AttentionHead head, Matrix source, Matrix gradient) {
    final int n = head.length();
    final int d = head.size();
    final float[] x = head.tile(0, n * d);
    final float[] g = head.tile(1, n * d);
    read(source, n, d, x);
    read(gradient, n, d, g);
    for (int i = 0; i < n * d; i++) {
      g[i] = Signs.passes(x[i]) ? g[i] : 0f;
    }
    for (int r = 0; r < n; r++) {
      gradient.data().write(gradient.from() + r * gradient.stride(), g, r * d, d);
    }
  }

  private static void read(Matrix source, int rows, int columns, float[] tile) {
    for (int r = 0; r < rows; r++) {
      source.data().read(source.from() + r * source.stride(), tile, r * columns, columns);
    }
  }

  private static void multiply(float[] x, int count, float factor) {
    for (int i = 0; i < count; i++) {
      x[i] *= factor;
    }
  }
}
