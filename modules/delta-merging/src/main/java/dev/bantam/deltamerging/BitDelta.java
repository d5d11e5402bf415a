package dev.bantam.deltamerging;

/**
 * One bit per element of a delta (Liu et al. 2024): {@code alpha sign(delta)} with {@code alpha =
 * mean |delta|}, which has the least squared error among all scales of the signs. The sign of zero
 * is plus.
 */
final class BitDelta {
  private BitDelta() {}

  /** {@code mean |delta|}, zeros included. */
  static float scale(float[] delta) {
    return delta.length == 0 ? 0 : (float) (AbsoluteSum.of(delta) / delta.length);
  }

  /**
   * The scale of least squared error of the layer's outputs, {@code sum_r s_r G d_r / sum_r s_r G
   * s_r} with the signs s and the delta d of row r and the second moments G of the inputs; that of
   * {@link #scale} where the inputs tell nothing.
   *
   * @param delta [out x in]
   * @param gram {@code X^T X / rows} over calibration data, [in x in], symmetric
   */
  static float calibratedScale(float[] delta, float[] gram, int in) {
    double wanted = 0;
    double own = 0;
    final double[] product = new double[in];
    for (int from = 0; from < delta.length; from += in) {
      java.util.Arrays.fill(product, 0);
      for (int r = 0; r < in; r++) {
        final double sign = bit(delta[from + r]) ? 1 : -1;
        for (int c = 0; c < in; c++) {
          product[c] += sign * gram[r * in + c];
        }
      }
      for (int c = 0; c < in; c++) {
        wanted += product[c] * delta[from + c];
        own += product[c] * (bit(delta[from + c]) ? 1 : -1);
      }
    }
    return own > 0 ? (float) (wanted / own) : scale(delta);
  }

  /** Whether an element's bit is set. */
  static boolean bit(float delta) {
    return !(delta < 0);
  }
}
