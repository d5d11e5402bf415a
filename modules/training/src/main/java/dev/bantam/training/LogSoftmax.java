package dev.bantam.training;

/** Logarithms of a softmax, the maximum subtracted first, in double. */
final class LogSoftmax {
  private LogSoftmax() {}

  /**
   * Writes {@code out[i] = z[from + i] / T - log(sum_j exp(z[from + j] / T))}.
   *
   * @param z logits, n of them from {@code from}
   * @param temperature T, above 0
   * @param out log-probabilities, [n]
   */
  static void apply(float[] z, int from, int n, double temperature, double[] out) {
    for (int i = 0; i < n; i++) {
      out[i] = z[from + i] / temperature;
    }
    apply(out, 0, n);
  }

  /** Replaces {@code z[from .. from + n)} by its log-softmax. */
  static void apply(double[] z, int from, int n) {
    double peak = Double.NEGATIVE_INFINITY;
    for (int i = from; i < from + n; i++) {
      peak = Math.max(peak, z[i]);
    }
    double sum = 0;
    for (int i = from; i < from + n; i++) {
      sum += StrictMath.exp(z[i] - peak);
    }
    final double logSum = StrictMath.log(sum);
    for (int i = from; i < from + n; i++) {
      z[i] = z[i] - peak - logSum; // in this order a large peak does not swallow logSum
    }
  }
}
