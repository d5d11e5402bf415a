package dev.bantam.reader;

import java.nio.ByteBuffer;

/** Floating point numbers of 16 bits as float32; every one of them is exact there. */
final class Floats {
  private Floats() {}

  /** Fills {@code values[from .. from + count)} from the next bytes. */
  static void widen(ByteBuffer bytes, ElementType type, float[] values, int from, int count) {
    for (int i = from; i < from + count; i++) {
      values[i] =
          switch (type) {
            case F32 -> bytes.getFloat();
            case F16 -> half(bytes.getShort());
            case BF16 -> Float.intBitsToFloat(bytes.getShort() << 16);
            default -> throw new IllegalArgumentException(type + " is not a type of floats");
          };
    }
  }

  /** IEEE 754 binary16; a NaN keeps its sign and payload. */
  static float half(short bits) {
    final int sign = (bits & 0x8000) << 16;
    final int exponent = bits >>> 10 & 0x1f;
    final int fraction = bits & 0x3ff;
    if (exponent == 0) {
      final float magnitude = fraction * 0x1p-24f;
      return Float.intBitsToFloat(sign | Float.floatToRawIntBits(magnitude));
    }
    final int widened = exponent == 0x1f ? 0xff : exponent - 15 + 127;
    return Float.intBitsToFloat(sign | widened << 23 | fraction << 13);
  }
}
