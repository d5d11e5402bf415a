package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.binarization.BinaryWeights.Gradient;
import dev.bantam.binarization.BinaryWeights.Over;
import dev.bantam.tensor.Floats;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The quantizers of BinaryBERT and TernaryBERT, and ternary weight splitting, against their code.
 */
class OtherQuantizersTest {
  private static final Pattern NAME = Pattern.compile("([a-z_]+)(\\d)(?:\\.(layer|row))?\\.y");

  static List<Path> quantizers() {
    return GoldenCase.folders("binarization", "binarybert-quantizers");
  }

  static List<Path> ternary() {
    return GoldenCase.folders("binarization", "ternarybert-twn");
  }

  static List<Path> splits() {
    return GoldenCase.folders("binarization", "binarybert-tws-split");
  }

  @ParameterizedTest
  @MethodSource("quantizers")
  void everyQuantizer(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      int compared = 0;
      for (String name : golden.names()) {
        final Matcher matcher = NAME.matcher(name);
        if (matcher.matches()) {
          final int bits = Integer.parseInt(matcher.group(2));
          final boolean perRow = "row".equals(matcher.group(3));
          final String prefix = name.substring(0, name.length() - 1);
          switch (matcher.group(1)) {
            case "twn" ->
                weights(golden, prefix, new TernaryWeights(perRow, Float.POSITIVE_INFINITY));
            case "bwn" ->
                weights(
                    golden,
                    prefix,
                    new BinaryWeights(
                        Over.NOTHING, perRow ? Over.ROW : Over.MATRIX, Gradient.IDENTITY));
            case "laq" -> weights(golden, prefix, new LossAwareWeights(bits, perRow));
            case "sym" -> range(golden, prefix, bits, true, perRow);
            case "asym" -> range(golden, prefix, bits, false, perRow);
            case "lsq_sym" -> learned(golden, prefix, new Elastic(bits, true));
            case "lsq_asym" -> learned(golden, prefix, new Elastic(bits, false));
            default -> throw new AssertionError("Unknown quantizer " + name);
          }
          compared++;
        }
      }
      assertTrue(compared >= 30, "compared " + compared);
    }
  }

  private static void weights(GoldenCase golden, String prefix, WeightCoder coder) {
    final float[] w = golden.floats("w");
    final int rows = (int) golden.shape("w")[0];
    final int columns = (int) golden.shape("w")[1];
    golden.check(prefix + "y", BibertGoldenTest.decoded(coder, w, rows, columns));
    golden.check(
        prefix + "dw",
        BibertGoldenTest.backward(coder, w, rows, columns, golden.floats("grad_output")));
  }

  private static void range(
      GoldenCase golden, String prefix, int bits, boolean symmetric, boolean perRow) {
    final float[] w = golden.floats("w");
    final ClippedRange range =
        new ClippedRange(
            bits,
            symmetric,
            (float) golden.parameters().path("clip").path(0).asDouble(),
            (float) golden.parameters().path("clip").path(1).asDouble());
    final float[] y = w.clone();
    final int n = perRow ? (int) golden.shape("w")[1] : w.length;
    for (int from = 0; from < w.length; from += n) {
      range.quantize(y, from, n);
    }
    golden.check(prefix + "y", y);
    final float[] g = golden.floats("grad_output");
    final double[] bounds = new double[2];
    range.backward(w, g, bounds);
    golden.check(prefix + "dw", g);
    golden.check(prefix + "dclip", new float[] {(float) bounds[0], (float) bounds[1]});
  }

  private static void learned(GoldenCase golden, String prefix, Elastic elastic) {
    final float[] w = golden.floats("w");
    final float alpha = elastic.initialScale(BitGoldenTest.meanMagnitude(w));
    golden.check(prefix + "alpha", alpha);
    final ElasticInput coder =
        new ElasticInput(
            elastic,
            Floats.tensor(new float[] {alpha}, 1),
            null,
            BitGoldenTest.shift(elastic, w),
            elastic.gradientScale(w.length),
            1);
    final float[] y = new float[w.length];
    final float[] scale = new float[1];
    coder.encode(w, 1, w.length, y, scale);
    CodedTransform.decode(y, scale, 1, w.length, coder.shift(), y);
    golden.check(prefix + "y", y);
    final float[] g = golden.floats("grad_output");
    final double[][] own = {{0}};
    coder.backward(w, 1, 0, w.length, g, own);
    golden.check(prefix + "dw", g);
    golden.check(prefix + "dalpha", own[0][0]);
  }

  @ParameterizedTest
  @MethodSource("ternary")
  void ternaryWithClip(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final float[] clip = golden.floats("clip");
      weights(golden, "layer.", new TernaryWeights(false, clip[0], clip[1]));
      weights(golden, "row.", new TernaryWeights(true, clip[0], clip[1]));
    }
  }

  @ParameterizedTest
  @MethodSource("splits")
  void splitting(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      int compared = 0;
      for (String name : golden.names()) {
        if (!name.startsWith("in.") || name.endsWith("bias") || !golden.has(first(name, "out."))) {
          continue;
        }
        final float[] w = golden.floats(name);
        final int columns = (int) golden.shape(name)[1];
        final boolean rows = name.contains("embeddings");
        final int n = rows ? columns : w.length;
        final float[][] split = new float[2][w.length];
        for (int from = 0; from < w.length; from += n) {
          final float[][] part = TernarySplit.of(Arrays.copyOfRange(w, from, from + n));
          System.arraycopy(part[0], 0, split[0], from, n);
          System.arraycopy(part[1], 0, split[1], from, n);
        }
        golden.check(first(name, "out."), split[0]);
        golden.check(second(name, "out."), split[1]);
        final WeightCoder signs =
            new BinaryWeights(Over.NOTHING, rows ? Over.ROW : Over.MATRIX, Gradient.IDENTITY);
        final int height = w.length / columns;
        final float[] one = BibertGoldenTest.decoded(signs, split[0], height, columns);
        final float[] two = BibertGoldenTest.decoded(signs, split[1], height, columns);
        golden.check(first(name, "binary."), one);
        golden.check(second(name, "binary."), two);
        golden.check(
            "ternary." + name.substring("in.".length()),
            BibertGoldenTest.decoded(
                new TernaryWeights(rows, Float.POSITIVE_INFINITY), w, height, columns));
        compared++;
      }
      assertTrue(compared >= 2);
    }
  }

  private static String first(String name, String kind) {
    return kind + name.substring("in.".length()).replaceFirst("\\.(weight|bias)$", "_1.$1");
  }

  private static String second(String name, String kind) {
    return first(name, kind).replaceFirst("_1\\.(weight|bias)$", "_2.$1");
  }

  /** A worked example: a = .53125, b = .325. */
  @Test
  void splitByHand() {
    final float[][] split = TernarySplit.of(new float[] {.9f, -.7f, .1f, -.2f});
    final float[] first = {.478125f, -.371875f, .425f, .325f};
    final float[] second = {.421875f, -.328125f, -.325f, -.525f};
    for (int i = 0; i < 4; i++) {
      assertEquals(first[i], split[0][i], 1e-6);
      assertEquals(second[i], split[1][i], 1e-6);
    }
    final IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> TernarySplit.of(new float[] {1, -1, 1, 1}));
    assertTrue(e.getMessage().contains("4 of 4"), e.getMessage());
  }

  /** Below the threshold lies more than beyond it, and of one sign: a = (1 -+ 1.2) / 2. */
  @Test
  void noSplitWhereSignsWouldDisagree() {
    for (float sign : new float[] {1, -1}) {
      final float[] w = {1, sign * .3f, sign * .3f, sign * .3f, sign * .3f};
      final IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> TernarySplit.of(w));
      assertTrue(e.getMessage().contains(sign > 0 ? "a = -0.1" : "a = 1.1"), e.getMessage());
    }
  }

  /** Bounds that are not symmetric: of -3, -.5, 1 and 4 in [-1, 2] the threshold is .7875. */
  @Test
  void twoSidedClipByHand() {
    final float[] w = {-3, -.5f, 1, 4};
    final TernaryWeights coder = new TernaryWeights(true, -1, 2);
    final float[] codes = new float[4];
    assertEquals(4f / 3, coder.encode(w, 4, WeightCoder.NOTHING, codes), 1e-6);
    assertArrayEquals(new float[] {-1, 0, 1, 1}, codes);
    final float[] gradient = {1, 1, 1, 1};
    coder.backward(w, 4, WeightCoder.NOTHING, gradient);
    assertArrayEquals(new float[] {0, 1, 1, 0}, gradient);
  }

  /** A matrix of zeros has scale 0, and no code of it is lost. */
  @Test
  void zeros() {
    final float[] zeros = new float[6];
    for (WeightCoder coder :
        List.of(
            BinaryWeights.BIBERT,
            BinaryWeights.BIT,
            new TernaryWeights(false, 2.5f),
            new TernaryWeights(true, 2.5f),
            new LossAwareWeights(2, true))) {
      final double[] whole = coder.measure(Floats.of(Floats.tensor(zeros, 2, 3)), 2, 3);
      final float[] codes = new float[3];
      assertEquals(0f, coder.encode(new float[3], 3, whole, codes), coder.toString());
    }
  }
}
