package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.WeightErrors;
import dev.bantam.mixedprecision.WeightFormat.Range;
import dev.bantam.mixedprecision.WeightFormat.Scheme;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Codes above an offset, by hand and against a simulation of the method card. */
class OffsetCodesTest {
  private static WeightFormat format(int bits, ScaleType type) {
    return new WeightFormat(bits, OptionalInt.empty(), Scheme.OFFSET, Range.MIN_MAX, type);
  }

  private static GroupedTensor quantize(float[] w, int rows, WeightFormat format) {
    return MatrixQuantizer.quantize("w", w, rows, w.length / rows, format, new Workers(1));
  }

  @Test
  void workedExample() {
    final float[] x = {-1f, -0.4f, 0f, 0.1f, 0.5f, 2f};
    final GroupedTensor two = quantize(x, 1, format(2, ScaleType.FLOAT32));
    assertArrayEquals(new byte[] {-2, -1, -1, -1, 0, 1}, two.codes()); // 0, 1, 1, 1, 2, 3
    assertArrayEquals(new float[] {-1, 0, 0, 0, 1, 2}, Floats.toArray(two.dense()));
    final GroupedTensor three = quantize(x, 1, format(3, ScaleType.FLOAT32));
    assertArrayEquals(new byte[] {-4, -3, -2, -1, 0, 3}, three.codes()); // 0, 1, 2, 3, 4, 7
    assertArrayEquals(
        new float[] {-1f, -0.571429f, -0.142857f, 0.285714f, 0.714286f, 2f},
        Floats.toArray(three.dense()),
        1e-6f);
    assertEquals(GroupedTensor.Zero.OFFSET, three.zero());
  }

  /** One group a row of a standard normal matrix: the card's figures, within its 10 %. */
  @ParameterizedTest
  @CsvSource({"2, 0.380", "3, 0.069", "4, 0.0150", "8, 5.2e-5"})
  void errorsOfANormalMatrix(int bits, double expected) {
    final Random random = new Random(4);
    final float[] w = new float[768 * 768];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian();
    }
    final float[] restored =
        Floats.toArray(quantize(w, 768, format(bits, ScaleType.FLOAT32)).dense());
    assertEquals(expected, WeightErrors.relative(w, restored), 0.1 * expected);
  }

  /** Every weight is restored to the nearest of the levels. */
  @Test
  void nearestLevels() {
    final Random random = new Random(3);
    final float[] w = new float[5 * 33];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian() + 3;
    }
    for (int bits = 2; bits <= 8; bits++) {
      final GroupedTensor form = quantize(w, 5, format(bits, ScaleType.FLOAT16));
      final float[] restored = Floats.toArray(form.dense());
      for (int i = 0; i < w.length; i++) {
        final int g = i / 33;
        double best = Double.POSITIVE_INFINITY;
        for (int level = 0; level < 1 << bits; level++) {
          best =
              Math.min(
                  best, Math.abs(w[i] - (level * (double) form.scales()[g] + form.offsets()[g])));
        }
        assertEquals(best, Math.abs(w[i] - restored[i]), 1e-4 * form.scales()[g] + 1e-6);
      }
      assertEquals(
          form.storedBytes(), format(bits, ScaleType.FLOAT16).storedBytes(5, 33), bits + " bit");
    }
  }

  @Test
  void awkwardGroups() {
    for (float[] w : new float[][] {{0}, {5, 5, 5}, {-3e-9f, 0}, {1e-30f, -1e-30f, 7}}) {
      for (ScaleType type : ScaleType.values()) {
        final float[] back = Floats.toArray(quantize(w, 1, format(8, type)).dense());
        for (int i = 0; i < w.length; i++) {
          assertEquals(w[i], back[i], 0.005 * 7 + 1.2e-7);
        }
      }
    }
  }

  @Test
  void settings() {
    final MapSettings settings = new MapSettings(Map.of("bits", 3, "scheme", "offset"));
    final WeightFormat read = WeightFormat.read(settings);
    assertEquals(Range.MIN_MAX, read.range());
    assertEquals(Scheme.OFFSET, read.scheme());
    assertTrue(settings.problems.isEmpty(), settings.problems.toString());
    assertEquals("3 bit, rows, offset 0..7, min-max range, float16 scales", read.describe());
    final MapSettings searched =
        new MapSettings(Map.of("bits", 3, "scheme", "offset", "range", "mse"));
    WeightFormat.read(searched);
    assertEquals(1, searched.problems.size(), searched.problems.toString());
    assertTrue(searched.problems.get(0).contains("min-max"), searched.problems.toString());
  }
}
