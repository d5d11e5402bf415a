package dev.bantam.deltamerging;

import java.util.Arrays;

/**
 * Selection by magnitude without sorting: elements are ranked by falling {@code |v|}, equal ones by
 * rising index. A rank is found by counting the upper, then the lower 16 bits of the floats.
 */
final class Magnitudes {
  /** Up to this length sorting is faster than counting. */
  private static final int SORTED = 4096;

  private static final int BINS = 1 << 16;

  private Magnitudes() {}

  /**
   * The magnitude at a rank and what is larger.
   *
   * @param bits float bits of the magnitude at the rank
   * @param larger number of elements of larger magnitude
   */
  record Cut(int bits, long larger) {}

  /** Counts of magnitudes, refined in two passes; for vectors longer than an array, too. */
  static final class Counter {
    private final long[] upper = new long[BINS];
    private final long[] lower = new long[BINS];
    private int bin = -1;
    private long above;

    /** First pass. */
    void addUpper(float[] values) {
      for (float v : values) {
        upper[(Float.floatToRawIntBits(v) & 0x7fffffff) >>> 16]++;
      }
    }

    /**
     * Between the passes: which bin the rank is in.
     *
     * @param rank from 0, by falling magnitude
     */
    void choose(long rank) {
      above = 0;
      bin = BINS - 1;
      while (above + upper[bin] <= rank) {
        above += upper[bin--];
      }
    }

    /** Second pass. */
    void addLower(float[] values) {
      for (float v : values) {
        final int bits = Float.floatToRawIntBits(v) & 0x7fffffff;
        if (bits >>> 16 == bin) {
          lower[bits & 0xffff]++;
        }
      }
    }

    /** After the passes. */
    Cut cut(long rank) {
      long larger = above;
      int low = BINS - 1;
      while (larger + lower[low] <= rank) {
        larger += lower[low--];
      }
      return new Cut(bin << 16 | low, larger);
    }
  }

  /**
   * The cut at a rank.
   *
   * @param rank from 0, below the length
   */
  static Cut cut(float[] values, int rank) {
    if (values.length <= SORTED) {
      return sorted(values, rank);
    }
    final Counter counter = new Counter();
    counter.addUpper(values);
    counter.choose(rank);
    counter.addLower(values);
    return counter.cut(rank);
  }

  private static Cut sorted(float[] values, int rank) {
    final int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]) & 0x7fffffff;
    }
    Arrays.sort(bits);
    int last = bits.length - 1 - rank;
    final int found = bits[last];
    while (last + 1 < bits.length && bits[last + 1] == found) {
      last++;
    }
    return new Cut(found, bits.length - 1L - last);
  }

  /**
   * Sets everything to zero but the ranks {@code skip .. skip + keep - 1}.
   *
   * @param values in and out
   */
  static void keepRanks(float[] values, int skip, int keep) {
    if (keep <= 0) {
      Arrays.fill(values, 0f);
      return;
    }
    final Cut top = skip == 0 ? new Cut(Integer.MAX_VALUE, 0) : cut(values, skip);
    final int last = skip + keep - 1;
    final Cut bottom = last == values.length - 1 ? new Cut(-1, values.length) : cut(values, last);
    long topTies = 0;
    long bottomTies = 0;
    for (int i = 0; i < values.length; i++) {
      final int bits = Float.floatToRawIntBits(values[i]) & 0x7fffffff;
      boolean kept = bits <= top.bits && bits >= bottom.bits;
      if (bits == top.bits) {
        kept &= top.larger + topTies++ >= skip;
      }
      if (bits == bottom.bits) {
        kept &= bottom.larger + bottomTies++ <= last;
      }
      if (!kept) {
        values[i] = 0f;
      }
    }
  }

  /** Keeps the {@code max(1, floor(density n))} largest; all of them from density 1, none at 0. */
  static void keepLargest(float[] delta, double density) {
    if (density >= 1) {
      return;
    }
    final int keep = density <= 0 ? 0 : Math.max(1, (int) (density * delta.length));
    keepRanks(delta, 0, Math.min(keep, delta.length));
  }

  /**
   * Model Breadcrumbs (Davari and Belilovsky 2023): drops the {@code floor(gamma n)} largest and
   * then the smallest until {@code floor(density n)} are left; fewer of the largest where both do
   * not fit.
   */
  static void keepMiddle(float[] delta, double density, double gamma) {
    if (density >= 1) {
      return;
    }
    final int n = delta.length;
    final int keep = density <= 0 ? 0 : (int) (density * n);
    final int bottom = Math.max(0, n - keep - (int) (gamma * n));
    keepRanks(delta, n - bottom - keep, keep);
  }

  /**
   * The ablation of DARE: drops everything up to the k-th smallest magnitude, {@code k = floor(n
   * p)}, equal ones included. With k = 0 nothing is dropped.
   *
   * @param delta in and out
   * @param rate share to drop, p
   */
  static void dropSmallest(float[] delta, double rate) {
    final int k = (int) (delta.length * rate);
    if (k == 0) {
      return;
    }
    final int threshold = cut(delta, delta.length - k).bits;
    for (int i = 0; i < delta.length; i++) {
      if ((Float.floatToRawIntBits(delta[i]) & 0x7fffffff) <= threshold) {
        delta[i] = 0f;
      }
    }
  }
}
