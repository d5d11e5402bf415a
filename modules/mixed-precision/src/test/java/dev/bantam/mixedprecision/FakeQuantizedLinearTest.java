package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.compression.WeightErrors;
import dev.bantam.mixedprecision.WeightFormat.Range;
import dev.bantam.mixedprecision.WeightFormat.Scheme;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Weights that are trained behind their codes: products, gradients by the papers' rule (an
 * independent reference in float64) and by torch 2.15 where the two agree, and finite differences
 * where the gradient is a true one.
 */
class FakeQuantizedLinearTest {
  private static final boolean[] ALL = {};

  static List<Path> papers() {
    return GoldenCase.folders("quantization", "lsq-paper");
  }

  static List<Path> torch() {
    return GoldenCase.folders("quantization", "torch-learnable");
  }

  @ParameterizedTest
  @MethodSource("papers")
  void derivativesAreThoseOfThePapers(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final float[] x = golden.floats("input.x");
      final float[] upstream = golden.floats("input.upstream");
      for (int k = 0; k < 3; k++) {
        final JsonNode own = golden.parameters().path(Integer.toString(k));
        final int n = own.path("n").asInt();
        final int p = own.path("p").asInt();
        final GroupGrid grid =
            new GroupGrid(
                (float) own.path("scale").asDouble(), 0, (float) own.path("beta").asDouble(), n, p);
        final double[] y = golden.doubles("expected.y." + k);
        final double[] dx = golden.doubles("expected.dx." + k);
        final double[] ds = golden.doubles("expected.ds_elementwise." + k);
        double step = 0;
        double offset = 0;
        for (int i = 0; i < x.length; i++) {
          final float v = grid.steps(x[i]);
          assertEquals(y[i], grid.value(grid.code(x[i])), 1e-6 + 1e-6 * Math.abs(y[i]));
          assertEquals(dx[i], StepGradients.inside(v, n, p) ? upstream[i] : 0, 1e-6, "dx " + i);
          final double d = StepGradients.ofStep(v, n, p);
          assertEquals(ds[i], d, 2e-6 * (1 + Math.abs(v)), "ds " + i);
          step += upstream[i] * d;
          offset += upstream[i] * StepGradients.ofOffset(v, n, p);
        }
        assertEquals(golden.expected().path("ds." + k).asDouble(), step, 1e-4);
        assertEquals(golden.expected().path("dbeta." + k).asDouble(), offset, 1e-5);
      }
    }
  }

  /** torch tests the rounded code, so it differs up to half a step beyond the ends. */
  @ParameterizedTest
  @MethodSource("torch")
  void derivativesAreThoseOfTorchAwayFromTheEnds(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final float[] x = golden.floats("input.x");
      final float[] upstream = golden.floats("input.upstream");
      int checked = 0;
      for (int k = 0; k < 3; k++) { // the fourth has a float zero point that is rounded
        final JsonNode own = golden.parameters().path(Integer.toString(k));
        final int n = own.path("n").asInt();
        final int p = own.path("p").asInt();
        final float scale = (float) own.path("scale").asDouble();
        final float[] y = golden.floats("expected.y." + k);
        final float[] dx = golden.floats("expected.dx." + k);
        double step = 0;
        double band = 0;
        for (int i = 0; i < x.length; i++) {
          final float v = x[i] / scale;
          final boolean nearEnd = v <= n ? v >= n - 0.5 : v >= p && v <= p + 0.5;
          step += upstream[i] * StepGradients.ofStep(v, n, p);
          if (nearEnd) {
            band += Math.abs(upstream[i]) * (0.5 + Math.max(-n, p));
          } else if (Math.abs(v - Math.floor(v) - 0.5) > 1e-4) {
            final GroupGrid grid = new GroupGrid(scale, 0, 0f, n, p);
            assertEquals(y[i], grid.value(grid.code(x[i])), 1e-6);
            assertEquals(dx[i], StepGradients.inside(v, n, p) ? upstream[i] : 0, 1e-6);
            checked++;
          }
        }
        final double factor = own.path("grad_factor").asDouble();
        assertEquals(
            golden.floats("expected.ds." + k)[0], factor * step, factor * (band + 1e-3), "ds");
      }
      assertTrue(checked > x.length, "only " + checked);
    }
  }

  @Test
  void gradientScaleOfThePaper() {
    assertEquals(1 / Math.sqrt(64 * 7.0), StepGradients.scale(64, 7), 1e-15);
  }

  private static INDArray gaussian(int rows, int columns, long seed) {
    final Random random = new Random(seed);
    final float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Floats.tensor(values, rows, columns);
  }

  private static WeightFormat format(Scheme scheme, Range range, OptionalInt buckets) {
    return new WeightFormat(
        2,
        buckets.isPresent() ? OptionalInt.empty() : OptionalInt.of(8),
        buckets,
        scheme,
        range,
        95,
        ScaleType.FLOAT16);
  }

  private static Matrix matrix(INDArray tensor) {
    return new Matrix(Floats.of(tensor), 0, (int) tensor.size(1));
  }

  /** What the products see is what the stored codes restore to, and what rounding alone gives. */
  @ParameterizedTest
  @EnumSource(Scheme.class)
  void productsSeeTheStoredCodes(Scheme scheme) {
    for (Range range : Range.values()) {
      for (OptionalInt buckets : List.of(OptionalInt.empty(), OptionalInt.of(5))) {
        if ((scheme == Scheme.OFFSET && range == Range.MSE)
            || (scheme == Scheme.AFFINE && range == Range.LSQ)) {
          continue; // refused
        }
        final WeightFormat format = format(scheme, range, buckets);
        final INDArray w = gaussian(10, 24, 3);
        final INDArray x = gaussian(24, 24, 4);
        Floats.of(x).fill(0, 24 * 24, 0f);
        for (int i = 0; i < 24; i++) {
          x.putScalar(new int[] {i, i}, 1f); // so that Y = Q(W)^T
        }
        final INDArray y = gaussian(24, 10, 5);
        try (FakeQuantizedLinear linear = new FakeQuantizedLinear("w", w, format, ALL);
            Workers workers = new Workers(1)) {
          linear.prepare(0, 10, false);
          linear.forward(matrix(x), 24, matrix(y), 0, 10);
          final INDArray restored = linear.codes().dense();
          assertArrayEquals(
              Floats.toArray(restored), Floats.toArray(y.transpose().dup('c')), 0f, "" + format);
          final float[] values = Floats.toArray(w);
          final float[] nearest =
              Floats.toArray(
                  MatrixQuantizer.quantize("w", values, 10, 24, format, workers).dense());
          if (!range.searches()) {
            assertArrayEquals(nearest, Floats.toArray(restored));
          } else { // the search is quicker, and its range nearly as good
            final double least = WeightErrors.relative(values, nearest);
            final double found = WeightErrors.relative(values, Floats.toArray(restored));
            assertEquals(least, found, 0.05 * least, format + "");
          }
        }
      }
    }
  }

  /** {@code dX = dY Q(W)} and {@code dW = dY^T X}, clipped weights included. */
  @Test
  void straightThrough() {
    final INDArray w = gaussian(6, 16, 1);
    final INDArray x = gaussian(9, 16, 2);
    final INDArray dy = gaussian(9, 6, 3);
    final INDArray dx = gaussian(9, 16, 4);
    final INDArray dw = gaussian(6, 16, 5);
    final boolean[] gone = new boolean[6 * 16];
    gone[17] = true;
    final WeightFormat format = format(Scheme.SYMMETRIC, Range.MSE, OptionalInt.empty());
    try (FakeQuantizedLinear linear = new FakeQuantizedLinear("w", w, format, gone)) {
      linear.prepare(0, 6, true);
      linear.backwardInput(matrix(x), matrix(dy), 9, matrix(dx), 0, 16, 0f, new double[0][]);
      linear.backwardWeight(matrix(x), matrix(dy), 9, Floats.of(dw), 0, 6, new double[0][]);
      assertTrue(linear.ownParameters().isEmpty());
      final INDArray restored = linear.codes().dense();
      for (int r = 0; r < 6; r++) {
        for (int c = 0; c < 16; c++) {
          double sum = 0;
          for (int t = 0; t < 9; t++) {
            sum += (double) dy.getFloat(t, r) * x.getFloat(t, c);
          }
          assertEquals(gone[r * 16 + c] ? 0 : sum, dw.getFloat(r, c), 1e-5);
        }
      }
      for (int t = 0; t < 9; t++) {
        for (int c = 0; c < 16; c++) {
          double sum = 0;
          for (int r = 0; r < 6; r++) {
            sum += (double) dy.getFloat(t, r) * restored.getFloat(r, c);
          }
          assertEquals(sum, dx.getFloat(t, c), 1e-5);
        }
      }
    }
  }

  /**
   * With codes that do not move, Y is linear in the scales, and so is a change of one by finite
   * differences. Inside the range LSQ's gradient differs from that by what passes straight through:
   * {@code -v}; where all weights are clipped there is no such part.
   */
  @ParameterizedTest
  @EnumSource(
      value = Scheme.class,
      names = {"SYMMETRIC", "OFFSET"})
  void gradientsOfClippedWeightsAreTrueOnes(Scheme scheme) {
    final WeightFormat format =
        new WeightFormat(3, OptionalInt.of(8), scheme, Range.LSQ, ScaleType.FLOAT32);
    final INDArray w = gaussian(4, 16, 7);
    final INDArray x = gaussian(5, 16, 8);
    final INDArray dy = gaussian(5, 4, 9);
    final INDArray dw = gaussian(4, 16, 10);
    try (FakeQuantizedLinear linear = new FakeQuantizedLinear("w", w, format, ALL)) {
      final INDArray logs = linear.ownParameters().get(FakeQuantizedLinear.LOG_STEP);
      // every weight lies beyond the codes
      logs.addi((float) Math.log(scheme == Scheme.OFFSET ? 0.1 : 1e-3));
      if (scheme == Scheme.OFFSET) {
        linear.ownParameters().get(FakeQuantizedLinear.OFFSET).subi(1f); // on the same side
      }
      linear.fit(0, 8);
      linear.prepare(0, 4, true);
      final double[][] own = new double[linear.ownParameters().size()][8];
      linear.backwardWeight(matrix(x), matrix(dy), 5, Floats.of(dw), 0, 4, own);
      assertArrayEquals(new float[64], Floats.toArray(dw), "clipped weights do not move");
      final int p = scheme == Scheme.OFFSET ? 7 : 3;
      for (int g = 0; g < 8; g++) {
        final double log = logs.getFloat(g);
        final double up = loss(linear, logs, g, (float) (log + 0.25), x, dy);
        final double down = loss(linear, logs, g, (float) (log - 0.25), x, dy);
        logs.putScalar(g, (float) log);
        // Y is linear in exp(log): the difference over 2 sinh(.25) is the derivative exactly
        final double expected = (up - down) / (2 * Math.sinh(0.25));
        final double noise = scheme == Scheme.OFFSET ? 2e-6 : 2e-7; // of y beside an offset
        assertEquals(
            expected * StepGradients.scale(8, p), own[0][g], noise + 2e-5 * Math.abs(own[0][g]));
        if (scheme == Scheme.OFFSET) {
          final INDArray offsets = linear.ownParameters().get(FakeQuantizedLinear.OFFSET);
          final float offset = offsets.getFloat(g);
          final double more = loss(linear, offsets, g, offset + 0.5f, x, dy);
          final double less = loss(linear, offsets, g, offset - 0.5f, x, dy);
          offsets.putScalar(g, offset);
          assertEquals(more - less, own[1][g], 1e-4 * (1 + Math.abs(own[1][g])));
        }
      }
    }
  }

  /** {@code sum Y dY} with one number of one group replaced. */
  private static double loss(
      FakeQuantizedLinear linear, INDArray own, int group, float value, INDArray x, INDArray dy) {
    own.putScalar(group, value);
    linear.fit(0, linear.groupCount());
    linear.prepare(0, 4, false);
    final INDArray y = gaussian(5, 4, 11);
    linear.forward(matrix(x), 5, matrix(y), 0, 4);
    double sum = 0;
    for (int t = 0; t < 5; t++) {
      for (int r = 0; r < 4; r++) {
        sum += (double) y.getFloat(t, r) * dy.getFloat(t, r);
      }
    }
    return sum;
  }

  /** Gradients of scales by the definition, element by element, and what of the weights stays. */
  @Test
  void gradientsOfScalesAddUpOverTheirGroup() {
    for (OptionalInt buckets : List.of(OptionalInt.empty(), OptionalInt.of(3))) {
      final WeightFormat format = format(Scheme.SYMMETRIC, Range.LSQ, buckets);
      final INDArray w = gaussian(6, 16, 1);
      final INDArray x = gaussian(9, 16, 2);
      final INDArray dy = gaussian(9, 6, 3);
      final INDArray dw = gaussian(6, 16, 5);
      try (FakeQuantizedLinear linear = new FakeQuantizedLinear("w", w, format, ALL)) {
        linear.prepare(0, 6, true);
        final double[][] own = new double[1][linear.groupCount()];
        linear.backwardWeight(matrix(x), matrix(dy), 9, Floats.of(dw), 0, 4, own);
        linear.backwardWeight(matrix(x), matrix(dy), 9, Floats.of(dw), 4, 6, own);
        final float[] scales = linear.codes().scales();
        final double[] expected = new double[scales.length];
        int clipped = 0;
        for (int r = 0; r < 6; r++) {
          for (int c = 0; c < 16; c++) {
            final int g = buckets.isPresent() ? r / 2 : r * 2 + c / 8;
            final double v = w.getFloat(r, c) / scales[g];
            double upstream = 0;
            for (int t = 0; t < 9; t++) {
              upstream += (double) dy.getFloat(t, r) * x.getFloat(t, c);
            }
            final boolean inside = v > -2 && v < 1;
            clipped += inside ? 0 : 1;
            final double ds = inside ? Math.rint(v) - v : v < 0 ? -2 : 1;
            expected[g] += upstream * ds * scales[g] / Math.sqrt(buckets.isPresent() ? 32 : 8);
            assertEquals(inside ? upstream : 0, dw.getFloat(r, c), 1e-5);
          }
        }
        assertTrue(clipped > 5 && clipped < 60, clipped + " clipped");
        assertArrayEquals(expected, own[0], 1e-5);
        assertEquals(10, linear.learningRateFactor(FakeQuantizedLinear.LOG_STEP));
      }
    }
  }

  /** Levels follow the weights only when they are told to. */
  @Test
  void fitFollowsTheWeights() {
    final INDArray w = gaussian(4, 16, 1);
    final WeightFormat format = format(Scheme.AFFINE, Range.MIN_MAX, OptionalInt.empty());
    try (FakeQuantizedLinear linear = new FakeQuantizedLinear("w", w, format, ALL)) {
      final float[] before = linear.codes().scales();
      w.muli(2f);
      assertArrayEquals(before, linear.codes().scales());
      linear.fit(0, 4);
      final float[] half = linear.codes().scales();
      for (int g = 0; g < 8; g++) {
        assertEquals(g < 4 ? 2 * before[g] : before[g], half[g]);
      }
    }
  }
}
