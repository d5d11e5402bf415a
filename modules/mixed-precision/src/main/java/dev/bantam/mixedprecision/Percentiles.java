package dev.bantam.mixedprecision;

import java.util.Arrays;

/**
 * Percentiles as HAWQ and Q-BERT take them: of n values in ascending order number {@code rint(n p /
 * 100)}, counted from 1; none lies between two values. The lower end is that of the values with
 * their signs changed.
 */
final class Percentiles {
  private Percentiles() {}

  /**
   * The upper end of a range.
   *
   * @param w finite; not modified
   * @param p in (50, 100]
   */
  static float upper(float[] w, int from, int n, double p) {
    return sorted(w, from, n)[number(n, p) - 1];
  }

  /**
   * The lower end of a range: as many weights lie below as above the upper end of the same p.
   *
   * @param w finite; not modified
   * @param p in (50, 100]
   */
  static float lower(float[] w, int from, int n, double p) {
    return sorted(w, from, n)[n - number(n, p)];
  }

  private static int number(int n, double p) {
    return Math.max(1, (int) Math.rint(n * p / 100));
  }

  private static float[] sorted(float[] w, int from, int n) {
    final float[] sorted = Arrays.copyOfRange(w, from, from + n);
    Arrays.sort(sorted);
    return sorted;
  }

  /** The upper end of the range of their magnitudes. */
  static float ofMagnitudes(float[] w, int from, int n, double p) {
    final float[] magnitudes = new float[n];
    for (int i = 0; i < n; i++) {
      magnitudes[i] = Math.abs(w[from + i]);
    }
    return upper(magnitudes, 0, n, p);
  }
}
