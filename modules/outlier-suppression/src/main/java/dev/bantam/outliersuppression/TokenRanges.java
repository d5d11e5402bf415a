package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.model.ActivationTransform;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Site;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Ranges of an encoder without the tokens that stick out, see {@link TokenClipping}. Probabilities
 * keep their range, since their rows are no tokens.
 */
final class TokenRanges {
  private final EncoderModel model;
  private final EncoderModel trial;
  private final List<Batch> batches;
  private final List<Site> sites;
  private final Codes codes;
  private final int bits;

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
  TokenClipping.Chosen choose(double[] shares, Progress.Bar bar) {
    try {
      return new TokenClipping(new Encoder(bar), sites).choose(shares);
    } finally {
      trial.close();
    }
  }

  /** The model as it is, and the one that is rounded. */
  private final class Encoder implements TokenClipping.Network {
    private final Progress.Bar bar;

    Encoder(Progress.Bar bar) {
      this.bar = bar;
    }

    @Override
    public void measure(SiteRanges.Sink sink) {
      new SiteRanges(model, batches).forEach(sites, bar, sink);
    }

    @Override
    public List<float[]> exact() {
      return batches.stream().map(batch -> outputs(model, batch)).toList();
    }

    @Override
    public List<float[]> rounded(Map<Site, Range> ranges) {
      ranges.forEach(
          (site, range) -> {
            trial.detach(site.toString());
            trial.attach(
                site.toString(),
                (ActivationTransform) new Rounding.Fixed(codes, bits, codes.of(range, bits)));
          });
      final List<float[]> rounded = new ArrayList<>();
      for (Batch batch : batches) {
        rounded.add(outputs(trial, batch));
        bar.advance(batch.sequences());
      }
      return rounded;
    }
  }

  private static float[] outputs(EncoderModel model, Batch batch) {
    return model.head().isPresent() ? model.outputs(batch).values() : model.embed(batch, false);
  }
}
