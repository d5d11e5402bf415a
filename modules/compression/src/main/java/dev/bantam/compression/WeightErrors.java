package dev.bantam.compression;

/** Figures about weights, and how far changed ones are from the original ones. */
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

  /** The infinity norm: the largest magnitude; 0 for no weights. */
  public static double largest(float[] weights) {
    double largest = 0;
    for (float w : weights) {
      largest = Math.max(largest, Math.abs(w));
    }
    return largest;
  }

  /**
   * Fourth central moment over the squared variance: 3 for a normal distribution, larger the more a
   * few weights stand out. NaN if all weights are equal.
   */
  public static double kurtosis(float[] weights) {
    double mean = 0;
    for (float w : weights) {
      mean += w;
    }
    mean /= weights.length;
    double second = 0;
    double fourth = 0;
    for (float w : weights) {
      final double square = (w - mean) * (w - mean);
      second += square;
      fourth += square * square;
    }
    return weights.length * fourth / (second * second);
  }
}
