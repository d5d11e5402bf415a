package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.mixedprecision.WeightFormat.Scheme;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Against compressed-tensors and llmcompressor, hand-made numbers and brute force. */
class ScaleRulesTest {
  private final ClipSearch search = new ClipSearch();

  static List<Path> qparams() {
    return GoldenCase.folders("quantization", "ct-qparams");
  }

  static List<Path> weights() {
    return GoldenCase.folders("quantization", "ct-weights");
  }

  static List<Path> searches() {
    return GoldenCase.folders("quantization", "llmcompressor-mse");
  }

  @ParameterizedTest
  @MethodSource("qparams")
  void scalesAndZeroPointsAsCompressedTensors(Path folder) {
    int checked = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      final float[] min = c.floats("input.min");
      final float[] max = c.floats("input.max");
      for (int bits : new int[] {2, 3, 4, 8}) {
        final float[] symmetric = c.floats("expected.scale.k" + bits + ".sym");
        final float[] affine = c.floats("expected.scale.k" + bits + ".asym");
        final int[] zeros = c.ints("expected.zero_point.k" + bits + ".asym");
        for (int i = 0; i < min.length; i++) {
          final float lowest = Math.min(0f, min[i]);
          final float highest = Math.max(0f, max[i]);
          if (lowest == highest) {
            continue; // there an epsilon, here 1
          }
          final float peak = Math.max(-lowest, highest);
          assertEquals(symmetric[i], ScaleRules.half(peak, bits, ScaleType.FLOAT32), "half " + i);
          final float scale = ScaleRules.affine(lowest, highest, bits, ScaleType.FLOAT32);
          assertEquals(affine[i], scale, "affine " + i);
          assertEquals(zeros[i], ScaleRules.zeroPoint(lowest, scale, bits), "zero point " + i);
          checked++;
        }
      }
    }
    assertTrue(checked >= 24, "checked " + checked);
  }

  @ParameterizedTest
  @CsvSource({"2", "3", "4", "5", "8"})
  void halfAndRestrictedByHand(int bits) {
    final int top = (1 << (bits - 1)) - 1;
    assertEquals(1f / top, ScaleRules.restricted(1f, bits, ScaleType.FLOAT32));
    assertEquals(2f / ((1 << bits) - 1), ScaleRules.half(1f, bits, ScaleType.FLOAT32));
    assertEquals(1f, ScaleRules.restricted(0f, bits, ScaleType.FLOAT16));
    assertEquals(1f, ScaleRules.half(0f, bits, ScaleType.FLOAT16));
    assertEquals(1f, ScaleRules.affine(0f, 0f, bits, ScaleType.FLOAT16));
  }

  /** x = (-1, .5, .25, -.25) at 4 bits: restricted -7 3 2 -2, half -7 4 2 -2. */
  @Test
  void codesOfTheTwoRules() {
    final float[] x = {-1f, 0.5f, 0.25f, -0.25f};
    assertCodes(x, ScaleRules.restricted(1f, 4, ScaleType.FLOAT32), -7, 3, 2, -2);
    assertCodes(x, ScaleRules.half(1f, 4, ScaleType.FLOAT32), -7, 4, 2, -2);
  }

  private static void assertCodes(float[] x, float scale, int... expected) {
    for (int i = 0; i < x.length; i++) {
      assertEquals(expected[i], IntegerCodes.code(x[i], scale, 0, -8, 7), "element " + i);
    }
  }

  /** Codes, packed words and restored weights of every matrix that the library wrote. */
  @ParameterizedTest
  @MethodSource("weights")
  void weightsAsCompressedTensorsWritesThem(Path folder) {
    int matrices = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      for (String name : c.names()) {
        if (!name.startsWith("input.weight.")) {
          continue;
        }
        final String key = name.substring("input.weight.".length());
        final int bits = c.parameters().path(key).path("num_bits").asInt();
        final boolean symmetric = c.parameters().path(key).path("symmetric").asBoolean();
        final int rows = (int) c.shape(name)[0];
        final int columns = (int) c.shape(name)[1];
        final int group = c.parameters().path(key).path("group").asInt();
        matrix(c, key, bits, symmetric, rows, columns, group == 0 ? columns : group);
        matrices++;
      }
    }
    assertEquals(9, matrices);
  }

  private static void matrix(
      GoldenCase c, String key, int bits, boolean symmetric, int rows, int columns, int group) {
    final float[] w = c.floats("input.weight." + key);
    final float[] scales = c.floats("expected.weight_scale." + key);
    final float[] dense = c.floats("expected.dense." + key);
    final int[] zeros =
        symmetric ? new int[scales.length] : c.ints("expected.zero_point_unpacked." + key);
    final int low = -(1 << (bits - 1));
    final byte[] codes = new byte[w.length];
    int ties = 0;
    for (int g = 0; g < scales.length; g++) {
      final int from = g * group;
      final float peak = ScaleRules.peak(w, from, group);
      float scale = scales[g];
      if (peak > 0) { // a group of zeros has an epsilon there, 1 here
        scale =
            symmetric
                ? ScaleRules.half(peak, bits, ScaleType.FLOAT32)
                : ScaleRules.affine(
                    ScaleRules.lowest(w, from, group),
                    ScaleRules.highest(w, from, group),
                    bits,
                    ScaleType.FLOAT32);
        assertEquals(scales[g], scale, key + " scale of group " + g);
        if (!symmetric) {
          assertEquals(
              zeros[g],
              ScaleRules.zeroPoint(ScaleRules.lowest(w, from, group), scale, bits),
              key + " zero point of group " + g);
        }
      }
      for (int i = from; i < from + group; i++) {
        codes[i] = (byte) IntegerCodes.code(w[i], scale, zeros[g], low, -low - 1);
      }
      for (int i = from; i < from + group; i++) {
        final float value = IntegerCodes.value(codes[i], scale, zeros[g]);
        if (value != dense[i]) {
          // ties with an odd zero point go to the other neighbour there
          assertTrue(zeros[g] % 2 != 0, key + " element " + i);
          assertEquals(0.5, Math.abs((w[i] / scale) % 1), 1e-6, key + " element " + i);
          ties++;
        }
      }
    }
    if (c.has("expected.weight_packed." + key) && ties == 0) {
      final byte[] words = c.bytes("expected.weight_packed." + key);
      assertWords(codes, rows, columns, bits, words, key);
    }
  }

  /** The library's words, read bit by bit. */
  private static void assertWords(
      byte[] codes, int rows, int columns, int bits, byte[] bytes, String key) {
    final ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    final int perRow = bytes.length / 4 / rows;
    for (int r = 0; r < rows; r++) {
      for (int col = 0; col < columns; col++) {
        int code = 0;
        for (int b = 0; b < bits; b++) {
          final int at = col * bits + b;
          code |= (words.getInt(4 * (r * perRow + at / 32)) >>> (at % 32) & 1) << b;
        }
        assertEquals(code - (1 << (bits - 1)), codes[r * columns + col], key + " " + r + " " + col);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("searches")
  void theLeastSquaresRangeIsThatOfLlmCompressor(Path folder) {
    int checked = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      final float[] w = c.floats("input.w");
      final int rows = (int) c.shape("input.w")[0];
      final int columns = (int) c.shape("input.w")[1];
      for (int bits : new int[] {2, 3, 4, 8}) {
        final String tail = ".p2.0.shrink0.8.patience1000"; // 80 candidates, no early stop
        final float[] symmetric = c.floats("expected.max.k" + bits + ".sym" + tail);
        final float[] low = c.floats("expected.min.k" + bits + ".asym" + tail);
        final float[] high = c.floats("expected.max.k" + bits + ".asym" + tail);
        for (int r = 0; r < rows; r++) {
          final int from = r * columns;
          final float peak = ScaleRules.peak(w, from, columns);
          if (peak == 0f) {
            continue;
          }
          final float share = search.symmetric(w, from, columns, bits, ScaleType.FLOAT32, 80, 0);
          final float theirs =
              Math.max(
                  Math.abs(symmetric[r]),
                  Math.abs(c.floats("expected.min.k" + bits + ".sym" + tail)[r]));
          assertEquals(theirs, peak * share, 1e-6f * theirs, "row " + r + ", " + bits + " bit");
          final float both = search.affine(w, from, columns, bits, ScaleType.FLOAT32, 80, 0);
          assertEquals(
              Math.min(low[r], 0f), both * ScaleRules.lowest(w, from, columns), 1e-6f, "low " + r);
          assertEquals(
              Math.max(high[r], 0f),
              both * ScaleRules.highest(w, from, columns),
              1e-6f * Math.max(1, Math.abs(high[r])),
              "high " + r);
          checked++;
        }
      }
    }
    assertTrue(checked >= 16, "checked " + checked);
  }

  /** What an object remembers of one group saves work on the next and changes nothing. */
  @Test
  void whatWasSearchedBeforeDoesNotMatter() {
    final Random random = new Random(9);
    for (int group = 0; group < 300; group++) {
      final float[] w = new float[1 + random.nextInt(150)];
      final boolean ties = group % 3 == 0; // few different weights make many equal errors
      for (int i = 0; i < w.length; i++) {
        final double g = random.nextGaussian();
        w[i] = (float) (ties ? Math.rint(g) : g * Math.exp(random.nextInt(4)));
      }
      final int bits = 2 + group % 7;
      final ClipSearch fresh = new ClipSearch();
      assertEquals(
          fresh.symmetric(w, 0, w.length, bits, ScaleType.FLOAT16, 100, 10),
          search.symmetric(w, 0, w.length, bits, ScaleType.FLOAT16, 100, 10),
          "group " + group);
      assertEquals(
          fresh.affine(w, 0, w.length, bits, ScaleType.FLOAT16, 100, 10),
          search.affine(w, 0, w.length, bits, ScaleType.FLOAT16, 100, 10),
          "group " + group + ", affine");
    }
  }

  /** The final search is never worse than any of a thousand scales tried blindly. */
  @Test
  void noOtherScaleIsMuchBetter() {
    final Random random = new Random(4);
    for (int bits = 2; bits <= 8; bits++) {
      final float[] w = new float[257];
      for (int i = 0; i < w.length; i++) {
        w[i] = (float) random.nextGaussian() * (i % 50 == 0 ? 4 : 1);
      }
      final int low = -(1 << (bits - 1));
      final float peak = ScaleRules.peak(w, 0, w.length);
      final float share =
          search.symmetric(
              w, 0, w.length, bits, ScaleType.FLOAT16, ClipSearch.COARSE, ClipSearch.FINE);
      final float scale = ScaleRules.half(peak * share, bits, ScaleType.FLOAT16);
      final double found = error(w, scale, low);
      double best = Double.POSITIVE_INFINITY;
      for (int i = 1; i <= 1000; i++) {
        final float s = peak * i / 1000 / (-low - 0.5f);
        best = Math.min(best, error(w, HalfFloats.fromHalf(HalfFloats.toHalf(s)), low));
      }
      assertTrue(found <= best * 1.02, bits + " bit: " + found + " against " + best);
    }
  }

  private static double error(float[] w, float scale, int low) {
    double sum = 0;
    for (float x : w) {
      double least = Double.POSITIVE_INFINITY;
      for (int q = low; q < -low; q++) {
        final double d = (double) (q * scale) - x;
        least = Math.min(least, d * d);
      }
      sum += least;
    }
    return sum;
  }

  /** Whatever the magnitude, no scale is 0 and the largest weight is not clipped by a step. */
  @Test
  void tinyAndHugeRangesHaveUsableScales() {
    int checked = 0;
    for (float peak = Float.MIN_VALUE; peak < 1e38f; peak *= 1.7f) {
      for (int bits = 2; bits <= 8; bits++) {
        for (ScaleType type : ScaleType.values()) {
          final int top = (1 << (bits - 1)) - 1;
          final float scale = ScaleRules.restricted(peak, bits, type);
          assertTrue(scale > 0, "peak " + peak);
          assertTrue(Math.rint(peak / scale) <= top, "peak " + peak + ", scale " + scale);
          final float affine = ScaleRules.affine(-peak, peak, bits, type);
          assertTrue(affine > 0 && Math.rint(2 * peak / affine) <= 2 * top + 1, "peak " + peak);
          checked++;
        }
      }
    }
    assertTrue(checked > 1000);
  }

  /** What training uses: a tenth of the candidates, little more error on normal weights. */
  @ParameterizedTest
  @CsvSource({"2, 64", "2, 384", "3, 64", "4, 128", "4, 1536", "8, 384"})
  void theQuickSearchIsNearlyAsGood(int bits, int group) {
    final Random random = new Random(bits);
    final float[] w = new float[60 * group];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian();
    }
    for (Scheme scheme : new Scheme[] {Scheme.SYMMETRIC, Scheme.AFFINE}) {
      final WeightFormat format =
          new WeightFormat(
              bits, OptionalInt.of(group), scheme, WeightFormat.Range.MSE, ScaleType.FLOAT16);
      final double least = error(w, group, GroupFit.of(format));
      final double quick = error(w, group, GroupFit.quick(format));
      assertTrue(
          quick <= (bits == 8 ? 1.05 : 1.02) * least, scheme + ": " + quick + " for " + least);
    }
  }

  private static double error(float[] w, int group, GroupFit fit) {
    double error = 0;
    for (int from = 0; from < w.length; from += group) {
      final GroupGrid grid = fit.fit(w, from, group);
      for (int i = from; i < from + group; i++) {
        error += Math.pow((double) grid.value(grid.code(w[i])) - w[i], 2);
      }
    }
    return error;
  }
}
