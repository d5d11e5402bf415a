package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class RangesTest {
  /** Observers of Outlier Suppression+ over three batches with padding. */
  @ParameterizedTest
  @CsvSource({"AFFINE,asym,4", "AFFINE,asym,8", "SYMMETRIC,sym,4", "SYMMETRIC,sym,8"})
  void equalOutlierSuppressionPlus(Codes codes, String word, int bits) {
    try (GoldenCase golden = GoldenCase.of("outliers", "osplus-observers")) {
      final String key = "." + word + bits;
      final double token = golden.parameters().path("token_percentile").asDouble();
      final double c = 1 - golden.parameters().path("ema_ratio").asDouble();
      check(golden, "MinMaxObserver" + key, codes, bits, BatchRange::minMax, last());
      check(
          golden,
          "AvgMinMaxObserver" + key,
          codes,
          bits,
          BatchRange::minMax,
          RangeOfBatches.mean());
      check(
          golden,
          "EMAMinMaxObserver" + key,
          codes,
          bits,
          BatchRange::minMax,
          RangeOfBatches.moving(c));
      check(
          golden,
          "AvgTokenQuantileObserver" + key,
          codes,
          bits,
          BatchRange.tokenQuantile(token),
          RangeOfBatches.mean());
    }
  }

  /** What that program's min-max does: it forgets all batches but the last. */
  private static RangeOfBatches last() {
    return new RangeOfBatches() {
      @Override
      float next(float before, float batch, long batches, boolean upper) {
        return batch;
      }
    };
  }

  private static void check(
      GoldenCase golden,
      String name,
      Codes codes,
      int bits,
      BatchRange rule,
      RangeOfBatches batches) {
    for (int b = 0; b < 3; b++) {
      final float[] tokens = tokens(golden, "x" + b, "mask" + b);
      batches.add(rule.of(tokens, tokens.length / 8, 8));
    }
    final Range range = batches.range();
    golden.near(name + ".range", range.min(), range.max());
    final Quantizer quantizer = codes.of(range, bits);
    golden.near(name + ".scale", quantizer.scale());
    golden.near(name + ".zero_point", quantizer.zero());
    final float[] x = golden.floats("x0");
    quantizer.round(x, 0, x.length);
    golden.near(name + ".fake_quant_x0", x);
  }

  private static float[] tokens(GoldenCase golden, String x, String mask) {
    final float[] all = golden.floats(x);
    final float[] real = golden.numbers(mask);
    final int columns = all.length / real.length;
    final float[] kept = new float[all.length];
    int n = 0;
    for (int t = 0; t < real.length; t++) {
      if (real[t] != 0) {
        System.arraycopy(all, t * columns, kept, n, columns);
        n += columns;
      }
    }
    return Arrays.copyOf(kept, n);
  }

  static List<Path> torch() {
    return GoldenCase.folders("quantization", "torch-observers");
  }

  @ParameterizedTest
  @MethodSource("torch")
  void equalTorch(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      checkTorch(golden, "minmax_quint8", RangeOfBatches.union());
      checkTorch(golden, "moving_average_quint8", RangeOfBatches.moving(0.01));
      checkTorch(golden, "moving_average_quint8_c01", RangeOfBatches.moving(0.1));
    }
  }

  private static void checkTorch(GoldenCase golden, String name, RangeOfBatches batches) {
    for (int b = 0; b < 3; b++) {
      final float[] x = golden.floats("input.batch." + b);
      batches.add(BatchRange.minMax(x, 1, x.length));
    }
    final Range range = batches.range();
    golden.near(golden.floats("expected.min." + name), new float[] {range.min()}, "min." + name);
    golden.near(golden.floats("expected.max." + name), new float[] {range.max()}, "max." + name);
    final Quantizer quantizer = Codes.AFFINE.of(range, 8);
    golden.near(
        golden.floats("expected.scale." + name), new float[] {quantizer.scale()}, "scale." + name);
    golden.near(
        golden.numbers("expected.zero_point." + name),
        new float[] {quantizer.zero()},
        "zero_point." + name);
  }

  /** By the definition: sort, and take whole tokens. */
  @Test
  void tokenQuantileOfOneKeepsEverything() {
    final float[] x = gaussian(60, 3);
    assertEquals(Range.of(x, 0, 60), BatchRange.tokenQuantile(1).of(x, 12, 5));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 1000})
  void histogramsDoNotDependOnTheOrder(int chunk) {
    final float[] x = gaussian(20_011, 5);
    x[17] = 300f; // so that bins are merged on the way
    final StreamedHistogram forward = new StreamedHistogram();
    forward.add(x, x.length);
    final StreamedHistogram backward = new StreamedHistogram();
    for (int end = x.length; end > 0; end -= chunk) {
      final float[] part = Arrays.copyOfRange(x, Math.max(0, end - chunk), end);
      backward.add(part, part.length);
    }
    assertEquals(forward.width(), backward.width());
    assertEquals(x.length, backward.total());
    assertEquals(Range.of(x, 0, x.length), backward.range());
    final StringBuilder one = new StringBuilder();
    final StringBuilder other = new StringBuilder();
    forward.forEach((centre, count) -> one.append(centre).append('x').append(count).append(' '));
    backward.forEach((centre, count) -> other.append(centre).append('x').append(count).append(' '));
    assertEquals(one.toString(), other.toString());
  }

  @Test
  void percentilesAreQuantilesToABin() {
    final float[] x = gaussian(50_000, 9);
    final StreamedHistogram histogram = new StreamedHistogram();
    histogram.add(x, x.length);
    final float[] sorted = x.clone();
    Arrays.sort(sorted);
    for (double percent : new double[] {75, 99, 99.9, 99.99}) {
      final Range range = HistogramRanges.percentile(histogram, percent);
      final int cut = (int) Math.round(x.length * (1 - percent / 100));
      final double slack =
          2 * histogram.width() + sorted[x.length - cut] - sorted[x.length - cut - 1];
      assertEquals(sorted[x.length - cut - 1], range.max(), slack, "upper at " + percent);
      final double below = 2 * histogram.width() + sorted[cut] - sorted[cut - 1];
      assertEquals(sorted[cut], range.min(), below, "lower at " + percent);
    }
    assertEquals(Range.of(x, 0, x.length), HistogramRanges.percentile(histogram, 100));
  }

  /** Brute force on the values themselves, not on bins. */
  @ParameterizedTest
  @CsvSource({"AFFINE,4", "AFFINE,8", "SYMMETRIC,4"})
  void leastSquaresIsNearTheBestFactor(Codes codes, int bits) {
    final float[] x = gaussian(4_000, 11);
    x[3] = 40f;
    final StreamedHistogram histogram = new StreamedHistogram();
    histogram.add(x, x.length);
    double least = Double.POSITIVE_INFINITY;
    for (int i = 1; i <= 1000; i++) {
      least = Math.min(least, error(x, codes, bits, i / 1000.0));
    }
    final Range found = HistogramRanges.leastSquares(histogram, codes, bits);
    final double error = error(x, codes, bits, found.max() / 40.0);
    assertTrue(error <= 1.01 * least, error + " where " + least + " is possible");
    assertTrue(error < error(x, codes, bits, 1), "no better than the whole range");
  }

  private static double error(float[] x, Codes codes, int bits, double factor) {
    final Quantizer quantizer = codes.of(Range.of(x, 0, x.length).times(factor), bits);
    double sum = 0;
    for (float value : x) {
      sum += Math.pow(quantizer.round(value) - value, 2);
    }
    return sum;
  }

  /** 4 bins, 2 levels, by hand: P = (4, 2 | 0, 2), Q = (3, 3 | 0, 2). */
  @Test
  void divergenceByHand() {
    final double expected = 0.5 * Math.log(4 / 3.0) + 0.25 * Math.log(2 / 3.0);
    assertEquals(expected, HistogramRanges.divergence(new long[] {4, 2, 0, 2}, 4, 2), 1e-12);
    // two bins kept at two levels: P = (4, 4) of 8, Q = (4, 2) of 6
    final double cut = 0.5 * Math.log(0.5 / (4 / 6.0)) + 0.5 * Math.log(0.5 / (2 / 6.0));
    assertEquals(cut, HistogramRanges.divergence(new long[] {4, 2, 0, 2}, 2, 2), 1e-12);
  }

  @Test
  void divergenceCutsALoneOutlier() {
    final float[] x = gaussian(20_000, 13);
    final float usual = Range.of(x, 0, x.length).peak();
    x[0] = 20f;
    final StreamedHistogram histogram = new StreamedHistogram();
    histogram.add(x, x.length);
    final Range range = HistogramRanges.divergence(histogram, Codes.AFFINE, 8);
    assertTrue(range.max() < 1.5 * usual, "cut at " + range.max());
    assertTrue(range.max() > 2, "cut at " + range.max());
  }

  /** By hand: what one code stands for is the range over 2^b, zero included. */
  @ParameterizedTest
  @CsvSource({
    "SYMMETRIC,8,-3,5,128",
    "SYMMETRIC,8,0,5,128",
    "SYMMETRIC,4,-5,-1,8",
    "AFFINE,8,-5,5,128",
    "AFFINE,8,0,5,256",
    "AFFINE,8,2,5,256",
    "AFFINE,8,-5,-1,256",
    "AFFINE,8,-1,3,192",
    "AFFINE,2,-3,1,3",
    "AFFINE,4,-0.17,3.23,15"
  })
  void levelsOfOneSide(Codes codes, int bits, float min, float max, int levels) {
    assertEquals(levels, codes.levels(new Range(min, max), bits));
  }

  /**
   * A Gaussian between two ends, against its exact distribution in 2048 bins of its magnitudes.
   * Both grids of bins find the same threshold to their own coarseness; the streamed one's width is
   * a power of two, so the peaks lie differently in it.
   */
  @ParameterizedTest
  @CsvSource({
    "AFFINE,-5.01,5.01",
    "AFFINE,-5.5,5.5",
    "AFFINE,-7.2,7.2",
    "AFFINE,0,5.5",
    "SYMMETRIC,0,5.5"
  })
  void divergenceEqualsThatOfExactBins(Codes codes, double min, double max) {
    final int bins = 2048;
    final double[] mass = new double[bins];
    final double width = max / bins;
    for (int i = 0; i < bins; i++) {
      final double at = (i + 0.5) * width;
      mass[i] = Math.exp(-at * at / 2) * (at < -min ? 2 : 1);
    }
    double least = Double.POSITIVE_INFINITY;
    double best = 0;
    for (int kept = 256; kept <= bins; kept += 4) {
      final double t = kept * width;
      final double levels =
          codes == Codes.SYMMETRIC ? 128 : Math.rint(256 * t / (t + Math.min(t, -min)));
      final double divergence = exactDivergence(mass, kept, (int) levels);
      if (divergence < least) {
        least = divergence;
        best = t;
      }
    }
    final Range range = HistogramRanges.divergence(evenGaussian(min, max), codes, 8);
    assertEquals(best, range.max(), 0.1);
    assertEquals(Math.max(min, -range.max()), range.min(), 1e-6);
  }

  /** From the definition, with P and Q written out. */
  private static double exactDivergence(double[] mass, int kept, int levels) {
    final double[] p = Arrays.copyOf(mass, kept);
    final double[] q = new double[kept];
    int from = 0;
    for (int level = 1; level <= levels; level++) {
      final int to = Math.floorDiv(level * kept, levels);
      Arrays.fill(q, from, to, Arrays.stream(mass, from, to).sum() / (to - from));
      from = to;
    }
    p[kept - 1] += Arrays.stream(mass, kept, mass.length).sum();
    final double all = Arrays.stream(p).sum();
    final double inside = Arrays.stream(q).sum();
    double sum = 0;
    for (int i = 0; i < kept; i++) {
      sum += p[i] / all * Math.log(p[i] / all / (q[i] / inside));
    }
    return sum;
  }

  /** Sixty million values that fill a Gaussian evenly, and its two ends. */
  private static StreamedHistogram evenGaussian(double min, double max) {
    final StreamedHistogram histogram = new StreamedHistogram();
    histogram.add(new float[] {(float) min, (float) max}, 2);
    final double step = 1.0 / (1 << 13);
    final float[] same = new float[4096];
    double due = 0;
    for (double x = Math.ceil(min / step) * step; x + step <= max; x += step) {
      due += 6e7 * step * Math.exp(-(x + step / 2) * (x + step / 2) / 2) / Math.sqrt(2 * Math.PI);
      Arrays.fill(same, (float) (x + step / 2));
      while (due >= 1) {
        final int n = (int) Math.min(same.length, due);
        histogram.add(same, n);
        due -= n;
      }
    }
    return histogram;
  }

  @Test
  void momentsEqualScipyAndCountAsQualcommDoes() {
    try (GoldenCase golden = GoldenCase.of("outliers", "qt-metrics")) {
      final int rows = (int) golden.shape("x")[0];
      final int n = (int) golden.shape("x")[1];
      final float[] x = golden.floats("x");
      final float[] peaks = new float[rows];
      final float[] outliers = new float[rows];
      final double[] kurtosis = new double[rows];
      for (int r = 0; r < rows; r++) {
        final Moments moments = Moments.of(x, r * n, n);
        peaks[r] = moments.infinityNorm();
        outliers[r] = moments.outliers();
        kurtosis[r] = moments.kurtosis();
      }
      golden.near("inf_norm", peaks);
      golden.near("outliers_6sigma", outliers);
      final double[] pearson = golden.doubles("kurtosis_pearson_fp64");
      for (int r = 0; r < rows; r++) {
        assertEquals(pearson[r], kurtosis[r], 1e-9 + 1e-9 * pearson[r], "row " + r);
      }
    }
  }

  @Test
  void kurtosisOfOneHotAndOfSigns() {
    final float[] hot = new float[768];
    hot[5] = 3f;
    assertEquals(768 - 2 + 1 / 767.0, Moments.of(hot, 0, 768).kurtosis(), 1e-9);
    assertEquals(1, Moments.of(new float[] {1, -1, 1, -1}, 0, 4).kurtosis(), 1e-12);
    assertArrayEquals(
        new double[] {0, 0},
        new double[] {
          Moments.of(new float[] {7, 7}, 0, 2).kurtosis(),
          Moments.of(new float[] {7, 7}, 0, 2).outliers()
        });
  }

  private static float[] gaussian(int n, long seed) {
    final Random random = new Random(seed);
    final float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }
}
