package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranges of least divergence against those of ONNX Runtime's calibrator. */
class EntropyCalibrationTest {
  private static final Pattern ENTROPY =
      Pattern.compile("(\\w+)\\.entropy\\.asym\\.bins(\\d+)\\.q(\\d+)");

  @ParameterizedTest
  @ValueSource(strings = {"ort-calibrators-s1", "ort-calibrators-s2"})
  void rangesAreThoseOfTheRuntime(String name) {
    int compared = 0;
    try (GoldenCase golden = GoldenCase.of("quantization", name)) {
      for (Map.Entry<String, JsonNode> expected : golden.expected().properties()) {
        final Matcher setting = ENTROPY.matcher(expected.getKey());
        if (setting.matches()) {
          final GrowingHistogram histogram =
              new GrowingHistogram(Integer.parseInt(setting.group(2)));
          for (int batch = 0; golden.has("input." + setting.group(1) + "." + batch); batch++) {
            final float[] x = golden.numbers("input." + setting.group(1) + "." + batch);
            histogram.add(x, x.length);
          }
          final Range range =
              EntropyCalibration.choose(histogram, Integer.parseInt(setting.group(3)));
          golden.near(
              new float[] {
                (float) expected.getValue().get(0).asDouble(),
                (float) expected.getValue().get(1).asDouble()
              },
              new float[] {range.min(), range.max()},
              expected.getKey());
          compared++;
        }
      }
    }
    assertEquals(12, compared);
  }

  /** Later values beyond the edges get bins of the same width; all are counted. */
  @Test
  void laterBatchesGrowTheHistogram() {
    final GrowingHistogram histogram = new GrowingHistogram(4);
    histogram.add(new float[] {-2, -0.5f, 0, 1.5f, 2}, 5); // width 1
    assertEquals(5, total(histogram.counts()));
    histogram.add(new float[] {3.5f, -7}, 2);
    assertEquals(7, total(histogram.counts()));
    assertEquals(4 + 2 * 6, histogram.counts().length); // 5 widths and more beyond 2
    assertEquals(-8, histogram.edge(0));
    assertEquals(8, histogram.edge(16));
    assertEquals(1, histogram.counts()[1]); // -7 lies in [-7, -6)
    assertEquals(1, histogram.counts()[11]);
    assertEquals(new Range(-7, 3.5f), histogram.range());
  }

  private static long total(long[] counts) {
    long total = 0;
    for (long count : counts) {
      total += count;
    }
    return total;
  }

  @Test
  void zerosAloneHaveARange() {
    final GrowingHistogram histogram = new GrowingHistogram(8);
    histogram.add(new float[3], 3);
    final Range range = EntropyCalibration.choose(histogram, 4);
    assertEquals(0, range.peak());
    histogram.add(new float[] {1, -1}, 2);
    assertTrue(EntropyCalibration.choose(histogram, 4).max() <= 1);
  }
}
