package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.tensor.Hashes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against numpy's float16 and torch's bfloat16 casts of a million bit patterns. */
class HalfFloatsTest {
  @ParameterizedTest
  @ValueSource(strings = {"half-bulk-s1", "half-bulk-s2"})
  void narrowsAsNumpyAndTorch(String name) {
    final Path folder = Cases.folder("quantization/" + name);
    final JsonNode json = Cases.json(folder.resolve("case.json"));
    final int seed = json.path("parameters").path("seed").asInt();
    final JsonNode expected = json.path("expected");
    final IntUnaryOperator bits =
        i -> (int) (Integer.toUnsignedLong(i) * 2654435761L + seed * 40503L);
    check(expected, "all", i -> Float.intBitsToFloat(bits.applyAsInt(i)));
    check(expected, "scales", i -> (float) (bits.applyAsInt(i) / 2147483648.0 * 0.001));
  }

  @FunctionalInterface
  private interface Values {
    float at(int index);
  }

  private static void check(JsonNode expected, String which, Values values) {
    final int count = 1_000_000;
    final ByteBuffer half = ByteBuffer.allocate(2 * count).order(ByteOrder.LITTLE_ENDIAN);
    final ByteBuffer bfloat = ByteBuffer.allocate(2 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      half.putShort(HalfFloats.toHalf(values.at(i)));
      bfloat.putShort(HalfFloats.toBfloat(values.at(i)));
    }
    assertEquals(expected.path("sha256.float16." + which).asText(), Hashes.of(half.array()), which);
    assertEquals(
        expected.path("sha256.bfloat16." + which).asText(), Hashes.of(bfloat.array()), which);
  }

  /** By definition: sign, exponent and mantissa as powers of two in double. */
  @Test
  void widensEveryBitPatternExactly() {
    int checked = 0;
    for (int bits = 0; bits < 1 << 16; bits++) {
      final float half = HalfFloats.fromHalf((short) bits);
      final float bfloat = HalfFloats.fromBfloat((short) bits);
      assertSame(value(bits, 5, 10), half, bits);
      assertSame(value(bits, 8, 7), bfloat, bits);
      if (!Float.isNaN(half)) {
        assertEquals((short) bits, HalfFloats.toHalf(half));
      }
      if (!Float.isNaN(bfloat)) {
        assertEquals((short) bits, HalfFloats.toBfloat(bfloat));
      }
      checked++;
    }
    assertEquals(65536, checked);
  }

  private static void assertSame(double expected, float actual, int bits) {
    assertTrue(
        Double.compare(expected, actual) == 0,
        Integer.toHexString(bits) + ": " + actual + " instead of " + expected);
  }

  private static double value(int bits, int exponentBits, int mantissaBits) {
    final double sign = (bits & 0x8000) == 0 ? 1 : -1;
    final int exponent = (bits & 0x7fff) >> mantissaBits;
    final int mantissa = bits & ((1 << mantissaBits) - 1);
    final int bias = (1 << (exponentBits - 1)) - 1;
    final double fraction = mantissa / (double) (1 << mantissaBits);
    if (exponent == (1 << exponentBits) - 1) {
      return mantissa == 0 ? sign * Double.POSITIVE_INFINITY : Double.NaN;
    }
    return exponent == 0
        ? sign * fraction * Math.pow(2, 1 - bias)
        : sign * (1 + fraction) * Math.pow(2, exponent - bias);
  }
}
