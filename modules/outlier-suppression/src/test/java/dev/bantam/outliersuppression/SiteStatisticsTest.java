package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import java.util.List;
import org.junit.jupiter.api.Test;

class SiteStatisticsTest {
  /** Against sums written out for one site. */
  @Test
  void meansAreOverTexts() {
    try (TinyBench bench = new TinyBench(1)) {
      final List<Encoding> texts =
          bench.train().stream().limit(5).map(TokenizedExample::encoding).toList();
      final List<SiteStatistics> all = SiteStatistics.measure(bench.model(), texts, Progress.NONE);
      assertEquals(13 * TinyBench.LAYERS, all.size());
      final String name = "layer.1.ffn.input";
      double norms = 0;
      double kurtosis = 0;
      float least = 0;
      for (Encoding text : texts) {
        final float[] x =
            bench
                .model()
                .siteValues(Batch.of(List.of(text)), List.of(bench.model().site(name)))
                .get(0);
        double mean = 0;
        double most = 0;
        for (float value : x) {
          mean += value / (double) x.length;
          most = Math.max(most, Math.abs(value));
          least = Math.min(least, value);
        }
        double second = 0;
        double fourth = 0;
        for (float value : x) {
          second += Math.pow(value - mean, 2) / x.length;
          fourth += Math.pow(value - mean, 4) / x.length;
        }
        norms += most / texts.size();
        kurtosis += fourth / (second * second) / texts.size();
      }
      final SiteStatistics found =
          all.stream().filter(s -> s.site().equals(name)).findFirst().orElseThrow();
      assertEquals(norms, found.infinityNorm(), 1e-6 * norms);
      assertEquals(kurtosis, found.kurtosis(), 1e-9 * kurtosis);
      assertEquals(least, found.min());
      final SiteStatistics.Channels channels = found.channels().orElseThrow();
      assertEquals(11, channels.widest(), "the channel of the largest gain");
      assertTrue(channels.range() > 3 * channels.median(), channels.toString());
      assertTrue(channels.asymmetry() > 0.5, channels.toString());
      assertTrue(
          all.stream()
              .filter(s -> s.site().endsWith("probabilities"))
              .allMatch(s -> s.channels().isEmpty() && s.min() >= 0 && s.max() <= 1));
    }
  }

  /**
   * 8 bits over the range of a uniform variable: 20 lg 255 = 48.13 dB, see the noise by rounding.
   */
  @Test
  void theRatioIsThatOfRounding() {
    final float[] x = new float[10_001];
    for (int i = 0; i < x.length; i++) {
      x[i] = -1 + 2f * i / (x.length - 1);
    }
    final double predicted =
        10 * Math.log10(12.0 * 255 * 255)
            - 20 * Math.log10(2 / Math.sqrt(Moments.of(x, 0, x.length).variance()));
    assertEquals(48.13, predicted, 0.01);
    final Quantizer quantizer = Codes.AFFINE.of(-1, 1, 8);
    double noise = 0;
    double signal = 0;
    for (float value : x) {
      noise += Math.pow(quantizer.round(value) - value, 2);
      signal += (double) value * value;
    }
    assertEquals(predicted, 10 * Math.log10(signal / noise), 0.3);
  }
}
