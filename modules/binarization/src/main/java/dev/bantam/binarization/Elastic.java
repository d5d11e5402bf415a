package dev.bantam.binarization;

/**
 * Elastic quantization (BiT, Liu et al. 2022, equations 6 to 9; learned step size, Esser et al.
 * 2020, at more than one bit): {@code alpha q + shift} with {@code q = clip(round((x - shift) /
 * alpha), Qn, Qp)}, or {@code alpha sign(x)} for one signed bit. Halves are rounded to even.
 *
 * <p>Two sets: signed values have {@code Qn = -2^(b-1)}, {@code Qp = 2^(b-1) - 1} (one bit: -1 and
 * 1), those that cannot be negative {@code Qn = 0}, {@code Qp = 2^b - 1}. The gradient passes from
 * Qn to Qp, both included.
 *
 * @param bits 1 to 8
 * @param signed which of the two sets
 */
record Elastic(int bits, boolean signed) {
  /** Smallest scale; smaller ones are taken as this. */
  static final float LEAST = 1e-5f;

  Elastic {
    if (bits < 1 || bits > 8) {
      throw new IllegalArgumentException("1 to 8 bits, not " + bits);
    }
  }

  /** Whether the codes are -1 and 1. */
  boolean signs() {
    return signed && bits == 1;
  }

  /** Lowest level. */
  int lowest() {
    return signed ? -(1 << (bits - 1)) : 0;
  }

  /** Highest level. */
  int highest() {
    return signs() ? 1 : signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
  }

  /** The scale that a training begins with: {@code 2 or 4 mean|x| / sqrt(Qp)}. */
  float initialScale(double meanMagnitude) {
    return (float) ((signed ? 2 : 4) * meanMagnitude / Math.sqrt(highest()));
  }

  /** The factor {@code 1 / sqrt(n Qp)} of the scale's gradient. */
  double gradientScale(long n) {
    return 1 / Math.sqrt((double) n * highest());
  }

  /** The level of a value. */
  float code(float x, float alpha, float shift) {
    if (signs()) {
      return Signs.of(x);
    }
    final float q = (float) Math.rint((x - shift) / alpha);
    return Math.max(lowest(), Math.min(highest(), q));
  }

  /** Whether the gradient of a value passes. */
  boolean passes(float x, float alpha, float shift) {
    final float q = (x - shift) / alpha;
    return signs() ? Math.abs(q) <= 1f : q >= lowest() && q <= highest();
  }

  /** Derivative of the coded value with respect to alpha, unscaled. */
  double byScale(float x, float alpha, float shift) {
    if (signs()) {
      return Signs.of(x);
    }
    final float q = (x - shift) / alpha;
    if (q < lowest()) {
      return lowest();
    }
    return q > highest() ? highest() : Math.rint(q) - q;
  }
}
