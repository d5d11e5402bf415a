package dev.bantam.mixedprecision;

/**
 * Derivatives of a fake-quantized weight {@code x^ = s q + b} with {@code q = clamp(rint(v), n, p)}
 * and {@code v = (x - b) / s}, the rounding passed straight through: LSQ (Esser et al. 2020,
 * equation 3) and, with an offset b, LSQ+ (Bhalgat et al. 2020).
 *
 * <p>Where v is n or p exactly it counts as clipped, as in the papers; some implementations test
 * the rounded code instead, half a step further out.
 */
final class StepGradients {
  private StepGradients() {}

  /** {@code n < v < p}: whether the derivative with respect to x is 1 and not 0. */
  static boolean inside(float v, int n, int p) {
    return v > n && v < p;
  }

  /** Derivative with respect to s: {@code rint(v) - v} inside, n below and p above. */
  static double ofStep(float v, int n, int p) {
    return v <= n ? n : v >= p ? p : Math.rint(v) - v;
  }

  /** Derivative with respect to b: 0 inside, 1 outside. */
  static double ofOffset(float v, int n, int p) {
    return inside(v, n, p) ? 0 : 1;
  }

  /**
   * What LSQ multiplies the gradient of a step with, so that steps move about as fast as weights:
   * {@code 1 / sqrt(count p)}.
   *
   * @param count weights that share the step
   * @param p largest code
   */
  static double scale(long count, int p) {
    return 1 / Math.sqrt((double) count * p);
  }
}
