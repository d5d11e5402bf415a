package dev.bantam.outliersuppression;

import java.util.Arrays;

/** A range for the values of one batch. */
@FunctionalInterface
interface BatchRange {
  /** Bins of {@link #histogramQuantile}, as in the reference code. */
  int QUANTILE_BINS = 2048;

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

  /**
   * Cuts magnitudes beyond a share of all values, found in {@value #QUANTILE_BINS} bins from 0 to
   * the largest: at the centre of the first bin up to which there are at least that many.
   *
   * @param share in (0, 1]
   */
  static BatchRange histogramQuantile(double share) {
    return (x, rows, columns) -> {
      final Range all = minMax(x, rows, columns);
      final float peak = all.peak();
      if (peak == 0f) {
        return all;
      }
      final long[] counts = new long[QUANTILE_BINS];
      final int n = rows * columns;
      for (int i = 0; i < n; i++) {
        counts[Math.min(QUANTILE_BINS - 1, (int) (Math.abs(x[i]) / peak * QUANTILE_BINS))]++;
      }
      final double wanted = share * n;
      long sum = 0;
      int bin = -1;
      do {
        bin++;
        sum += counts[bin];
      } while (sum < wanted && bin < QUANTILE_BINS - 1);
      final float clip = (float) ((bin + 0.5) * (peak / (double) QUANTILE_BINS));
      return all.within(new Range(-clip, clip));
    };
  }

  /**
   * The range with the least squared error, by the exhaustive search of the reference code: 100
   * thresholds for symmetric codes and for data on one side of zero, else 100 widths with every
   * zero point. The first of equal errors stays, which is the narrowest.
   */
  static BatchRange leastSquares(Codes codes, int bits) {
    return (x, rows, columns) -> LeastSquaresRange.search(x, rows * columns, codes, bits);
  }
}
