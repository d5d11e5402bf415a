package dev.bantam.mixedprecision;

/**
 * The levels of one group: what its codes stand for.
 *
 * <p>Codes are signed, in [low, high]. A code q restores to {@code (q - zero) * scale}, or to
 * {@code (q - zero) * scale + offset} where there is an offset; in float, one rounding an
 * operation.
 *
 * @param scale as stored, not 0
 * @param zero zero point, in [low, high]; with an offset the lowest code
 * @param offset as stored; 0 where the scheme has none
 * @param low smallest code
 * @param high largest code
 */
record GroupGrid(float scale, int zero, float offset, int low, int high) {
  /** Codes of so many bits around zero or a zero point. */
  static GroupGrid around(float scale, int zero, int bits) {
    final int low = -(1 << (bits - 1));
    return new GroupGrid(scale, zero, 0f, low, -low - 1);
  }

  /** Codes of so many bits above an offset. */
  static GroupGrid above(float scale, float offset, int bits) {
    final int low = -(1 << (bits - 1));
    return new GroupGrid(scale, low, offset, low, -low - 1);
  }

  /** The code of the nearest level: {@link IntegerCodes#code} of {@code x - offset}. */
  int code(float x) {
    return IntegerCodes.code(x - offset, scale, zero, low, high);
  }

  /** What a code restores to. */
  float value(int code) {
    return IntegerCodes.value(code, scale, zero) + offset;
  }

  /** {@code (x - offset) / scale}: where a weight lies, in steps. */
  float steps(float x) {
    return (x - offset) / scale;
  }
}
