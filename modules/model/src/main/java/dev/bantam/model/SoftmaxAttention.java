package dev.bantam.model;

import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;

/**
 * Scaled dot-product attention, {@code context = dropout(softmax(q k^T / sqrt(d_h))) v} (Vaswani et
 * al. 2017, equation 1), with the sites {@code attention.scores} and {@code
 * attention.probabilities}.
 */
public final class SoftmaxAttention implements AttentionStrategy {
  /** The one instance; it has no state. */
  public static final SoftmaxAttention INSTANCE = new SoftmaxAttention();

  private SoftmaxAttention() {}

  @Override
  public void forward(AttentionHead head) {
    final int n = head.length();
    final Matrix scores = head.saved();
    Blas.gemm(false, true, n, n, head.size(), 1f, head.query(), head.key(), 0f, scores);
    final boolean changed = head.changesProbabilities();
    final Matrix used = changed ? head.square(1) : scores;
    final int step = Scratch.tileRows(n);
    final float[] tile = head.tile(0, step * n);
    for (int r = 0; r < n; r += step) {
      final int rows = Math.min(step, n - r);
      scores.data().read(scores.from() + r * n, tile, 0, rows * n);
      head.scores(tile, r, rows);
      final float scale = head.scoresAreScaled() ? 1f : head.scale();
      for (int i = 0; i < rows; i++) {
        head.kernels().softmax(tile, i * n, n, scale, null);
      }
      scores.data().write(scores.from() + r * n, tile, 0, rows * n);
      if (changed) {
        head.probabilities(tile, r, rows);
        head.dropout(tile, r, rows);
        used.data().write(used.from() + r * n, tile, 0, rows * n);
      }
    }
    Blas.gemm(false, false, n, head.size(), n, 1f, used, head.value(), 0f, head.context());
  }

  @Override
  public void backward(AttentionHead head) {
    final int n = head.length();
    final Matrix saved = head.saved();
    final Matrix context = head.contextGradient();
    final Matrix gradient = head.square(0);
    Blas.gemm(false, true, n, n, head.size(), 1f, context, head.value(), 0f, gradient);
    final boolean changed = head.changesProbabilities();
    final Matrix used = changed ? head.square(1) : saved;
    final int step = Scratch.tileRows(n);
    final float[] tile = head.tile(0, step * n);
    final float[] probabilities = head.tile(1, step * n);
    final float[] again = head.tile(2, step * n);
    final float scale = head.scoresAreScaled() ? 1f : head.scale();
    for (int r = 0; r < n; r += step) {
      final int rows = Math.min(step, n - r);
      gradient.data().read(gradient.from() + r * n, tile, 0, rows * n);
      saved.data().read(saved.from() + r * n, probabilities, 0, rows * n);
      if (changed) {
        System.arraycopy(probabilities, 0, again, 0, rows * n);
        head.probabilities(again, r, rows);
        head.dropout(again, r, rows);
        used.data().write(used.from() + r * n, again, 0, rows * n);
        head.dropout(tile, r, rows);
        head.probabilitiesBackward(tile, r, rows);
      }
      for (int i = 0; i < rows; i++) {
        head.kernels().softmaxBackward(probabilities, tile, i * n, n, scale);
      }
      head.scoresBackward(tile, r, rows);
      gradient.data().write(gradient.from() + r * n, tile, 0, rows * n);
    }
    Blas.gemm(true, false, n, head.size(), n, 1f, used, context, 0f, head.valueGradient());
    Blas.gemm(false, false, n, head.size(), n, 1f, gradient, head.key(), 0f, head.queryGradient());
    Blas.gemm(true, false, n, head.size(), n, 1f, gradient, head.query(), 0f, head.keyGradient());
  }
}
