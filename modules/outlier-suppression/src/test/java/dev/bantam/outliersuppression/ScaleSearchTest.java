package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.outliersuppression.ScaleSearch.Formats;
import dev.bantam.outliersuppression.ScaleSearch.Trial;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ScaleSearchTest {
  static List<Path> migrations() {
    return GoldenCase.folders("outliers", "osplus-migration").stream()
        .filter(folder -> !folder.endsWith("osplus-migration-small-range"))
        .toList();
  }

  /** The reference code's search: thresholds, every loss, the choice, the transformed tensors. */
  @ParameterizedTest
  @MethodSource("migrations")
  void equalsOutlierSuppressionPlus(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final int n = (int) golden.shape("x")[2];
      final float[] x = golden.floats("x");
      final ChannelRanges raw = new ChannelRanges(n);
      raw.add(x, x.length / n);
      final float[] shift = raw.centres();
      golden.near("shift", shift);
      EquivalentTransform.ofShift(shift).apply(x, x.length / n);
      golden.near("x_shifted", x);
      final float[] weight = golden.floats("weight");
      final float[] bias = golden.floats("bias");
      EquivalentTransform.ofShift(shift).intoConsumer(weight, bias);
      golden.near("bias_new", bias);

      final Piece piece = new Piece(golden, bias);
      final float[] reference = piece.output(x, weight);
      golden.near("output_fp", reference);
      final ChannelRanges shifted = raw.shifted(shift);
      final double[] thresholds = Thresholds.code(shifted.tensor(), 1.0);
      assertArrayEquals(golden.doubles("thresholds"), thresholds, 1e-6);
      final boolean perToken = golden.parameters().path("activation").asText().equals("per token");
      final Codes codes =
          golden.parameters().path("symmetric").asBoolean() ? Codes.SYMMETRIC : Codes.AFFINE;
      final Formats formats =
          new Formats(
              codes,
              golden.parameters().path("a_bit").asInt(),
              perToken,
              codes,
              golden.parameters().path("w_bit").asInt(),
              golden.parameters().path("weight").asText().equals("per output channel"));
      final List<Trial> trials =
          Arrays.stream(thresholds)
              .mapToObj(t -> new Trial(ChannelScales.threshold(shifted, t), t))
              .toList();
      final double[] losses =
          ScaleSearch.losses(
              x, weight, trials, formats, (a, w) -> piece.distance(piece.output(a, w), reference));
      final double[] expected = golden.doubles("losses");
      for (int i = 0; i < expected.length; i++) {
        assertEquals(expected[i], losses[i], 1e-7 + 2e-4 * expected[i], folder + " loss " + i);
      }
      final int best = ScaleSearch.best(losses);
      assertEquals(golden.expected().path("best_index").asInt(), best, folder.toString());
      golden.near("scale", trials.get(best).scale());
      new EquivalentTransform(new float[n], trials.get(best).scale()).intoConsumer(weight, bias);
      golden.near("weight_new", weight);
    }
  }

  /** What stands behind the site in the reference, in plain loops: fc1, or attention. */
  private static final class Piece {
    private final GoldenCase golden;
    private final float[] bias;
    private final float[] mask;
    private final int sequences;
    private final int length;

    Piece(GoldenCase golden, float[] bias) {
      this.golden = golden;
      this.bias = bias;
      this.mask = golden.numbers("mask");
      this.sequences = (int) golden.shape("x")[0];
      this.length = (int) golden.shape("x")[1];
    }

    /** Rows of real tokens only. */
    float[] output(float[] x, float[] weight) {
      final int n = x.length / (sequences * length);
      final boolean attention = golden.parameters().path("kind").asText().equals("qkv");
      final int outputs = weight.length / n;
      final float[] y = new float[sequences * length * outputs];
      for (int t = 0; t < sequences * length; t++) {
        for (int o = 0; o < outputs; o++) {
          double sum = attention ? bias[o] : 0;
          for (int j = 0; j < n; j++) {
            sum += (double) x[t * n + j] * weight[o * n + j];
          }
          y[t * outputs + o] = (float) sum;
        }
      }
      return real(attention ? attend(y, n) : y);
    }

    private float[] attend(float[] qkv, int n) {
      final int heads = golden.parameters().path("num_heads").asInt();
      final double scaling = golden.parameters().path("scaling").asDouble();
      final float[] additive = golden.floats("additive_mask");
      final int size = n / heads;
      final float[] context = new float[sequences * length * n];
      for (int row = 0; row < sequences * length; row++) {
        final int first = row / length * length;
        for (int h = 0; h < heads; h++) {
          final double[] p = new double[length];
          double sum = 0;
          for (int k = 0; k < length; k++) {
            double score = additive[first + k];
            for (int i = h * size; i < (h + 1) * size; i++) {
              score += qkv[row * 3 * n + i] * scaling * qkv[(first + k) * 3 * n + n + i];
            }
            p[k] = Math.exp(score);
            sum += p[k];
          }
          for (int i = h * size; i < (h + 1) * size; i++) {
            double value = 0;
            for (int k = 0; k < length; k++) {
              value += p[k] / sum * qkv[(first + k) * 3 * n + 2 * n + i];
            }
            context[row * n + i] = (float) value;
          }
        }
      }
      return context;
    }

    private float[] real(float[] rows) {
      final int columns = rows.length / mask.length;
      final float[] kept = new float[rows.length];
      int at = 0;
      for (int t = 0; t < mask.length; t++) {
        if (mask[t] != 0) {
          System.arraycopy(rows, t * columns, kept, at, columns);
          at += columns;
        }
      }
      return Arrays.copyOf(kept, at);
    }

    double distance(float[] y, float[] reference) {
      int tokens = 0;
      for (float m : mask) {
        tokens += m != 0 ? 1 : 0;
      }
      double sum = 0;
      for (int i = 0; i < y.length; i++) {
        final double d = (double) y[i] - reference[i];
        sum += d * d;
      }
      return sum / tokens;
    }
  }

  @Test
  void nothingIsTriedBelowTheLowestThreshold() {
    try (GoldenCase golden = GoldenCase.of("outliers", "osplus-migration-small-range")) {
      final float[] x = golden.floats("x");
      assertEquals(0, Thresholds.code(Range.of(x, 0, x.length), 1.0).length);
      assertTrue(Thresholds.code(Range.of(x, 0, x.length), 0.1).length >= 100);
    }
  }

  /** Computed by the reference program in double, see docs/methods/outlier-suppression.md. */
  @ParameterizedTest
  @CsvSource({
    "AFFINE,8,true,0.000373,2.84072,90,6.83179,3.45043",
    "SYMMETRIC,8,false,0.000454,5.23366,77,3.70815,1.87282",
    "AFFINE,6,true,0.005738,10.93989,46,1.77399,1.0",
    "SYMMETRIC,6,false,0.006048,3.02479,89,6.41605,3.24045",
    "AFFINE,4,true,0.104068,3.39294,87,5.71988,2.88885",
    "SYMMETRIC,4,false,0.133820,3.02479,89,6.41605,3.24045",
  })
  void sineExample(
      Codes codes,
      int bits,
      boolean perRow,
      double loss,
      double t,
      int step,
      double s2,
      double s5) {
    final int rows = 16;
    final int n = 8;
    final float[] x = new float[rows * n];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < n; j++) {
        final double value = Math.sin(0.7 * i + 1.3 * j);
        x[i * n + j] = (float) (j == 2 ? 20 * value + 30 : j == 5 ? 10 * value - 15 : value);
      }
    }
    final float[] w = new float[4 * n];
    for (int k = 0; k < 4; k++) {
      for (int j = 0; j < n; j++) {
        w[k * n + j] = (float) (Math.cos(1.1 * k + 0.3 * j) / 4);
      }
    }
    final ChannelRanges raw = new ChannelRanges(n);
    raw.add(x, rows);
    EquivalentTransform.ofShift(raw.centres()).apply(x, rows);
    final ChannelRanges shifted = raw.shifted(raw.centres());
    final double[] grid = Thresholds.code(shifted.tensor(), 1.0);
    assertEquals(19.407208, grid[0], 1e-5);
    final List<Trial> trials =
        Arrays.stream(grid)
            .mapToObj(limit -> new Trial(ChannelScales.threshold(shifted, limit), limit))
            .toList();
    final double[] losses =
        ScaleSearch.losses(
            x,
            w,
            trials,
            new Formats(codes, bits, false, codes, bits, perRow),
            (a, b) -> distance(a, b, x, w, n));
    // affine codes put the zero point on a tie, where float and double part by a factor of up to
    // 2.6 at a threshold: another may win, but not by that much
    final int best = ScaleSearch.best(losses);
    if (codes == Codes.SYMMETRIC) {
      assertEquals(loss, losses[step], 0.001 * loss, "loss at the tabled step");
      assertEquals(step, best, "the step of least loss");
    } else {
      assertEquals(0, Math.log(losses[step] / loss), Math.log(2), "loss at the tabled step");
      assertEquals(loss, losses[best], 0.15 * loss, "least loss");
    }
    assertEquals(t, grid[step], 1e-4);
    assertEquals(s2, trials.get(step).scale()[2], 1e-4);
    assertEquals(s5, trials.get(step).scale()[5], 1e-4);
    assertTrue(losses[best] < 0.5 * losses[0], "scaling does not help");
  }

  private static double distance(float[] a, float[] b, float[] x, float[] w, int n) {
    double sum = 0;
    for (int i = 0; i < x.length; i += n) {
      for (int k = 0; k < w.length; k += n) {
        double d = 0;
        for (int j = 0; j < n; j++) {
          d += (double) a[i + j] * b[k + j] - (double) x[i + j] * w[k + j];
        }
        sum += d * d;
      }
    }
    final int rows = x.length / n;
    return sum / rows;
  }

  @Test
  void aThresholdAboveTheRangeScalesNothingAndALowOneEvensOut() {
    final ChannelRanges ranges = new ChannelRanges(3);
    ranges.add(new float[] {1, -8, 0, 2, 4, 0}, 2);
    assertArrayEquals(new float[] {1, 1, 1}, ChannelScales.threshold(ranges, 8));
    assertArrayEquals(new float[] {4, 16, 1}, ChannelScales.threshold(ranges, 0.5));
  }

  @Test
  void paperGridEndsAtOneStep() {
    assertArrayEquals(new double[] {8, 6, 4, 2}, Thresholds.paper(new Range(-8, 3), 4), 0);
    assertEquals(0, Thresholds.paper(new Range(0, 0), 4).length);
  }
}
