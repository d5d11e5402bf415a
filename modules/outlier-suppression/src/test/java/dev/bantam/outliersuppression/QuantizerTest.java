package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizerTest {
  /** Outlier Suppression+ run on a matrix with a zero, a constant and a one-sided row. */
  @ParameterizedTest
  @CsvSource({
    "AFFINE,asym,4",
    "AFFINE,asym,6",
    "AFFINE,asym,8",
    "SYMMETRIC,sym,4",
    "SYMMETRIC,sym,6",
    "SYMMETRIC,sym,8"
  })
  void equalsOutlierSuppressionPlus(Codes codes, String word, int bits) {
    try (GoldenCase golden = GoldenCase.of("outliers", "osplus-fake-quant")) {
      final String key = "." + word + bits + ".";
      checkRuns(golden, "tensor" + key, codes, bits, golden.floats("w").length);
      checkRuns(golden, "channel" + key, codes, bits, (int) golden.shape("w")[1]);
      final float[] w = golden.floats("w");
      FakeQuantization.runs(w, w.length, 8, codes, bits);
      golden.near("group8" + key + "y", w);
    }
  }

  @ParameterizedTest
  @CsvSource({"AFFINE,asym,4", "AFFINE,asym,8"})
  void equalsOutlierSuppression(Codes codes, String word, int bits) {
    try (GoldenCase golden = GoldenCase.of("outliers", "os-fake-quant")) {
      final String key = "." + word + bits + ".";
      checkRuns(golden, "tensor" + key, codes, bits, golden.floats("w").length);
      checkRuns(golden, "channel" + key, codes, bits, (int) golden.shape("w")[1]);
    }
  }

  private static void checkRuns(GoldenCase golden, String key, Codes codes, int bits, int run) {
    final float[] w = golden.floats("w");
    final float[] scales = new float[w.length / run];
    final float[] zeros = new float[scales.length];
    final float[] integers = new float[w.length];
    for (int r = 0; r < scales.length; r++) {
      final Quantizer quantizer = codes.of(Range.of(w, r * run, run), bits);
      scales[r] = quantizer.scale();
      zeros[r] = quantizer.zero();
      for (int i = r * run; i < (r + 1) * run; i++) {
        integers[i] = quantizer.code(w[i]);
      }
    }
    FakeQuantization.runs(w, w.length, run, codes, bits);
    golden.near(key + "y", w);
    golden.near(key + "scale", scales);
    golden.near(key + "zero_point", zeros);
    if (golden.has(key + "codes")) {
      golden.near(key + "codes", integers);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 6, 8})
  void equalsSmoothQuant(int bits) {
    try (GoldenCase golden = GoldenCase.of("outliers", "smoothquant-fake-quant")) {
      for (String name : List.of("w", "x")) {
        final String each = name.equals("w") ? "channel" : "token";
        final int columns = (int) golden.shape(name)[golden.shape(name).length - 1];
        final float[] rows = golden.floats(name);
        FakeQuantization.runs(rows, rows.length, columns, Codes.SYMMETRIC, bits);
        golden.near(name + "." + each + bits, rows);
        final float[] all = golden.floats(name);
        FakeQuantization.runs(all, all.length, all.length, Codes.SYMMETRIC, bits);
        golden.near(name + ".tensor" + bits, all);
      }
    }
  }

  static List<Path> dynamic() {
    return GoldenCase.folders("quantization", "ort-dynamic-quantize-linear");
  }

  /**
   * Codes, scale and zero point of ONNX Runtime, bit for bit, where its range is no special case.
   */
  @ParameterizedTest
  @MethodSource("dynamic")
  void equalsDynamicQuantizeLinear(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      int compared = 0;
      for (String name : golden.names()) {
        if (!name.startsWith("input.")) {
          continue;
        }
        final String which = name.substring("input.".length());
        final float[] x = golden.floats(name);
        final float scale = golden.floats("expected.scale." + which)[0];
        if (which.equals("nan") || which.equals("zeros") || scale <= Codes.LEAST_SCALE) {
          continue;
        }
        final Quantizer quantizer = Codes.AFFINE.of(Range.of(x, 0, x.length), 8);
        assertEquals(scale, quantizer.scale(), which);
        assertEquals(golden.expected().path("zero_point." + which).asInt(-1), quantizer.zero());
        final int[] expected = golden.ints("expected.q." + which);
        for (int i = 0; i < x.length; i++) {
          assertEquals(expected[i], quantizer.code(x[i]), which + " " + i);
        }
        compared++;
      }
      assertTrue(compared >= 9, "compared " + compared);
    }
  }

  static List<Path> torch() {
    return GoldenCase.folders("quantization", "torch-fake-quantize");
  }

  /** PyTorch multiplies by 1 / scale, so at ties its value is that of a neighbouring code. */
  @ParameterizedTest
  @MethodSource("torch")
  void passesGradientsWhereTorchDoes(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final float scale = (float) golden.parameters().path("scale").asDouble();
      final float[] x = golden.floats("input.x");
      final float[] upstream = golden.floats("input.upstream");
      int ties = 0;
      for (String grid : List.of("-8.7.0", "0.15.5", "-128.127.0", "-2.1.0", "-1.1.0")) {
        final String[] parts = grid.split("\\.", -1);
        final Quantizer quantizer =
            new Quantizer(
                scale,
                Integer.parseInt(parts[2]),
                Integer.parseInt(parts[0]),
                Integer.parseInt(parts[1]));
        final float[] y = golden.floats("expected.y." + grid);
        final float[] dx = golden.floats("expected.dx." + grid);
        for (int i = 0; i < x.length; i++) {
          final double steps = (double) x[i] / scale;
          if (Math.abs(Math.abs(steps - Math.floor(steps)) - 0.5) < 1e-4) {
            ties++;
            continue;
          }
          assertEquals(y[i], quantizer.round(x[i]), grid + " of " + x[i]);
          assertEquals(
              dx[i], (quantizer.inside(x[i]) ? 1f : 0f) * upstream[i], grid + " of " + x[i]);
        }
      }
      assertTrue(ties < 2.5 * x.length, ties + " of " + 5 * x.length + " are ties");
    }
  }

  @Test
  void tiesGoToTheEvenCode() {
    final Quantizer quantizer = new Quantizer(1f, 1, -8, 7);
    final int[] expected = {-1, -1, 1, 1, 3, 3};
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], quantizer.code(-2.5f + i), "code of " + (-2.5f + i));
    }
  }

  @Test
  void badScalesAndRangesAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Quantizer(0f, 0, 0, 3));
    assertThrows(IllegalArgumentException.class, () -> new Quantizer(1f, 4, 0, 3));
    assertThrows(IllegalArgumentException.class, () -> new Range(Float.NaN, 1f));
    assertThrows(IllegalArgumentException.class, () -> new Range(2f, 1f));
  }
}
