package dev.bantam.compression;

/** How far changed weights are from the original ones. */
public final class WeightErrors {
  private WeightErrors() {}

  /** {@code |a - b|^2 / |a|^2}, 0 if both are zero; sums in double. */
  public static double relative(float[] before, float[] after) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < before.length; i++) {
      final double d = (double) before[i] - after[i];
      difference += d * d;
      norm += (double) before[i] * before[i];
    }
    return difference == 0 ? 0 : difference / norm;
  }

  /** Share of zeros, in [0, 1]. */
  public static double sparsity(float[] weights) {
    long zeros = 0;
    for (float w : weights) {
      zeros += w == 0f ? 1 : 0;
    }
    return weights.length == 0 ? 0 : (double) zeros / weights.length;
  }
}
