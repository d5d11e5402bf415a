package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EquivalentTransformTest {
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void foldsIntoLayerNormAsOutlierSuppressionPlusDoes(int i) {
    try (GoldenCase golden = GoldenCase.of("outliers", "osplus-fuse-layernorm")) {
      final float[] gamma = golden.floats("w" + i);
      final float[] beta = golden.floats("b" + i);
      new EquivalentTransform(golden.floats("shift" + i), golden.floats("scale" + i))
          .intoLayerNorm(gamma, beta);
      golden.near("w" + i + "_new", gamma);
      golden.near("b" + i + "_new", beta);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.0", "0.25", "0.5", "0.75", "1.0"})
  void smoothsAsSmoothQuantDoes(String alpha) {
    try (GoldenCase golden = GoldenCase.of("outliers", "smoothquant-ln-fcs")) {
      final float[] gamma = golden.floats("ln.weight");
      final float[] beta = golden.floats("ln.bias");
      final int n = gamma.length;
      final List<float[]> weights =
          List.of(golden.floats("fc0.weight"), golden.floats("fc1.weight"));
      final float[] columns = new float[n];
      weights.forEach(
          weight -> {
            final float[] peaks = ChannelScales.columnPeaks(weight, n);
            for (int j = 0; j < n; j++) {
              columns[j] = Math.max(columns[j], peaks[j]);
            }
          });
      final float[] scale =
          ChannelScales.smoothQuant(golden.floats("act_max"), columns, Double.parseDouble(alpha));
      final String key = "alpha" + alpha + ".";
      golden.near(key + "scale", scale);
      final EquivalentTransform transform = new EquivalentTransform(new float[n], scale);
      transform.intoLayerNorm(gamma, beta);
      golden.near(key + "ln.weight", gamma);
      golden.near(key + "ln.bias", beta);
      for (int i = 0; i < 2; i++) {
        transform.intoConsumer(weights.get(i), new float[weights.get(i).length / n]);
        golden.near(key + "fc" + i + ".weight", weights.get(i));
      }
    }
  }

  /** Gamma Migration is the transform with the LayerNorm's own gain as scale and no shift. */
  @Test
  void gammaMigrationIsOneOfThem() {
    try (GoldenCase golden = GoldenCase.of("outliers", "os-gamma-migration")) {
      final String before = "before.bert.encoder.layer.0.attention.output.LayerNorm.layernorm.";
      final float[] gamma = golden.floats(before + "weight");
      final float[] beta = golden.floats(before + "bias");
      final int n = gamma.length;
      final EquivalentTransform transform = new EquivalentTransform(new float[n], gamma.clone());
      transform.intoLayerNorm(gamma, beta);
      final float[] ones = new float[n];
      Arrays.fill(ones, 1f);
      assertArrayEquals(ones, gamma);
      golden.near("after.bert.encoder.layer.0.attention.output.LayerNorm.bias", beta);
      final String up = "bert.encoder.layer.0.intermediate.dense.";
      final float[] weight = golden.floats("before." + up + "weight");
      final float[] bias = golden.floats("before." + up + "bias");
      transform.intoConsumer(weight, bias);
      golden.near("after." + up + "weight", weight);
      golden.near("after." + up + "bias", bias);
      golden.near("after.bert.encoder.layer.0.output.residual.gamma", transform.scale());
    }
  }

  /** Two channels of OPT-66B in the paper: a range of 140 becomes one of 39. */
  @Test
  void paperExample() {
    final ChannelRanges ranges = new ChannelRanges(2);
    ranges.add(new float[] {-97, 5.7f, -58, 43}, 2);
    assertArrayEquals(new float[] {-77.5f, 24.35f}, ranges.centres(), 1e-5f);
    final ChannelRanges shifted = ranges.shifted(ranges.centres());
    assertEquals(39, shifted.tensor().max() - shifted.tensor().min(), 1e-5);
    assertArrayEquals(new float[] {3.9f, 3.73f}, ChannelScales.threshold(shifted, 5), 1e-5f);
  }

  /** x W^T + b by hand, before and after. */
  @Test
  void consumersComputeTheSame() {
    final float[] x = {1, 2, 3, 4};
    final float[] weight = {1, -2, 0.5f, 3};
    final float[] bias = {0.25f, -1};
    final double[] expected = linear(x, weight, bias);
    final EquivalentTransform transform =
        new EquivalentTransform(new float[] {2, -1}, new float[] {4, 0.5f});
    transform.apply(x, 2);
    assertArrayEquals(new float[] {-0.25f, 6, 0.25f, 10}, x);
    transform.intoConsumer(weight, bias);
    assertArrayEquals(expected, linear(x, weight, bias), 1e-6);
  }

  private static double[] linear(float[] x, float[] weight, float[] bias) {
    final double[] y = new double[4];
    for (int t = 0; t < 2; t++) {
      for (int o = 0; o < 2; o++) {
        y[t * 2 + o] =
            (double) x[t * 2] * weight[o * 2] + (double) x[t * 2 + 1] * weight[o * 2 + 1] + bias[o];
      }
    }
    return y;
  }

  @Test
  void producersGiveTheTransformedRows() {
    final float[] weight = {1, -2, 0.5f, 3};
    final float[] bias = {0.25f, -1};
    final float[] x = {1, 2, 3, 4};
    final double[] expected = linear(x, weight, bias);
    final EquivalentTransform transform =
        new EquivalentTransform(new float[] {2, -1}, new float[] {4, 0.5f});
    final float[] transformed = new float[4];
    for (int i = 0; i < 4; i++) {
      transformed[i] = (float) expected[i];
    }
    transform.apply(transformed, 2);
    transform.intoProducer(weight, 2, bias);
    final double[] actual = linear(x, weight, bias);
    for (int i = 0; i < 4; i++) {
      assertEquals(transformed[i], actual[i], 1e-6);
    }
  }

  @Test
  void scalesOfZeroAreRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new EquivalentTransform(new float[2], new float[] {1, 0}));
  }
}
