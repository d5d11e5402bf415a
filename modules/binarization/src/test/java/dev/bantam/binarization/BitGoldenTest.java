package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.Floats;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Elastic quantizers, linears and word table of BiT against its published code. */
class BitGoldenTest {
  private static final Pattern QUANTIZER =
      Pattern.compile("(signed|unsigned)\\.(\\d)bit\\.(given|init)\\.y");

  static List<Path> elastic() {
    return GoldenCase.folders("binarization", "bit-elastic");
  }

  static List<Path> linears() {
    return GoldenCase.folders("binarization", "bit-linear");
  }

  static List<Path> embeddings() {
    return GoldenCase.folders("binarization", "bit-embedding");
  }

  /** The reference takes the smallest value of a tensor off before unsigned levels of many bits. */
  static float shift(Elastic elastic, float[] x) {
    float least = Float.POSITIVE_INFINITY;
    for (float v : x) {
      least = Math.min(least, v);
    }
    return elastic.signed() || elastic.bits() == 1 ? 0f : least;
  }

  static double meanMagnitude(float[] x) {
    double sum = 0;
    for (float v : x) {
      sum += Math.abs(v);
    }
    return sum / x.length;
  }

  @ParameterizedTest
  @MethodSource("elastic")
  void quantizers(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      int compared = 0;
      for (String name : golden.names()) {
        final Matcher matcher = QUANTIZER.matcher(name);
        if (matcher.matches()) {
          quantizer(golden, name.substring(0, name.length() - 1), matcher);
          compared++;
        }
      }
      assertEquals(16, compared);
    }
  }

  private static void quantizer(GoldenCase golden, String prefix, Matcher matcher) {
    final float[] x = golden.floats("x");
    final Elastic elastic =
        new Elastic(Integer.parseInt(matcher.group(2)), matcher.group(1).equals("signed"));
    final float alpha =
        matcher.group(3).equals("given")
            ? (float) golden.parameters().required("alpha_given").asDouble()
            : elastic.initialScale(meanMagnitude(x));
    golden.check(prefix + "alpha", alpha);
    final ElasticInput coder =
        new ElasticInput(
            elastic,
            Floats.tensor(new float[] {alpha}, 1),
            null,
            shift(elastic, x),
            elastic.gradientScale(x.length),
            1);
    final float[] y = new float[x.length];
    final float[] scale = new float[1];
    coder.encode(x, 1, x.length, y, scale);
    CodedTransform.decode(y, scale, 1, x.length, coder.shift(), y);
    golden.check(prefix + "y", y, i -> elastic.signs() && x[i] == 0f);
    final float[] g = golden.floats("grad_output");
    final float[] out = g.clone();
    final double[][] own = {{0}};
    coder.backward(x, 1, 0, x.length, out, own);
    golden.check(prefix + "dx", out);
    // zeros have a sign here, and none in the reference
    double zeros = 0;
    for (int i = 0; i < x.length; i++) {
      zeros += elastic.signs() && x[i] == 0f ? Signs.of(x[i]) * g[i] : 0;
    }
    golden.check(prefix + "dalpha", own[0][0] - zeros * elastic.gradientScale(x.length));
  }

  @ParameterizedTest
  @MethodSource("linears")
  void linear(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final float[] x = golden.floats("x");
      final float[] bias = golden.floats("bias");
      final float[] move = golden.floats("move");
      final int k = move.length;
      final Elastic elastic =
          new Elastic(
              golden.integer("input_bits"), golden.parameters().required("symmetric").asBoolean());
      final float[] moved = x.clone();
      for (int i = 0; i < x.length; i++) {
        moved[i] += move[i % k];
      }
      final float alpha = elastic.initialScale(meanMagnitude(moved));
      golden.check("alpha", alpha);
      final INDArray weight = Floats.tensor(golden.floats("weight"), bias.length, k);
      final WeightCoder coder = golden.weights(BinaryWeights.BIT, false);
      if (golden.has("weight_binary")) {
        golden.check(
            "weight_binary",
            BibertGoldenTest.decoded(coder, golden.floats("weight"), bias.length, k));
      }
      final ElasticInput input =
          new ElasticInput(
              elastic,
              Floats.tensor(new float[] {alpha}, 1),
              Floats.tensor(move, k),
              shift(elastic, moved),
              elastic.gradientScale(x.length),
              1);
      try (QuantizedLinear operator = new QuantizedLinear(weight, coder, Optional.of(input))) {
        golden.check("y", Operators.forward(operator, x, x.length / k, bias));
        final Map<String, float[]> gradients =
            Operators.backward(operator, x, x.length / k, golden.floats("grad_output"));
        golden.check("dx", gradients.get("x"));
        golden.check("dweight", gradients.get("weight"));
        golden.check("dalpha", gradients.get("scale"));
        golden.check("dmove", gradients.get("move"));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("embeddings")
  void wordTable(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final boolean oneScale = golden.parameters().required("embed_layerwise").asBoolean();
      WordTables.check(
          golden,
          golden.weights(oneScale ? BinaryWeights.BIT : BinaryWeights.BIT_TABLE, !oneScale));
    }
  }

  /** The published code trains scales at a rate of their own, and thresholds with the weights. */
  @Test
  void scalesAloneHaveARateOfTheirOwn() {
    final INDArray one = Floats.tensor(new float[] {1}, 1);
    final ElasticInput coder = new ElasticInput(new Elastic(1, true), one, one.dup(), 0f, 1, 0.25);
    assertEquals(Set.of("scale", "move"), coder.parameters().keySet());
    for (InputCoder input : List.of(coder, coder.copy())) {
      assertEquals(0.25, input.learningRateFactor("scale"));
      assertEquals(1, input.learningRateFactor("move"));
    }
  }

  /** A worked example with threshold .05 and scale .4; the tie is left out. */
  @Test
  void elasticByHand() {
    final float[] x = {-.1f, .1f, .24f, .26f, .49f, .5f, .9f};
    final float[] y = {0, 0, 0, .4f, .4f, .4f, .4f};
    final double[] dAlpha = {0, -.125, -.475, .475, -.1, 1, 1};
    final double[] dBeta = {0, -1, -1, -1, 0, 0, 0};
    dAlpha[4] = 1; // (.49 - .05) / .4 is beyond 1
    dAlpha[3] = 1 - (.26 - .05) / .4;
    final INDArray move = Floats.tensor(new float[] {-.05f}, 1);
    final ElasticInput coder =
        new ElasticInput(
            new Elastic(1, false), Floats.tensor(new float[] {.4f}, 1), move, 0f, 1, 1);
    for (int i = 0; i < x.length; i++) {
      final float[] code = new float[1];
      final float[] scale = new float[1];
      final float[] one = {x[i]};
      coder.encode(one, 1, 1, code, scale);
      assertEquals(y[i], scale[0] * code[0], 1e-6, "x = " + x[i]);
      final double[][] own = {{0}, {0}};
      coder.backward(one, 1, 0, 1, new float[] {1}, own);
      assertEquals(dAlpha[i], own[0][0], 1e-5, "x = " + x[i]);
      assertEquals(-dBeta[i], own[1][0], 1e-6, "x = " + x[i]);
    }
    assertTrue(Arrays.stream(dBeta).anyMatch(b -> b != 0));
  }
}
