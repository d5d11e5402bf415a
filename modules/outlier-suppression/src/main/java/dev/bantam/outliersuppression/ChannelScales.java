package dev.bantam.outliersuppression;

import java.util.Arrays;

/** Rules that give each channel its scale. */
final class ChannelScales {
  /** Below this a maximum or a scale counts as this much (SmoothQuant's code). */
  static final float LEAST = 1e-5f;

  private ChannelScales() {}

  /**
   * Squeezes channels that exceed a threshold into [-t, t]: {@code s_j = max(1, max_j / t, min_j /
   * -t)} (Outlier Suppression+, equation 8; right without a shift, too).
   *
   * @param t above 0
   */
  static float[] threshold(ChannelRanges ranges, double t) {
    final float limit = (float) t;
    final float[] scale = new float[ranges.max().length];
    for (int j = 0; j < scale.length; j++) {
      final float above = ranges.max()[j] > limit ? ranges.max()[j] / limit : 1f;
      final float below = ranges.min()[j] < -limit ? ranges.min()[j] / -limit : 1f;
      scale[j] = Math.max(above, below);
    }
    return scale;
  }

  /**
   * SmoothQuant (Xiao et al. 2023, equation 4): {@code s_j = max|X_j|^alpha / max|W_j|^(1-alpha)}.
   *
   * @param peaks largest magnitude of each channel
   * @param columns largest magnitude of each input over all weights that read the activation
   * @param alpha share of the difficulty that moves to the weights, in [0, 1]
   */
  static float[] smoothQuant(float[] peaks, float[] columns, double alpha) {
    final float[] scale = new float[peaks.length];
    for (int j = 0; j < scale.length; j++) {
      final float weight = Math.max(columns[j], LEAST);
      scale[j] =
          Math.max(
              (float) (Math.pow(peaks[j], alpha) / (float) Math.pow(weight, 1 - alpha)), LEAST);
    }
    return scale;
  }

  /** {@code max |W[:, j]|} of a weight [.., columns]. */
  static float[] columnPeaks(float[] weight, int columns) {
    final float[] peaks = new float[columns];
    for (int i = 0; i < weight.length; i++) {
      peaks[i % columns] = Math.max(peaks[i % columns], Math.abs(weight[i]));
    }
    return peaks;
  }

  /** No scaling. */
  static float[] ones(int channels) {
    final float[] ones = new float[channels];
    Arrays.fill(ones, 1f);
    return ones;
  }
}
