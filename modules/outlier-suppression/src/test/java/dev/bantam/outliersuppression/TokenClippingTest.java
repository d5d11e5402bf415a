package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TokenClippingTest {
  static List<Path> cases() {
    return GoldenCase.folders("outliers", "os-token-clipping");
  }

  /** Outlier Suppression's search on {@code mean(l2(Q_b(gelu(l1(Q_a(x))))))}. */
  @ParameterizedTest
  @MethodSource("cases")
  void equalsOutlierSuppression(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final String name = folder.getFileName().toString();
      final int bits = Character.digit(name.charAt(name.length() - 1), 10);
      final double[] shares =
          TokenClipping.shares(
              golden.parameters().path("step").asDouble(),
              golden.parameters().path("iters").asInt());
      final Toy toy = new Toy(golden, bits);
      final List<Double> losses = new ArrayList<>();
      final double best =
          TokenClipping.best(
              shares,
              share -> {
                final double loss = toy.loss(share);
                losses.add(loss);
                return loss;
              });
      final double[] expected = golden.doubles("losses");
      for (int i = 0; i < expected.length; i++) {
        assertEquals(golden.doubles("ratios")[i], shares[i], 1e-9);
        assertEquals(expected[i], losses.get(i), 0.02 * expected[i], "loss at " + shares[i]);
      }
      assertEquals(shares[golden.expected().path("best_index").asInt()], best);
      toy.calibrate(best);
      golden.near("act_a.range", toy.a.min(), toy.a.max());
      golden.near("act_b.range", toy.b.min(), toy.b.max());
      golden.near("act_a.scale", Codes.AFFINE.of(toy.a, bits).scale());
      golden.near("act_b.zero_point", Codes.AFFINE.of(toy.b, bits).zero());
    }
  }

  /** The fixture's model in double. */
  private static final class Toy {
    private final GoldenCase golden;
    private final int bits;
    private Range a;
    private Range b;

    Toy(GoldenCase golden, int bits) {
      this.golden = golden;
      this.bits = bits;
    }

    void calibrate(double share) {
      final RangeOfBatches inputs = RangeOfBatches.mean();
      final RangeOfBatches hiddens = RangeOfBatches.mean();
      for (int i = 0; i < 3; i++) {
        final float[] x = golden.floats("x" + i);
        inputs.add(range(x, i, share));
        hiddens.add(range(hidden(x), i, share));
      }
      a = inputs.range();
      b = hiddens.range();
    }

    private Range range(float[] values, int batch, double share) {
      final int[] lengths = golden.ints("lengths" + batch);
      final int length = (int) golden.shape("x" + batch)[1];
      final int columns = values.length / (lengths.length * length);
      final float[] kept = new float[values.length];
      int n = 0;
      for (int s = 0; s < lengths.length; s++) {
        System.arraycopy(values, s * length * columns, kept, n, lengths[s] * columns);
        n += lengths[s] * columns;
      }
      return BatchRange.tokenQuantile(share).of(Arrays.copyOf(kept, n), n / columns, columns);
    }

    double loss(double share) {
      calibrate(share);
      double sum = 0;
      for (int i = 0; i < 3; i++) {
        final float[] x = golden.floats("x" + i);
        final double[] exact = output(hidden(x), i);
        Codes.AFFINE.of(a, bits).round(x, 0, x.length);
        final float[] hidden = hidden(x);
        Codes.AFFINE.of(b, bits).round(hidden, 0, hidden.length);
        final double[] rounded = output(hidden, i);
        double squares = 0;
        for (int j = 0; j < exact.length; j++) {
          squares += (rounded[j] - exact[j]) * (rounded[j] - exact[j]);
        }
        sum += squares / exact.length;
      }
      return sum;
    }

    private float[] hidden(float[] x) {
      final float[] hidden = linear(x, "l1");
      for (int i = 0; i < hidden.length; i++) {
        hidden[i] = (float) (hidden[i] * 0.5 * (1 + erf(hidden[i] / Math.sqrt(2))));
      }
      return hidden;
    }

    private double[] output(float[] hidden, int batch) {
      final float[] y = linear(hidden, "l2");
      final int sequences = golden.ints("lengths" + batch).length;
      final int length = (int) golden.shape("x" + batch)[1];
      final int columns = y.length / (sequences * length);
      final double[] means = new double[sequences * columns];
      for (int i = 0; i < y.length; i++) {
        means[i / (length * columns) * columns + i % columns] += (double) y[i] / length;
      }
      return means;
    }

    private float[] linear(float[] x, String layer) {
      final float[] w = golden.floats(layer + ".weight");
      final float[] bias = golden.floats(layer + ".bias");
      final int in = w.length / bias.length;
      final float[] y = new float[x.length / in * bias.length];
      for (int i = 0; i < y.length; i++) {
        double sum = bias[i % bias.length];
        for (int j = 0; j < in; j++) {
          sum += (double) x[i / bias.length * in + j] * w[i % bias.length * in + j];
        }
        y[i] = (float) sum;
      }
      return y;
    }

    /** Maclaurin series; the arguments are small. */
    private static double erf(double x) {
      if (Math.abs(x) > 5) {
        return Math.signum(x);
      }
      double term = x;
      double sum = x;
      for (int n = 1; n < 120; n++) {
        term *= -x * x / n;
        sum += term / (2 * n + 1);
      }
      return 2 / Math.sqrt(Math.PI) * sum;
    }
  }
}
