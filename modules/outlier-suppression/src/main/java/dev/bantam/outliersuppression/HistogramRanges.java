package dev.bantam.outliersuppression;

/** Rules for the range of an activation, read off its histogram. */
final class HistogramRanges {
  private static final int COARSE = 100;
  private static final int FINE = 10;
  private static final int KL_BINS = 2048;

  private HistogramRanges() {}

  /**
   * Leaves out the same share of values at each end.
   *
   * @param percent share kept below the upper and above the lower bound, in (50, 100]
   */
  static Range percentile(StreamedHistogram histogram, double percent) {
    final double share = percent / 100;
    final float low = histogram.quantile(1 - share);
    return new Range(low, Math.max(low, histogram.quantile(share)));
  }

  /**
   * The range times the factor of least squared error of the rounded values: 1, 0.99, ..., 0.01 and
   * then thousandths around the best; the first of equals stays, which is the widest.
   */
  static Range leastSquares(StreamedHistogram histogram, Codes codes, int bits) {
    final Range all = histogram.range();
    int best = COARSE;
    double least = Double.POSITIVE_INFINITY;
    for (int i = COARSE; i >= 1; i--) {
      final double error = error(histogram, codes.of(all.times(i / 100.0), bits));
      if (error < least) {
        least = error;
        best = i;
      }
    }
    double factor = best / 100.0;
    for (int j = FINE; j >= -FINE; j--) {
      final double near = best / 100.0 + j / 1000.0;
      if (j != 0 && near > 0 && near <= 1) {
        final double error = error(histogram, codes.of(all.times(near), bits));
        if (error < least) {
          least = error;
          factor = near;
        }
      }
    }
    return all.times(factor);
  }

  private static double error(StreamedHistogram histogram, Quantizer quantizer) {
    final double[] sum = {0};
    histogram.forEach(
        (centre, count) -> {
          final double d = quantizer.round((float) centre) - centre;
          sum[0] += count * d * d;
        });
    return sum[0];
  }

  /**
   * Cuts magnitudes at the threshold whose quantized distribution diverges least from the true one
   * (Migacz 2017), found in at most {@value #KL_BINS} bins of magnitudes.
   *
   * <p>Threshold i keeps the first i bins as P, with everything beyond in the last; Q has the same
   * bins without what lies beyond, evened out within each of the levels that the codes of what is
   * kept have between zero and the threshold, and zero where P is. Both are normalised; bins where
   * P is zero count nothing, and a bin that Q has not makes the threshold impossible. The first of
   * equals stays.
   *
   * @param codes whose levels are meant
   * @param bits width of a code
   */
  static Range divergence(StreamedHistogram histogram, Codes codes, int bits) {
    final StreamedHistogram.Magnitudes magnitudes = histogram.magnitudes(KL_BINS);
    final Range all = histogram.range();
    Range best = all;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 1; i <= magnitudes.counts().length; i++) {
      final float threshold = (float) (i * magnitudes.width());
      final Range kept = all.within(new Range(-threshold, threshold));
      final int levels = codes.levels(kept, bits);
      final double divergence =
          i < levels
              ? Double.POSITIVE_INFINITY // a level has a bin at least
              : divergence(magnitudes.counts(), i, levels);
      if (divergence < least) {
        least = divergence;
        best = kept;
      }
    }
    return best;
  }

  /** KL(P | Q) of keeping the first {@code kept} bins at so many levels. */
  static double divergence(long[] counts, int kept, int levels) {
    long inside = 0;
    for (int i = 0; i < kept; i++) {
      inside += counts[i];
    }
    long beyond = 0;
    for (int i = kept; i < counts.length; i++) {
      beyond += counts[i];
    }
    if (inside == 0) {
      return Double.POSITIVE_INFINITY;
    }
    double divergence = 0;
    for (int level = 0; level < levels; level++) {
      final int from = (int) ((long) level * kept / levels);
      final int to = (int) ((long) (level + 1) * kept / levels);
      long sum = 0;
      int filled = 0;
      for (int i = from; i < to; i++) {
        sum += counts[i];
        filled += counts[i] > 0 || (i == kept - 1 && beyond > 0) ? 1 : 0;
      }
      for (int i = from; i < to; i++) {
        final long p = counts[i] + (i == kept - 1 ? beyond : 0);
        if (p > 0 && sum == 0) {
          return Double.POSITIVE_INFINITY;
        }
        if (p > 0) {
          final double share = (double) p / (inside + beyond);
          divergence += share * Math.log(share / ((double) sum / filled / inside));
        }
      }
    }
    return divergence;
  }
}
