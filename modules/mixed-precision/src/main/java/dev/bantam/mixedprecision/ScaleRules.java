package dev.bantam.mixedprecision;

/**
 * Scales of a group from the range of its weights.
 *
 * <p>With L = 2^(bits-1) - 1. Every result is a positive value of the type it is stored in. A group
 * of zeros has scale 1. Where the rounding of a tiny scale to its type would clip the largest
 * weight by a whole step, the next larger value of the type is taken.
 */
final class ScaleRules {
  private ScaleRules() {}

  /** Largest magnitude of a group. */
  static float peak(float[] w, int from, int n) {
    float peak = 0f;
    for (int i = from; i < from + n; i++) {
      peak = Math.max(peak, Math.abs(w[i]));
    }
    return peak;
  }

  /** Smallest weight of a group, or 0 if all are positive. */
  static float lowest(float[] w, int from, int n) {
    float lowest = 0f;
    for (int i = from; i < from + n; i++) {
      lowest = Math.min(lowest, w[i]);
    }
    return lowest;
  }

  /** Largest weight of a group, or 0 if all are negative. */
  static float highest(float[] w, int from, int n) {
    float highest = 0f;
    for (int i = from; i < from + n; i++) {
      highest = Math.max(highest, w[i]);
    }
    return highest;
  }

  /**
   * {@code peak / L}: codes -L..L reach both ends exactly, the code -L-1 is not used.
   *
   * @param peak largest magnitude, finite
   */
  static float restricted(float peak, int bits, ScaleType type) {
    final int top = (1 << (bits - 1)) - 1;
    return stored(peak, top, peak / top, type);
  }

  /**
   * {@code peak / (L + 0.5)}: codes -L-1..L, the range they cover is centred; +peak is clipped by
   * half a step.
   */
  static float half(float peak, int bits, ScaleType type) {
    final int top = (1 << (bits - 1)) - 1;
    return stored(peak, top + 1, peak / (top + 0.5f), type);
  }

  /**
   * {@code (highest - lowest) / (2^bits - 1)}: codes from one end to the other, zero included.
   *
   * @param lowest at most 0
   * @param highest at least 0
   */
  static float affine(float lowest, float highest, int bits, ScaleType type) {
    final int steps = (1 << bits) - 1;
    final float range = highest - lowest;
    return stored(range, steps, range / steps, type);
  }

  /** {@code clamp(rint(n - lowest / scale), n, -n-1)} with n = -2^(bits-1). */
  static int zeroPoint(float lowest, float scale, int bits) {
    final int low = -(1 << (bits - 1));
    return (int) Math.max(low, Math.min(-low - 1, Math.rint(low - lowest / scale)));
  }

  private static float stored(float reach, int steps, float exact, ScaleType type) {
    if (reach == 0f) {
      return 1f;
    }
    float scale = type.round(exact);
    while (Math.rint(reach / scale) > steps) {
      scale = type.up(scale);
    }
    return scale;
  }
}
