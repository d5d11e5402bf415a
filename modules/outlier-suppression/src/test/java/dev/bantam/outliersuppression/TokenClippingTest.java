package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TokenClippingTest {
  private static final Site A = new Site(0, Kind.FFN_INPUT);
  private static final Site B = new Site(0, Kind.FFN_HIDDEN);

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
      final TokenClipping clipping = new TokenClipping(new Toy(golden, bits), List.of(A, B));
      final double[] expected = golden.doubles("losses"); // sums of the three batches
      for (int i = 0; i < expected.length; i++) {
        assertEquals(golden.doubles("ratios")[i], shares[i], 1e-9);
        final double loss = clipping.choose(new double[] {shares[i]}).loss();
        assertEquals(expected[i] / 3, loss, 0.02 * expected[i] / 3, "loss at " + shares[i]);
      }
      final TokenClipping.Chosen chosen = clipping.choose(shares);
      assertEquals(shares[golden.expected().path("best_index").asInt()], chosen.share());
      final Range a = chosen.ranges().get(A);
      final Range b = chosen.ranges().get(B);
      golden.near("act_a.range", a.min(), a.max());
      golden.near("act_b.range", b.min(), b.max());
      golden.near("act_a.scale", Codes.AFFINE.of(a, bits).scale());
      golden.near("act_b.zero_point", Codes.AFFINE.of(b, bits).zero());
    }
  }

  /** A short last batch counts as much as the others. */
  @Test
  void lossIsTheMeanOfBatchMeans() {
    final List<float[]> exact = List.of(new float[] {0, 0, 0, 0}, new float[] {1});
    final List<float[]> rounded = List.of(new float[] {1, -1, 1, 1}, new float[] {4});
    assertEquals((1 + 9) / 2.0, TokenClipping.loss(exact, rounded));
  }

  @Test
  void outputsThatAreNotFiniteAreRefused() {
    final TokenClipping.Network network =
        new TokenClipping.Network() {
          @Override
          public void measure(SiteRanges.Sink sink) {
            sink.accept(A, new float[] {1, 2}, 2, 1);
          }

          @Override
          public List<float[]> exact() {
            return List.of(new float[] {Float.NaN});
          }

          @Override
          public List<float[]> rounded(Map<Site, Range> ranges) {
            return List.of(new float[] {1});
          }
        };
    final TokenClipping clipping = new TokenClipping(network, List.of(A));
    final var problem =
        assertThrows(BantamException.class, () -> clipping.choose(new double[] {1, 0.9}));
    assertTrue(problem.getMessage().contains("not finite"), problem.getMessage());
  }

  /** The fixture's model in double. */
  private static final class Toy implements TokenClipping.Network {
    private final GoldenCase golden;
    private final int bits;

    Toy(GoldenCase golden, int bits) {
      this.golden = golden;
      this.bits = bits;
    }

    @Override
    public void measure(SiteRanges.Sink sink) {
      for (int i = 0; i < 3; i++) {
        final float[] x = golden.floats("x" + i);
        pass(sink, A, x, i);
        pass(sink, B, hidden(x), i);
      }
    }

    @Override
    public List<float[]> exact() {
      return IntStream.range(0, 3)
          .mapToObj(i -> output(hidden(golden.floats("x" + i)), i))
          .toList();
    }

    @Override
    public List<float[]> rounded(Map<Site, Range> ranges) {
      final List<float[]> outputs = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        final float[] x = golden.floats("x" + i);
        Codes.AFFINE.of(ranges.get(A), bits).round(x, 0, x.length);
        final float[] hidden = hidden(x);
        Codes.AFFINE.of(ranges.get(B), bits).round(hidden, 0, hidden.length);
        outputs.add(output(hidden, i));
      }
      return outputs;
    }

    /** Without padding. */
    private void pass(SiteRanges.Sink sink, Site site, float[] values, int batch) {
      final int[] lengths = golden.ints("lengths" + batch);
      final int length = (int) golden.shape("x" + batch)[1];
      final int columns = values.length / (lengths.length * length);
      final float[] kept = new float[values.length];
      int n = 0;
      for (int s = 0; s < lengths.length; s++) {
        System.arraycopy(values, s * length * columns, kept, n, lengths[s] * columns);
        n += lengths[s] * columns;
      }
      sink.accept(site, Arrays.copyOf(kept, n), n / columns, columns);
    }

    private float[] hidden(float[] x) {
      final float[] hidden = linear(x, "l1");
      for (int i = 0; i < hidden.length; i++) {
        hidden[i] = (float) (hidden[i] * 0.5 * (1 + erf(hidden[i] / Math.sqrt(2))));
      }
      return hidden;
    }

    private float[] output(float[] hidden, int batch) {
      final float[] y = linear(hidden, "l2");
      final int sequences = golden.ints("lengths" + batch).length;
      final int length = (int) golden.shape("x" + batch)[1];
      final int columns = y.length / (sequences * length);
      final double[] means = new double[sequences * columns];
      for (int i = 0; i < y.length; i++) {
        means[i / (length * columns) * columns + i % columns] += (double) y[i] / length;
      }
      final float[] outputs = new float[means.length];
      for (int i = 0; i < means.length; i++) {
        outputs[i] = (float) means[i];
      }
      return outputs;
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
