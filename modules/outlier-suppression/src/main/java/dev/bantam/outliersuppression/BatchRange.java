package dev.bantam.outliersuppression;

import java.util.Arrays;

/** A range for the values of one batch. */
@FunctionalInterface
interface BatchRange {
  /**
   * The range.
   *
   * @param x [rows, columns], not modified; the array may be longer
   */
  Range of(float[] x, int rows, int columns);

  /** All of it. */
  static Range minMax(float[] x, int rows, int columns) {
    return Range.of(x, 0, rows * columns);
  }

  /**
   * Cuts whole tokens that stick out (token-wise clipping, coarse stage: Wei et al. 2022): with
   * {@code o_t} the largest value of token t, the upper bound is the largest {@code o_t} not above
   * the {@code share}-quantile of all {@code |o_t|}; the lower one likewise.
   *
   * @param share in [0, 1]
   */
  static BatchRange tokenQuantile(double share) {
    return (x, rows, columns) -> {
      final float[] upper = new float[rows];
      final float[] lower = new float[rows];
      for (int r = 0; r < rows; r++) {
        final Range row = Range.of(x, r * columns, columns);
        upper[r] = row.max();
        lower[r] = -row.min();
      }
      final Range all = minMax(x, rows, columns);
      return all.within(
          new Range(
              Math.min(-largestWithin(lower, share), all.max()),
              Math.max(largestWithin(upper, share), all.min())));
    };
  }

  private static float largestWithin(float[] extremes, double share) {
    final float[] sizes = new float[extremes.length];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = Math.abs(extremes[i]);
    }
    final float limit = quantile(sizes, share);
    float largest = Float.NEGATIVE_INFINITY;
    for (float extreme : extremes) {
      if (extreme <= limit) {
        largest = Math.max(largest, extreme);
      }
    }
    return largest;
  }

  /** Quantile with linear interpolation at {@code (n - 1) share}; sorts its argument. */
  private static float quantile(float[] values, double share) {
    Arrays.sort(values);
    final double at = (values.length - 1) * share;
    final int below = (int) Math.floor(at);
    final int above = Math.min(below + 1, values.length - 1);
    return (float) (values[below] + (at - below) * ((double) values[above] - values[below]));
  }
}
