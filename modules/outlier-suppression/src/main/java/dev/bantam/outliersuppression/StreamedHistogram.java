package dev.bantam.outliersuppression;

import java.util.Arrays;

/**
 * Counts of values in bins of equal width, in bounded memory for any number of values.
 *
 * <p>Widths are powers of two and edges multiples of the width; when a value lies outside, the
 * width doubles and pairs of bins are merged, which is exact. So the counts depend on the values
 * alone and not on their order.
 */
final class StreamedHistogram {
  /** Bins on each side of zero. */
  static final int HALF = 1 << 13;

  private static final int LEAST_EXPONENT = -120;

  private final long[] counts = new long[2 * HALF];
  private int exponent = LEAST_EXPONENT;
  private double width = Math.scalb(1.0, LEAST_EXPONENT);
  private double inverse = Math.scalb(1.0, -LEAST_EXPONENT);
  private float min = Float.POSITIVE_INFINITY;
  private float max = Float.NEGATIVE_INFINITY;
  private long total;

  /** Takes finite values; others have no bin. */
  void add(float[] x, int n) {
    final Range range = Range.of(x, 0, n);
    min = Math.min(min, range.min());
    max = Math.max(max, range.max());
    while (!fits(min) || !fits(max)) {
      widen();
    }
    for (int i = 0; i < n; i++) {
      counts[bin(x[i])]++;
    }
    total += n;
  }

  private boolean fits(float value) {
    final double at = Math.floor(value * inverse);
    return at >= -HALF && at < HALF;
  }

  private int bin(float value) {
    return (int) Math.floor(value * inverse) + HALF;
  }

  private void widen() {
    final long[] merged = new long[counts.length];
    for (int i = 0; i < counts.length; i++) {
      merged[Math.floorDiv(i - HALF, 2) + HALF] += counts[i];
    }
    System.arraycopy(merged, 0, counts, 0, merged.length);
    exponent++;
    width = Math.scalb(1.0, exponent);
    inverse = Math.scalb(1.0, -exponent);
  }

  /** Number of values. */
  long total() {
    return total;
  }

  /** Exactly the smallest and the largest value. */
  Range range() {
    return new Range(min, max);
  }

  /** Width of a bin. */
  double width() {
    return width;
  }

  /** What a range rule sees of the values. */
  @FunctionalInterface
  interface Visitor {
    /**
     * Takes a bin.
     *
     * @param centre of the bin, moved into the range; all its values count as this one
     * @param count values in it, at least 1
     */
    void visit(double centre, long count);
  }

  /** All bins that are not empty, from the lowest up. */
  void forEach(Visitor visitor) {
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        visitor.visit(Math.max(min, Math.min(max, (i - HALF + 0.5) * width)), counts[i]);
      }
    }
  }

  /**
   * The value below which a share of all values lies, as if those of a bin were spread evenly over
   * it: within one width of the exact quantile.
   *
   * @param share in [0, 1]
   */
  float quantile(double share) {
    final double wanted = share * total;
    double below = 0;
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0 && below + counts[i] >= wanted) {
        final double at = (i - HALF + (wanted - below) / counts[i]) * width;
        return (float) Math.max(min, Math.min(max, at));
      }
      below += counts[i];
    }
    return max;
  }

  /**
   * Counts of magnitudes in equal bins from 0 up; the last is the one with the largest magnitude.
   *
   * @param counts of the bins
   * @param width of a bin: a whole number of this histogram's, so that no count is torn apart
   */
  @SuppressWarnings("ArrayRecordComponent") // made once, read in loops
  record Magnitudes(long[] counts, double width) {}

  /** Magnitudes in as many bins as possible, but no more than so many. */
  Magnitudes magnitudes(int most) {
    int last = 0;
    for (int i = 0; i < counts.length; i++) {
      last = counts[i] > 0 ? Math.max(last, magnitude(i)) : last;
    }
    final int whole = last / most + 1;
    final long[] all = new long[last / whole + 1];
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        all[magnitude(i) / whole] += counts[i];
      }
    }
    return new Magnitudes(all, whole * width);
  }

  /** How many bins lie between one and zero. */
  private static int magnitude(int bin) {
    return bin < HALF ? HALF - 1 - bin : bin - HALF;
  }

  @Override
  public String toString() {
    return total + " values, " + Arrays.stream(counts).filter(c -> c > 0).count() + " bins";
  }
}
