package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.model.ActivationTransform;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Ranges without the tokens that stick out: the same share of tokens at all sites, chosen by the
 * squared error of the model's outputs with everything rounded. Probabilities keep their range,
 * since their rows are no tokens.
 */
final class TokenRanges {
  private final EncoderModel model;
  private final EncoderModel trial;
  private final List<Batch> batches;
  private final List<Site> sites;
  private final Codes codes;
  private final int bits;

  /**
   * Ranges of one share.
   *
   * @param share of the tokens whose extremes count, in [0, 1]
   * @param ranges of all sites
   */
  record Chosen(double share, Map<Site, Range> ranges) {}

  /** The sites must have no operations yet. */
  TokenRanges(
      CompressionState state,
      EncoderModel model,
      List<Batch> batches,
      List<Site> sites,
      Codes codes,
      int bits) {
    this.model = model;
    this.batches = batches;
    this.sites = sites;
    this.codes = codes;
    this.bits = bits;
    this.trial =
        new EncoderModel(
            model.architecture(),
            model.head(),
            model.pooling(),
            state.weights(),
            state.resources().workers());
    state.operations().forEach((place, operation) -> operation.attach(trial, place));
  }

  /** The best of some shares; of equal ones the first. */
  Chosen choose(double[] shares, Progress.Bar bar) {
    final Map<Double, Map<Site, RangeOfBatches>> measured = new LinkedHashMap<>();
    for (double share : shares) {
      final Map<Site, RangeOfBatches> ofShare = new LinkedHashMap<>();
      sites.forEach(site -> ofShare.put(site, RangeOfBatches.mean()));
      measured.put(share, ofShare);
    }
    new SiteRanges(model, batches)
        .forEach(
            sites,
            bar,
            (site, x, rows, columns) ->
                measured.forEach(
                    (share, ofShare) ->
                        ofShare.get(site).add(rule(site, share).of(x, rows, columns))));
    final List<float[]> exact = new ArrayList<>();
    batches.forEach(batch -> exact.add(outputs(model, batch)));
    try {
      final double best =
          TokenClipping.best(shares, share -> loss(ranges(measured.get(share)), exact, bar));
      return new Chosen(best, ranges(measured.get(best)));
    } finally {
      trial.close();
    }
  }

  private static BatchRange rule(Site site, double share) {
    return site.kind() == Kind.ATTENTION_PROBABILITIES
        ? BatchRange::minMax
        : BatchRange.tokenQuantile(share);
  }

  private static Map<Site, Range> ranges(Map<Site, RangeOfBatches> measured) {
    final Map<Site, Range> ranges = new LinkedHashMap<>();
    measured.forEach((site, batches) -> ranges.put(site, batches.range()));
    return ranges;
  }

  private double loss(Map<Site, Range> ranges, List<float[]> exact, Progress.Bar bar) {
    ranges.forEach(
        (site, range) -> {
          trial.detach(site.toString());
          trial.attach(
              site.toString(),
              (ActivationTransform) new Rounding.Fixed(codes, bits, codes.of(range, bits)));
        });
    double sum = 0;
    for (int b = 0; b < exact.size(); b++) {
      final float[] rounded = outputs(trial, batches.get(b));
      for (int i = 0; i < rounded.length; i++) {
        final double d = (double) rounded[i] - exact.get(b)[i];
        sum += d * d;
      }
      bar.advance(batches.get(b).sequences());
    }
    return sum;
  }

  private static float[] outputs(EncoderModel model, Batch batch) {
    return model.head().isPresent() ? model.outputs(batch).values() : model.embed(batch, false);
  }
}
