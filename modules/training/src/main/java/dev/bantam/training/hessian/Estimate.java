package dev.bantam.training.hessian;

/**
 * A mean of independent samples.
 *
 * @param mean their mean
 * @param standardError their standard deviation (with n - 1) over the root of n; NaN for one sample
 * @param samples n
 */
public record Estimate(double mean, double standardError, int samples) {
  /** Of these samples, at least one. */
  public static Estimate of(double... samples) {
    double sum = 0;
    for (double x : samples) {
      sum += x;
    }
    final double mean = sum / samples.length;
    double squares = 0;
    for (double x : samples) {
      squares += (x - mean) * (x - mean);
    }
    return new Estimate(
        mean, Math.sqrt(squares / (samples.length - 1) / samples.length), samples.length);
  }

  /** In other units. */
  public Estimate times(double factor) {
    return new Estimate(factor * mean, Math.abs(factor) * standardError, samples);
  }
}
