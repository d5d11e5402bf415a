package dev.bantam.data;

import java.util.Arrays;

/** Correlation of two series, in doubles. */
public final class Correlation {
  private Correlation() {}

  /**
   * Pearson's correlation coefficient (Pearson 1895):
   *
   * <pre>r = sum_i (x_i - mean x)(y_i - mean y) / (|x - mean x| |y - mean y|)</pre>
   *
   * Each series is first scaled by a power of two (exactly), then centred and divided by its norm,
   * so that neither huge values nor large offsets overflow or cancel. NaN if a series is constant
   * or holds a value that is not finite.
   *
   * @throws IllegalArgumentException if lengths differ or are below 2
   */
  public static double pearson(double[] x, double[] y) {
    requirePairs(x, y);
    if (x.length < 2) {
      throw new IllegalArgumentException("Pearson's correlation needs two points, not " + x.length);
    }
    if (!varies(x) || !varies(y)) {
      return Double.NaN;
    }
    final double[] u = standardized(x);
    final double[] v = standardized(y);
    double r = 0;
    for (int i = 0; i < u.length; i++) {
      r += u[i] * v[i];
    }
    return Math.max(-1, Math.min(1, r));
  }

  /**
   * Spearman's rank correlation (Spearman 1904): Pearson's correlation of the average ranks. NaN if
   * a series is constant, holds a NaN or has one point only.
   *
   * @throws IllegalArgumentException if lengths differ or are 0
   */
  public static double spearman(double[] x, double[] y) {
    requirePairs(x, y);
    final boolean nan =
        Arrays.stream(x).anyMatch(Double::isNaN) || Arrays.stream(y).anyMatch(Double::isNaN);
    return nan || x.length < 2 ? Double.NaN : pearson(averageRanks(x), averageRanks(y));
  }

  /** Ranks from 1; equal values share the mean of their ranks. */
  static double[] averageRanks(double[] values) {
    final double[] sorted = values.clone();
    Arrays.sort(sorted); // puts -0.0 before 0.0, which the comparisons below take for equal
    final double[] ranks = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      final int below = countBelow(sorted, values[i], false);
      final int upTo = countBelow(sorted, values[i], true);
      ranks[i] = (below + 1 + upTo) / 2.0;
    }
    return ranks;
  }

  /** How many of the sorted values are below {@code value}, or below or equal to it. */
  private static int countBelow(double[] sorted, double value, boolean orEqual) {
    int from = 0;
    int to = sorted.length;
    while (from < to) {
      final int middle = (from + to) >>> 1;
      if (sorted[middle] < value || (orEqual && sorted[middle] == value)) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    return from;
  }

  private static boolean varies(double[] values) {
    return Arrays.stream(values).allMatch(Double::isFinite)
        && Arrays.stream(values).anyMatch(v -> v != values[0]);
  }

  /** {@code (x - mean) / |x - mean|} of the scaled series. */
  private static double[] standardized(double[] x) {
    double peak = 0;
    for (double v : x) {
      peak = Math.max(peak, Math.abs(v));
    }
    final int exponent = Math.getExponent(peak);
    final double[] z = new double[x.length];
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      z[i] = Math.scalb(x[i], -exponent);
      sum += z[i];
    }
    final double mean = sum / x.length;
    double squares = 0;
    for (int i = 0; i < x.length; i++) {
      z[i] -= mean;
      squares += z[i] * z[i];
    }
    final double norm = Math.sqrt(squares);
    for (int i = 0; i < x.length; i++) {
      z[i] /= norm;
    }
    return z;
  }

  static void requirePairs(double[] x, double[] y) {
    if (x.length != y.length || x.length == 0) {
      throw new IllegalArgumentException(
          "A correlation needs two series of the same length, at least 1: "
              + x.length
              + " and "
              + y.length);
    }
  }
}
