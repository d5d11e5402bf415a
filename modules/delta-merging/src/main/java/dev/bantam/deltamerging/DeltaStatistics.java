package dev.bantam.deltamerging;

import java.util.Locale;

/**
 * How large the differences between a fine-tuned model and its base are. Magnitudes are counted in
 * bins of 1/128 of their size, so quantiles are exact to 0.8 %; counts can be added in any order.
 * Not thread-safe.
 */
public final class DeltaStatistics {
  /** DARE's paper: fine-tunes whose deltas stay below about this lose little. */
  public static final double LARGE_DELTA = 0.01;

  /** Norm of the deltas over that of the base from which dropping is known to fail. */
  public static final double LARGE_RATIO = 0.05;

  private static final int BINS = 1 << 15;

  private final long[] counts = new long[BINS];
  private long elements;
  private long zeros;
  private double squares;
  private double baseSquares;
  private float largest;

  /**
   * Adds every {@code stride}-th element of a tensor.
   *
   * @param tuned not modified
   * @param base not modified
   */
  public void add(float[] base, float[] tuned, int stride) {
    double own = 0;
    double origin = 0;
    for (int i = 0; i < base.length; i += stride) {
      final float delta = tuned[i] - base[i];
      final float magnitude = Math.abs(delta);
      counts[Float.floatToRawIntBits(magnitude) >>> 16]++;
      largest = Math.max(largest, magnitude);
      zeros += delta == 0 ? 1 : 0;
      own += (double) delta * delta;
      origin += (double) base[i] * base[i];
      elements++;
    }
    squares += own;
    baseSquares += origin;
  }

  /** Adds what another one has counted. */
  public void add(DeltaStatistics other) {
    for (int i = 0; i < BINS; i++) {
      counts[i] += other.counts[i];
    }
    elements += other.elements;
    zeros += other.zeros;
    squares += other.squares;
    baseSquares += other.baseSquares;
    largest = Math.max(largest, other.largest);
  }

  /** Number of elements. */
  public long elements() {
    return elements;
  }

  /** Share of elements that are the same in both models. */
  public double unchanged() {
    return elements == 0 ? 0 : (double) zeros / elements;
  }

  /** Largest magnitude. */
  public float largest() {
    return largest;
  }

  /** Norm of the deltas over that of the base; 0 if both are zero. */
  public double ratio() {
    return squares == 0 ? 0 : Math.sqrt(squares / baseSquares);
  }

  /** Root of the mean square. */
  public double rootMeanSquare() {
    return elements == 0 ? 0 : Math.sqrt(squares / elements);
  }

  /**
   * The magnitude that a share of the elements does not exceed, to 0.8 %.
   *
   * @param share in [0, 1]
   */
  public float quantile(double share) {
    final long rank = (long) Math.ceil(share * elements);
    long seen = 0;
    for (int bin = 0; bin < BINS; bin++) {
      seen += counts[bin];
      if (seen >= rank && seen > 0) {
        return Math.min(largest, Float.intBitsToFloat(bin << 16 | 0xffff));
      }
    }
    return largest;
  }

  /** Whether dropping most of these deltas at random is known to do harm. */
  public boolean tooLargeToDrop() {
    return quantile(0.99) > LARGE_DELTA || ratio() > LARGE_RATIO;
  }

  /** One line: median, 99th percentile, largest, ratio. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "|delta| median %.2e, 99 %% below %.2e, largest %.2e; norm %.4f of the base's; %.1f %%"
            + " unchanged",
        quantile(0.5),
        quantile(0.99),
        largest,
        ratio(),
        100 * unchanged());
  }
}
