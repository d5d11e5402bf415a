package dev.bantam.binarization;

/**
 * The sign of a float as one bit. Zero counts as positive, so that every value has a bit; negative
 * zero as negative, because that is what is left of a strongly negative number behind GELU. It is
 * the float's own sign bit, in training and in packed products alike.
 */
final class Signs {
  private Signs() {}

  /** +1 or -1. */
  static float of(float x) {
    return isPositive(x) ? 1f : -1f;
  }

  /** Whether the straight-through gradient passes: strictly between -1 and 1. */
  static boolean passes(float x) {
    return x > -1f && x < 1f;
  }

  /** Whether the sign is +1. */
  static boolean isPositive(float x) {
    return Float.floatToRawIntBits(x) >= 0;
  }
}
