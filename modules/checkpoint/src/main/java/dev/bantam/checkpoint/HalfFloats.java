package dev.bantam.checkpoint;

/**
 * Conversions between float32 and the two 16-bit formats, IEEE binary16 (5 exponent bits, 10
 * mantissa bits) and bfloat16 (8 and 7). Narrowing rounds to the nearest value, ties to the even
 * one, keeps subnormals and overflows to infinity; NaN becomes the one quiet NaN. Widening is
 * exact.
 */
public final class HalfFloats {
  private static final short HALF_NAN = 0x7e00;
  private static final short BFLOAT_NAN = 0x7fc0;

  private HalfFloats() {}

  /** Bits of the binary16 nearest to {@code value}. */
  public static short toHalf(float value) {
    if (Float.isNaN(value)) {
      return HALF_NAN;
    }
    final int bits = Float.floatToRawIntBits(value);
    final int sign = (bits >>> 16) & 0x8000;
    final int magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x47800000) { // 65536 and above, infinity included
      return (short) (sign | 0x7c00);
    }
    if (magnitude < 0x33000000) { // below 2^-25, half of the smallest subnormal
      return (short) sign;
    }
    if (magnitude < 0x38800000) { // below 2^-14: subnormal, in steps of 2^-24
      final int shift = 126 - (magnitude >>> 23);
      return (short) (sign | roundedShift((magnitude & 0x7fffff) | 0x800000, shift));
    }
    // a carry out of the mantissa raises the exponent, up to infinity, as it should
    return (short) (sign | roundedShift(magnitude - 0x38000000, 13));
  }

  /** The value of binary16 bits. */
  public static float fromHalf(short half) {
    final int sign = (half & 0x8000) << 16;
    final int exponent = (half >>> 10) & 0x1f;
    final int mantissa = half & 0x3ff;
    if (exponent == 0x1f) {
      return Float.intBitsToFloat(sign | 0x7f800000 | (mantissa << 13));
    }
    if (exponent == 0) {
      final float magnitude = mantissa * 0x1p-24f;
      return sign == 0 ? magnitude : -magnitude;
    }
    return Float.intBitsToFloat(sign | ((exponent + 112) << 23) | (mantissa << 13));
  }

  /** Bits of the bfloat16 nearest to {@code value}. */
  public static short toBfloat(float value) {
    if (Float.isNaN(value)) {
      return BFLOAT_NAN;
    }
    final int bits = Float.floatToRawIntBits(value);
    return (short) (((bits >>> 16) & 0x8000) | roundedShift(bits & 0x7fffffff, 16));
  }

  /** The value of bfloat16 bits. */
  public static float fromBfloat(short bfloat) {
    return Float.intBitsToFloat(bfloat << 16);
  }

  /** {@code value / 2^shift}, ties to even; value is not negative, shift in [1, 24]. */
  private static int roundedShift(int value, int shift) {
    final int down = value >>> shift;
    final int rest = value & ((1 << shift) - 1);
    final int half = 1 << (shift - 1);
    return rest > half || (rest == half && (down & 1) == 1) ? down + 1 : down;
  }
}
