package dev.bantam.outliersuppression;

import java.util.Arrays;

/**
 * Smallest and largest value of each channel of an activation. Independent of the order of rows.
 */
final class ChannelRanges {
  private final float[] min;
  private final float[] max;

  ChannelRanges(int channels) {
    min = new float[channels];
    max = new float[channels];
    Arrays.fill(min, Float.POSITIVE_INFINITY);
    Arrays.fill(max, Float.NEGATIVE_INFINITY);
  }

  /** Takes rows of channels; not to be modified. */
  void add(float[] x, int rows) {
    final int n = min.length;
    for (int r = 0; r < rows; r++) {
      for (int j = 0; j < n; j++) {
        final float value = x[r * n + j];
        min[j] = Math.min(min[j], value);
        max[j] = Math.max(max[j], value);
      }
    }
  }

  /** The smallest values, owned by this object. */
  float[] min() {
    return min;
  }

  /** The largest values, owned by this object. */
  float[] max() {
    return max;
  }

  /** Range over all channels. */
  Range tensor() {
    Range all = new Range(min[0], max[0]);
    for (int j = 1; j < min.length; j++) {
      all = all.union(new Range(min[j], max[j]));
    }
    return all;
  }

  /**
   * The shift that centres each channel, {@code z_j = (max + min) / 2} (Outlier Suppression+,
   * equation 5).
   */
  float[] centres() {
    final float[] z = new float[min.length];
    for (int j = 0; j < z.length; j++) {
      z[j] = (max[j] + min[j]) / 2;
    }
    return z;
  }

  /** The ranges of the same rows shifted. */
  ChannelRanges shifted(float[] z) {
    final ChannelRanges ranges = new ChannelRanges(z.length);
    for (int j = 0; j < z.length; j++) {
      ranges.min[j] = min[j] - z[j];
      ranges.max[j] = max[j] - z[j];
    }
    return ranges;
  }

  /** {@code max |x|} of each channel. */
  float[] peaks() {
    final float[] peaks = new float[min.length];
    for (int j = 0; j < peaks.length; j++) {
      peaks[j] = Math.max(Math.abs(min[j]), Math.abs(max[j]));
    }
    return peaks;
  }
}
