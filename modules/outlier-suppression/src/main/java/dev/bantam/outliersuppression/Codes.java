package dev.bantam.outliersuppression;

/** Which integers a width has, and how a range becomes scale and zero point. */
enum Codes {
  /** {@code 0..2^b-1} with a zero point: the codes span the range, zero included. */
  AFFINE {
    @Override
    Quantizer of(float min, float max, int bits) {
      final int high = (1 << bits) - 1;
      final float least = Math.min(min, 0f);
      final float scale = Math.max((Math.max(max, 0f) - least) / high, LEAST_SCALE);
      final float zero = (float) Math.rint(-least / scale);
      return new Quantizer(scale, (int) Math.max(0, Math.min(high, zero)), 0, high);
    }

    @Override
    int levels(Range range, int bits) {
      final double width = Math.max(range.max(), 0.0) - Math.min(range.min(), 0.0);
      return width == 0 ? 1 << bits : (int) Math.rint((1 << bits) * range.peak() / width);
    }
  },
  /** {@code -L..L} with {@code L = 2^(b-1) - 1}; negation is exact. */
  SYMMETRIC {
    @Override
    Quantizer of(float min, float max, int bits) {
      final int top = (1 << (bits - 1)) - 1;
      final float peak = Math.max(-Math.min(min, 0f), Math.max(max, 0f));
      return new Quantizer(Math.max(peak / top, LEAST_SCALE), 0, -top, top);
    }

    @Override
    int levels(Range range, int bits) {
      return 1 << (bits - 1);
    }
  };

  /** A range of zeros gets this scale, float32's distance from 1 to the next number. */
  static final float LEAST_SCALE = Math.ulp(1f);

  /**
   * Codes for values of a range; zero is always one of the values.
   *
   * @param bits width of a code, 2..8
   */
  abstract Quantizer of(float min, float max, int bits);

  /**
   * How many codes there are from zero to the end of a range that lies farther from it.
   *
   * @param bits width of a code, 2..8
   */
  abstract int levels(Range range, int bits);

  /** As {@link #of(float, float, int)}. */
  Quantizer of(Range range, int bits) {
    return of(range.min(), range.max(), bits);
  }
}
