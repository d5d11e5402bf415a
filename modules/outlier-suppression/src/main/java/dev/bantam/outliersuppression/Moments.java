package dev.bantam.outliersuppression;

/**
 * How far the values of an activation spread: what tells whether it can be rounded to integers.
 * Computed in double, in two passes over the values.
 *
 * @param mean of the values
 * @param variance of the values, over n
 * @param kurtosis fourth central moment over the squared variance, 3 for a Gaussian; 0 for
 *     constants
 * @param infinityNorm {@code max |x|}
 * @param outliers values more than six standard deviations from the mean (Bondarenko et al. 2021)
 */
record Moments(double mean, double variance, double kurtosis, float infinityNorm, long outliers) {
  private static final double SIGMAS = 6;

  /** Of some values, at least one. */
  static Moments of(float[] x, int from, int n) {
    double sum = 0;
    float peak = 0;
    for (int i = from; i < from + n; i++) {
      sum += x[i];
      peak = Math.max(peak, Math.abs(x[i]));
    }
    final double mean = sum / n;
    double squares = 0;
    double fourths = 0;
    for (int i = from; i < from + n; i++) {
      final double d = x[i] - mean;
      squares += d * d;
      fourths += d * d * d * d;
    }
    final double variance = squares / n;
    final double limit = SIGMAS * Math.sqrt(variance);
    long outliers = 0;
    for (int i = from; i < from + n; i++) {
      outliers += Math.abs(x[i] - mean) > limit ? 1 : 0;
    }
    final double kurtosis = variance == 0 ? 0 : fourths / n / (variance * variance);
    return new Moments(mean, variance, kurtosis, peak, outliers);
  }
}
