package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.model.ActivationTransform;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Site;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TokenRangesTest {
  private static final double[] SHARES = {1, 0.9, 0.8, 0.7, 0.6, 0.5};

  /**
   * Each share alone on a copy of the model: none gives outputs that are closer to the exact ones.
   */
  @Test
  void theChosenShareIsTheBest() {
    try (TinyBench bench = new TinyBench(1);
        Progress.Bar bar = Progress.NONE.start("test", 1, "texts")) {
      final CompressionState state = bench.state(1);
      SuppressOutliersTest.step("suppress-outliers", "smoothquant").apply(state);
      final EncoderModel model = bench.model();
      final List<Site> sites = EncoderPlaces.productInputs(TinyBench.LAYERS);
      final TokenClipping.Chosen chosen =
          new TokenRanges(state, model, List.of(bench.all()), sites, Codes.AFFINE, 3)
              .choose(SHARES, bar);
      final float[] exact = model.outputs(bench.all()).values();
      double least = Double.POSITIVE_INFINITY;
      double best = 0;
      for (double share : SHARES) {
        try (EncoderModel copy = bench.copy()) {
          state.operations().forEach((place, operation) -> operation.attach(copy, place));
          for (Site site : sites) {
            final float[] x = model.siteValues(bench.all(), List.of(site)).get(0);
            final int width = EncoderPlaces.width(model.architecture(), site);
            final Range range =
                width == 0
                    ? Range.of(x, 0, x.length)
                    : BatchRange.tokenQuantile(share).of(x, x.length / width, width);
            if (share == chosen.share()) {
              assertEquals(range, chosen.ranges().get(site), site.toString());
            }
            copy.attach(
                site.toString(),
                (ActivationTransform)
                    new Rounding.Fixed(Codes.AFFINE, 3, Codes.AFFINE.of(range, 3)));
          }
          double sum = 0;
          final float[] rounded = copy.outputs(bench.all()).values();
          for (int i = 0; i < exact.length; i++) {
            sum += Math.pow((double) rounded[i] - exact[i], 2);
          }
          if (sum < least) {
            least = sum;
            best = share;
          }
        }
      }
      assertEquals(best, chosen.share());
      assertTrue(best < 1, "clipping does not help here, so this shows nothing");
    }
  }

  @Test
  void sharesBelowZeroAreAProblem() {
    final MapSettings settings = new MapSettings(Map.of("share-step", 0.5, "shares", 4));
    new QuantizeActivations.TokenClippingFactory().parse(settings);
    assertTrue(settings.problems.get(0).contains("below 0"), settings.problems.toString());
  }
}
