package dev.bantam.deltamerging;

/** Methods that take the base and one other model. */
final class Pairs {
  private Pairs() {}

  /**
   * Nearswap: {@code w model + (1 - w) base} with {@code w = clip(t / max(|base - model|, 1e-6), 0,
   * 1)}; it moves where the two are close already.
   *
   * @param base in and out
   */
  static void nearswap(float[] base, float[] model, double t, Precision precision) {
    for (int i = 0; i < base.length; i++) {
      final float distance = Math.max(Math.abs(base[i] - model[i]), 1e-6f);
      final float w = Math.max(0f, Math.min(1f, (float) t / distance));
      base[i] = precision.round(w * model[i] + (1 - w) * base[i]);
    }
  }

  /**
   * Arcee fusion: takes the elements of the model whose importance reaches {@code median + 1.5
   * IQR}. The importance is {@code |delta|} times the divergence of the row's softmax from the
   * base's, {@code KL(softmax(model) || softmax(base))}. Quantiles are the elements at {@code
   * floor(q (n - 1))} of the sorted importances, exact for any size.
   *
   * @param base in and out, [rows x columns]
   * @param columns length of a row
   */
  static void fuse(float[] base, float[] model, int columns, Precision precision) {
    final int n = base.length;
    final float[] importance = new float[n];
    final double[] p = new double[columns];
    final double[] q = new double[columns];
    for (int from = 0; from < n; from += columns) {
      softmax(model, from, p);
      softmax(base, from, q);
      double divergence = 0;
      for (int c = 0; c < columns; c++) {
        divergence += p[c] * Math.log(p[c] / q[c]);
      }
      for (int i = from; i < from + columns; i++) {
        importance[i] = (float) (Math.abs(precision.round(model[i] - base[i])) * divergence);
      }
    }
    final float lower = quantile(importance, 0.25);
    final float threshold = quantile(importance, 0.5) + 1.5f * (quantile(importance, 0.75) - lower);
    for (int i = 0; i < n; i++) {
      if (importance[i] >= threshold) {
        base[i] = precision.round(base[i] + precision.round(model[i] - base[i]));
      }
    }
  }

  private static void softmax(float[] row, int from, double[] out) {
    double peak = Double.NEGATIVE_INFINITY;
    for (int c = 0; c < out.length; c++) {
      peak = Math.max(peak, row[from + c]);
    }
    double sum = 0;
    for (int c = 0; c < out.length; c++) {
      out[c] = Math.exp(row[from + c] - peak);
      sum += out[c];
    }
    for (int c = 0; c < out.length; c++) {
      out[c] = out[c] / sum + 1e-8;
    }
  }

  /** The importances may be negative by rounding alone; they count as their magnitude. */
  private static float quantile(float[] importance, double q) {
    final int fromBelow = (int) (q * (importance.length - 1));
    return Float.intBitsToFloat(
        Magnitudes.cut(importance, importance.length - 1 - fromBelow).bits());
  }
}
