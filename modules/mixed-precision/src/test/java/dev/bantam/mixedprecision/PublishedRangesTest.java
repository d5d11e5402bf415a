package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.mixedprecision.WeightFormat.Range;
import dev.bantam.mixedprecision.WeightFormat.Scheme;
import dev.bantam.tensor.Workers;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranges, scales and codes of HAWQ-V3's code (Zhen-Dong/HAWQ at 1616df69fdd9, float32). */
class PublishedRangesTest {
  private static GoldenCase golden() {
    return new GoldenCase(GoldenCase.folders("hessian", "hawq-functions").get(0));
  }

  private static GroupedTensor quantize(
      float[] w, int rows, int bits, Scheme scheme, OptionalInt buckets) {
    final WeightFormat format =
        new WeightFormat(
            bits,
            OptionalInt.empty(),
            buckets,
            scheme,
            Range.MIN_MAX,
            WeightFormat.PERCENTILE,
            ScaleType.FLOAT32);
    try (Workers workers = new Workers(1)) {
      return MatrixQuantizer.quantize("w", w, rows, w.length / rows, format, workers);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 8})
  void symmetricRowsAndWholeTensors(int bits) {
    try (GoldenCase golden = golden()) {
      final float[] w = golden.floats("in.w");
      final int rows = (int) golden.shape("in.w")[0];
      check(golden, "sym_k" + bits, quantize(w, rows, bits, Scheme.SYMMETRIC, OptionalInt.empty()));
      check(
          golden,
          "sym_tensor_k" + bits,
          quantize(w, rows, bits, Scheme.SYMMETRIC, OptionalInt.of(1)));
    }
  }

  private static void check(GoldenCase golden, String name, GroupedTensor form) {
    final float[] scales = golden.floats("out." + name + "_scale");
    final int[] codes = golden.ints("out." + name + "_codes");
    final byte[] found = form.codes();
    for (int i = 0; i < codes.length; i++) {
      assertEquals(codes[i], found[i], name + " code " + i);
    }
    int compared = 0;
    for (int g = 0; g < scales.length; g++) {
      if (scales[g] > 1e-6) { // a row of zeros has an epsilon there, 1 here
        assertEquals(scales[g], form.scales()[g], 1e-6 * scales[g], name);
        compared++;
      }
    }
    assertTrue(compared >= scales.length - 1, name);
  }

  /** Zero points are those without an offset of the codes; ties may go to the other neighbour. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 8})
  void affineRowsThatHoldBothSigns(int bits) {
    try (GoldenCase golden = golden()) {
      final float[] w = golden.floats("in.w");
      final int rows = (int) golden.shape("in.w")[0];
      final int columns = w.length / rows;
      final GroupedTensor form = quantize(w, rows, bits, Scheme.AFFINE, OptionalInt.empty());
      final float[] scales = golden.floats("out.asym_k" + bits + "_scale");
      final int[] zeros = golden.ints("out.asym_k" + bits + "_zero");
      final int[] codes = golden.ints("out.asym_k" + bits + "_codes");
      final int half = 1 << (bits - 1);
      int compared = 0;
      for (int r = 0; r < rows; r++) {
        if (ScaleRules.lowest(w, r * columns, columns) < 0
            && ScaleRules.highest(w, r * columns, columns) > 0) {
          compared++;
          assertEquals(scales[r], form.scales()[r], 1e-6 * scales[r], "row " + r);
          assertEquals(zeros[r], form.zeroPoints()[r] + half, "row " + r);
          for (int i = r * columns; i < (r + 1) * columns; i++) {
            final double steps = w[i] / scales[r];
            if (Math.abs(steps - Math.floor(steps) - 0.5) > 1e-5) {
              // codes are not clamped there
              final int clamped = Math.max(0, Math.min(2 * half - 1, codes[i]));
              assertEquals(clamped, form.codes()[i] + half, "element " + i);
            }
          }
        }
      }
      assertTrue(compared >= 2, compared + " rows");
    }
  }

  @Test
  void percentiles() {
    try (GoldenCase golden = golden()) {
      final float[] x = golden.floats("in.x");
      final double[][] pairs = {{0.1, 99.9}, {1, 99}, {5, 95}, {0, 99.99}};
      for (double[] pair : pairs) {
        final JsonNode expected =
            golden.expected().path("percentile_" + shortest(pair[0]) + "_" + shortest(pair[1]));
        assertEquals(
            expected.get(1).asDouble(), Percentiles.upper(x, 0, x.length, pair[1]), 1e-7, "upper");
        if (pair[0] > 0) { // 0 gives 0 there, not the least value
          assertEquals(
              expected.get(0).asDouble(),
              Percentiles.lower(x, 0, x.length, 100 - pair[0]),
              1e-7,
              "lower");
        }
      }
    }
  }

  private static String shortest(double p) {
    return p == Math.rint(p) ? Integer.toString((int) p) : Double.toString(p);
  }

  /** Of 1..100 in any order: 5 lie above 95, and 5 below 6. */
  @Test
  void percentilesByHand() {
    final float[] w = new float[102];
    for (int i = 0; i < 100; i++) {
      w[1 + i] = (i * 37 % 100 + 1) * (i % 2 == 0 ? 1 : -1);
    }
    assertEquals(95f, Percentiles.ofMagnitudes(w, 1, 100, 95));
    assertEquals(100f, Percentiles.ofMagnitudes(w, 1, 100, 100));
    assertEquals(1f, Percentiles.ofMagnitudes(w, 1, 100, 0.1));
  }

  /** As many weights lie beyond the codes as the percentile says, and the rest within. */
  @ParameterizedTest
  @EnumSource(Scheme.class)
  void percentileRangesClipTheirShare(Scheme scheme) {
    final float[] w = new float[2000];
    final java.util.Random random = new java.util.Random(2);
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian();
    }
    final WeightFormat format =
        WeightFormat.read(
            new MapSettings(
                Map.of(
                    "bits",
                    8,
                    "range",
                    "percentile",
                    "percentile",
                    99.0,
                    "scheme",
                    scheme.name().toLowerCase(java.util.Locale.ROOT),
                    "scale-type",
                    "float32")));
    assertTrue(format.describe().contains("percentile 99.0 range"), format.describe());
    final GroupGrid grid = GroupFit.of(format).fit(w, 0, w.length);
    int clipped = 0;
    for (float x : w) {
      clipped += Math.abs(grid.value(grid.code(x)) - x) > grid.scale() ? 1 : 0;
    }
    // 1 % of the magnitudes, or 1 % at each end; those within a step are not seen
    final int expected = scheme == Scheme.SYMMETRIC ? 20 : 40;
    assertEquals(expected, clipped, 0.25 * expected, scheme + " clips " + clipped);
  }
}
