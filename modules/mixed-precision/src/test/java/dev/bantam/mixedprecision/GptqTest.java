package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.compression.LayerHessian;
import dev.bantam.compression.SecondMoments;
import dev.bantam.mixedprecision.WeightFormat.Range;
import dev.bantam.mixedprecision.WeightFormat.Scheme;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * GPTQ against the authors' code (IST-DASLab/gptq at 2d65066eeb06, run in float64; the headers of
 * the cases have the settings), and against what is least by brute force.
 */
class GptqTest {
  static List<Path> cases() {
    return GoldenCase.folders("hessian", "gptq-");
  }

  /** One layer and what the published code made of it. */
  private static final class Layer {
    final GoldenCase golden;
    final JsonNode settings;
    final int rows;
    final int columns;
    final float[] w;
    final float[] x;

    Layer(GoldenCase golden) {
      this.golden = golden;
      this.settings = golden.parameters();
      this.rows = (int) golden.shape("in.w")[0];
      this.columns = (int) golden.shape("in.w")[1];
      this.w = golden.floats("in.w");
      this.x = golden.floats("in.x");
    }

    SecondMoments moments() {
      return GptqTest.moments(x, columns, 1);
    }

    int width() {
      final int size = settings.path("groupsize").asInt();
      return size < 0 ? columns : size;
    }

    LayerHessian hessian() {
      return LayerHessian.of(
          moments(), settings.path("percdamp").asDouble(), settings.path("actorder").asBoolean());
    }

    GptqRows kernel(LayerHessian hessian, Supplier<GroupFit> fits) {
      return new GptqRows(
          hessian,
          settings.path("blocksize").asInt(),
          width(),
          1,
          settings.path("static_groups").asBoolean()
              ? GptqRows.Groups.STATIC
              : GptqRows.Groups.DYNAMIC,
          fits);
    }

    /** Group of a column among those of its row. */
    int group(LayerHessian hessian, int column) {
      if (settings.path("static_groups").asBoolean()) {
        return column / width();
      }
      for (int j = 0; j < columns; j++) {
        if (hessian.column(j) == column) {
          return j / width();
        }
      }
      throw new AssertionError("no column " + column);
    }

    double outputError(float[] restored) {
      double error = 0;
      for (int t = 0; t < x.length / columns; t++) {
        for (int r = 0; r < rows; r++) {
          double y = 0;
          for (int c = 0; c < columns; c++) {
            y += ((double) restored[r * columns + c] - w[r * columns + c]) * x[t * columns + c];
          }
          error += y * y;
        }
      }
      return error;
    }
  }

  /** H of so many texts. */
  private static SecondMoments moments(float[] x, int columns, int texts) {
    try (Workers workers = new Workers(2);
        SecondMoments moments = new SecondMoments(columns, workers)) {
      moments.add(
          Floats.of(Floats.tensor(x, x.length / columns, columns)), x.length / columns, texts);
      return moments;
    }
  }

  /** Range, scale and zero point as the published quantizer finds them, in double. */
  private static GroupGrid published(JsonNode settings, float[] w, int from, int n) {
    final int bits = settings.path("bits").asInt();
    final boolean symmetric = settings.path("sym").asBoolean();
    double lowest = 0;
    double highest = 0;
    for (int i = from; i < from + n; i++) {
      lowest = Math.min(lowest, w[i]);
      highest = Math.max(highest, w[i]);
    }
    if (symmetric) {
      highest = Math.max(-lowest, highest);
      lowest = lowest < 0 ? -highest : lowest; // the flaw for rows without negative weights
    }
    if (lowest == 0 && highest == 0) {
      lowest = -1;
      highest = 1;
    }
    GroupGrid best = grid(lowest, highest, bits, symmetric);
    if (settings.path("mse").asBoolean()) {
      double least = Double.POSITIVE_INFINITY;
      final GroupGrid whole = best;
      final int steps =
          (int) (settings.path("maxshrink").asDouble() * settings.path("grid").asInt());
      for (int i = 0; i < steps; i++) {
        final double p = 1 - (double) i / settings.path("grid").asInt();
        final GroupGrid tried =
            symmetric
                ? GroupGrid.around(
                    (float) (p * (highest - lowest) / ((1 << bits) - 1)), whole.zero(), bits)
                : grid(p * lowest, p * highest, bits, false);
        double error = 0;
        for (int k = from; k < from + n; k++) {
          error +=
              Math.pow(
                  Math.abs(tried.value(tried.code(w[k])) - (double) w[k]),
                  settings.path("norm").asDouble());
        }
        if (error < least) {
          least = error;
          best = tried;
        }
      }
    }
    return best;
  }

  private static GroupGrid grid(double lowest, double highest, int bits, boolean symmetric) {
    final double scale = (highest - lowest) / ((1 << bits) - 1);
    final int half = 1 << (bits - 1);
    return GroupGrid.around(
        (float) scale, symmetric ? 0 : (int) Math.rint(-lowest / scale) - half, bits);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void equalsThePublishedCode(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final Layer layer = new Layer(golden);
      checkMoments(layer);
      final LayerHessian hessian = layer.hessian();
      if (golden.has("out.perm")) {
        final int[] perm = golden.ints("out.perm");
        for (int j = 0; j < perm.length; j++) {
          assertEquals(perm[j], hessian.column(j), "treated as number " + j);
        }
      }
      final byte[] codes = new byte[layer.w.length];
      final int across = (layer.columns + layer.width() - 1) / layer.width();
      final GroupGrid[] grids = new GroupGrid[layer.rows * across];
      final double error =
          layer
              .kernel(hessian, () -> (w, from, n) -> published(layer.settings, w, from, n))
              .quantize(layer.w, new boolean[0], 0, layer.rows, codes, grids);
      assertEquals(golden.expected().path("error").asDouble(), error, 2e-4 * error);
      check(layer, hessian, codes, grids, across);
    }
  }

  private static void checkMoments(Layer layer) {
    final double[] expected = layer.golden.doubles("out.H");
    final SecondMoments moments = layer.moments();
    double peak = 0;
    for (double h : expected) {
      peak = Math.max(peak, Math.abs(h));
    }
    for (int i = 0; i < layer.columns; i++) {
      for (int j = 0; j < layer.columns; j++) {
        assertEquals(expected[i * layer.columns + j], moments.at(i, j), 2e-6 * peak, i + "," + j);
      }
    }
  }

  private static void check(
      Layer layer, LayerHessian hessian, byte[] codes, GroupGrid[] grids, int across) {
    final GoldenCase golden = layer.golden;
    final int[] expectedCodes = golden.ints("out.codes");
    final int[] groups = golden.ints("out.group_of_column");
    final double[] weights = golden.doubles("out.weights");
    final double[] scales = golden.doubles("out.scales");
    final double[] zeros = golden.doubles("out.zeros");
    final int half = 1 << (layer.settings.path("bits").asInt() - 1);
    final float[] restored = new float[codes.length];
    for (int r = 0; r < layer.rows; r++) {
      for (int c = 0; c < layer.columns; c++) {
        final int i = r * layer.columns + c;
        assertEquals(groups[c], layer.group(hessian, c), "group of column " + c);
        final GroupGrid grid = grids[r * across + groups[c]];
        assertEquals(expectedCodes[i], codes[i] + half, "code " + r + "," + c);
        restored[i] = grid.value(codes[i]);
        assertEquals(weights[i], restored[i], 2e-7 + 1e-6 * Math.abs(weights[i]));
      }
      for (int g = 0; g < across; g++) {
        assertEquals(scales[r * across + g], grids[r * across + g].scale(), 2e-7);
        assertEquals(zeros[r * across + g], grids[r * across + g].zero() + half);
      }
    }
    final double output = golden.expected().path("output_error").asDouble();
    assertEquals(output, layer.outputError(restored), 1e-3 * output);
    assertTrue(output < golden.expected().path("rtn_output_error").asDouble());
  }

  /** The rules of our formats are those of the published code where it has no flaw. */
  @ParameterizedTest
  @CsvSource({"gptq-4bit-asym", "gptq-4bit-g8-b128", "gptq-4bit-g8-b8", "gptq-4bit-g8-actorder"})
  void affineFormatsAreThePublishedOnes(String name) {
    try (GoldenCase golden = new GoldenCase(GoldenCase.folders("hessian", name).get(0))) {
      final Layer layer = new Layer(golden);
      final LayerHessian hessian = layer.hessian();
      final WeightFormat format =
          new WeightFormat(4, OptionalInt.empty(), Scheme.AFFINE, Range.MIN_MAX, ScaleType.FLOAT32);
      final byte[] codes = new byte[layer.w.length];
      final int across = (layer.columns + layer.width() - 1) / layer.width();
      final GroupGrid[] grids = new GroupGrid[layer.rows * across];
      layer
          .kernel(hessian, () -> GroupFit.of(format))
          .quantize(layer.w, new boolean[0], 0, layer.rows, codes, grids);
      check(layer, hessian, codes, grids, across);
    }
  }

  /** A row without negative weights loses half of its range there; not here. */
  @Test
  void positiveRowsKeepTheirRange() {
    try (GoldenCase golden =
        new GoldenCase(GoldenCase.folders("hessian", "gptq-3bit-sym-positive").get(0))) {
      final Layer layer = new Layer(golden);
      final WeightFormat format =
          new WeightFormat(
              3, OptionalInt.empty(), Scheme.SYMMETRIC, Range.MIN_MAX, ScaleType.FLOAT32);
      final byte[] codes = new byte[layer.w.length];
      final GroupGrid[] grids = new GroupGrid[layer.rows];
      layer
          .kernel(layer.hessian(), () -> GroupFit.of(format))
          .quantize(layer.w, new boolean[0], 0, layer.rows, codes, grids);
      final float[] restored = new float[codes.length];
      for (int i = 0; i < codes.length; i++) {
        restored[i] = grids[i / layer.columns].value(codes[i]);
      }
      assertTrue(
          layer.outputError(restored) < 0.7 * golden.expected().path("output_error").asDouble());
    }
  }

  /** Two columns: the second is moved to where the output is best, whatever the first became. */
  @Test
  void twoColumnsByHand() {
    final float[] x = {1, 1, 1, 2, 0, 1}; // H = [[2, 3], [3, 6]]
    final LayerHessian hessian = LayerHessian.of(moments(x, 2, 2), 1e-12, false);
    final byte[] codes = new byte[2];
    final GroupGrid[] grids = new GroupGrid[1];
    final GptqRows kernel =
        new GptqRows(
            hessian,
            1,
            2,
            1,
            GptqRows.Groups.STATIC,
            () -> (w, from, n) -> GroupGrid.around(1f, 0, 4));
    // the first loses .4, so the second gains .4 * 3/6 and goes from 2.4 to 2.6
    final double error =
        kernel.quantize(new float[] {1.4f, 2.4f}, new boolean[0], 0, 1, codes, grids);
    assertArrayEquals(new byte[] {1, 3}, codes);
    // half of d^T H d of d = (.4, -.6)
    assertEquals((2 * 0.16 - 2 * 3 * 0.24 + 6 * 0.36) / 2, error, 1e-6);
  }

  /** Inputs that do not depend on each other leave nothing to make up for. */
  @Test
  void uncorrelatedInputsAreRoundedToNearest() {
    final int n = 24;
    final float[] x = new float[n * n];
    for (int i = 0; i < n; i++) {
      x[i * n + i] = 1 + i % 5;
    }
    final Random random = new Random(4);
    final float[] w = new float[7 * n];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian();
    }
    for (Scheme scheme : Scheme.values()) {
      final WeightFormat format =
          new WeightFormat(3, OptionalInt.of(8), scheme, Range.of(scheme, 3), ScaleType.FLOAT16);
      final byte[] codes = new byte[w.length];
      final GroupGrid[] grids = new GroupGrid[21];
      new GptqRows(
              LayerHessian.of(moments(x, n, 2), 0.01, true),
              5,
              8,
              1,
              GptqRows.Groups.STATIC,
              () -> GroupFit.of(format))
          .quantize(w, new boolean[0], 0, 7, codes, grids);
      try (Workers workers = new Workers(1)) {
        assertArrayEquals(
            MatrixQuantizer.quantize("w", w, 7, n, format, workers).codes(), codes, scheme + "");
      }
    }
  }

  /** U^T U is the inverse of the damped H: their product is 1, in the order of treatment. */
  @ParameterizedTest
  @CsvSource({"1, false", "2, true", "37, false", "37, true", "130, true"})
  void upperIsTheFactorOfTheInverse(int n, boolean byDiagonal) {
    final Random random = new Random(n);
    final int rows = 3 * n;
    final float[] x = new float[rows * n];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) (random.nextGaussian() * (1 + i % n % 7));
    }
    final SecondMoments moments = moments(x, n, 2);
    final LayerHessian hessian = LayerHessian.of(moments, 0.01, byDiagonal);
    double trace = 0;
    for (int i = 0; i < n; i++) {
      trace += moments.at(i, i);
    }
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int k = 0; k < n; k++) {
          double inverse = 0;
          for (int m = 0; m <= Math.min(i, k); m++) {
            inverse += hessian.upper(m, i) * hessian.upper(m, k);
          }
          final double h =
              moments.at(hessian.column(k), hessian.column(j)) + (k == j ? 0.01 * trace / n : 0);
          sum += inverse * h;
        }
        assertEquals(i == j ? 1 : 0, sum, 1e-9, i + "," + j);
      }
      assertTrue(
          !byDiagonal
              || i == 0
              || moments.at(hessian.column(i), hessian.column(i))
                  <= moments.at(hessian.column(i - 1), hessian.column(i - 1)));
    }
  }

  @Test
  void whatCannotBeFactoredIsRefused() {
    final float[] x = {Float.NaN, 1};
    assertThrows(ArithmeticException.class, () -> LayerHessian.of(moments(x, 2, 2), 0.01, false));
  }

  /**
   * What is gone gets the code of zero, and what was added to it goes on to the columns behind it.
   */
  @Test
  void whatIsGoneStays() {
    final Random random = new Random(3);
    final int n = 24;
    final int rows = 5;
    final float[] x = new float[40 * n];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) (random.nextGaussian() + (i % n == 0 ? 0 : x[i - 1])); // neighbours alike
    }
    final float[] w = new float[rows * n];
    final boolean[] gone = new boolean[w.length];
    for (int i = 0; i < w.length; i++) {
      gone[i] = random.nextInt(2) == 0;
      w[i] = gone[i] ? 0f : (float) random.nextGaussian();
    }
    final WeightFormat format = WeightFormat.of(4, OptionalInt.empty());
    final LayerHessian hessian = LayerHessian.of(moments(x, n, 1), 0.01, false);
    final GptqRows kernel =
        new GptqRows(hessian, 8, n, 1, GptqRows.Groups.STATIC, () -> GroupFit.of(format));
    final byte[] codes = new byte[w.length];
    final GroupGrid[] grids = new GroupGrid[rows];
    kernel.quantize(w, gone, 0, rows, codes, grids);
    final byte[] without = new byte[w.length];
    kernel.quantize(w, new boolean[0], 0, rows, without, new GroupGrid[rows]);
    int brought = 0;
    double ours = 0;
    double nearest = 0;
    for (int t = 0; t < 40; t++) {
      for (int r = 0; r < rows; r++) {
        double own = 0;
        double plain = 0;
        for (int c = 0; c < n; c++) {
          final int i = r * n + c;
          own += x[t * n + c] * ((double) grids[r].value(codes[i]) - w[i]);
          plain += x[t * n + c] * ((double) grids[r].value(grids[r].code(w[i])) - w[i]);
        }
        ours += own * own;
        nearest += plain * plain;
      }
    }
    for (int i = 0; i < w.length; i++) {
      if (gone[i]) {
        assertEquals(0f, grids[i / n].value(codes[i]));
        brought += without[i] == grids[i / n].code(0f) ? 0 : 1;
      }
    }
    assertTrue(brought > 0, "without it, some would come back");
    assertTrue(ours < nearest, ours + " against " + nearest);
  }
}
