package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.StepLog;
import dev.bantam.model.Batch;
import dev.bantam.model.DenseLinear;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import dev.bantam.outliersuppression.ScaleSearch.Trial;
import dev.bantam.outliersuppression.SuppressOutliers.Upstream;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Shifts and scales the activations of an encoder site by site, in forward order.
 *
 * <p>Beside the live model stands a second one over the same weights, in which everything upstream
 * of the site at hand is quantized already, unless that is not wanted: a site is judged on the
 * input that it will get, and its reference is what the float32 piece behind it makes of that
 * input.
 */
final class Migration {
  /** Outputs that differ by more, relative to the largest, are no longer those of the model. */
  private static final double MOST_DIFFERENCE = 1e-2;

  /** One batch is little beside all of them. */
  private static final Progress.Bar UNCOUNTED = Progress.NONE.start("", -1, "texts");

  private final SuppressOutliers step;
  private final CompressionState state;
  private final EncoderModel model;
  private final EncoderModel quantized;
  private final List<Batch> batches;
  private final Batch first;
  private final float[] outputs;
  private final Progress.Bar bar;
  private final Map<String, Floats> rounded = new TreeMap<>();

  /** The model over the weights of a state must be an encoder that attends in the plain way. */
  Migration(SuppressOutliers step, CompressionState state, List<Batch> batches, Progress.Bar bar) {
    this.step = step;
    this.state = state;
    this.model = QuantizeActivations.encoder(state);
    this.batches = batches;
    this.first = batches.get(0);
    this.bar = bar;
    this.outputs = outputs();
    this.quantized =
        new EncoderModel(
            model.architecture(),
            model.head(),
            model.pooling(),
            state.weights(),
            state.resources().workers());
  }

  /** Migrates all sites; what was done at each. */
  List<StepLog.Entry> run() {
    final List<StepLog.Entry> entries = new ArrayList<>();
    final int layers = model.architecture().layers().size();
    try {
      for (MigrationSite site : MigrationSite.of(state.weights().keySet(), layers, step.values())) {
        entries.add(migrate(site));
        quantizeFrom(site);
      }
    } finally {
      quantized.close();
      rounded.values().forEach(Floats::close);
    }
    return entries;
  }

  private StepLog.Entry migrate(MigrationSite site) {
    final SiteRanges measured = new SiteRanges(quantized, batches);
    final ChannelRanges raw = measured.channels(site.site(), bar);
    final float[] x = quantized.siteValues(first, List.of(site.site())).get(0);
    final float[] shift = step.rule().shifts() ? raw.centres() : new float[raw.min().length];
    final ChannelRanges ranges = step.rule().shifts() ? raw.shifted(shift) : raw;
    final float[] weight = weights(site);
    final List<Trial> trials =
        step.rule().trials(ranges, ChannelScales.columnPeaks(weight, shift.length));
    final Choice choice = choose(site, x, shift, trials, weight);
    final EquivalentTransform transform =
        new EquivalentTransform(shift, trials.get(choice.index).scale());
    apply(site, transform);
    return entry(
        site, raw, transform, step.rule().describe(trials.get(choice.index), choice.index), choice);
  }

  /** All weights that read a site, one below the other. */
  private float[] weights(MigrationSite site) {
    final List<float[]> parts =
        site.consumers().stream().map(name -> state.weight(name + ".weight")).toList();
    final float[] all = new float[parts.stream().mapToInt(p -> p.length).sum()];
    int at = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }

  /**
   * A trial of least loss.
   *
   * @param before loss of the quantized site without any transform
   * @param after loss of the trial
   */
  private record Choice(int index, double before, double after) {}

  private Choice choose(
      MigrationSite site, float[] x, float[] shift, List<Trial> trials, float[] weight) {
    final EquivalentTransform centre = EquivalentTransform.ofShift(shift);
    final List<float[]> biases = new ArrayList<>();
    final List<float[]> shifted = new ArrayList<>();
    for (String consumer : site.consumers()) {
      biases.add(state.weight(consumer + ".bias"));
      final float[] bias = state.weight(consumer + ".bias");
      centre.intoConsumer(state.weight(consumer + ".weight"), bias);
      shifted.add(bias);
    }
    final double[] before = new double[1];
    try (SiteObjective plain = new SiteObjective(quantized, site, x, first.offsets(), biases)) {
      final Trial none = new Trial(ChannelScales.ones(shift.length), 0);
      before[0] = ScaleSearch.losses(x, weight, List.of(none), step.formats(), plain)[0];
    }
    try (SiteObjective piece = new SiteObjective(quantized, site, x, first.offsets(), shifted)) {
      final float[] centred = x.clone();
      centre.apply(centred, centred.length / shift.length);
      final double[] losses = ScaleSearch.losses(centred, weight, trials, step.formats(), piece);
      final int best = ScaleSearch.best(losses);
      if (best < 0) {
        throw BantamException.badInput(
            "No scale tried at '"
                + site.site()
                + "' gives finite outputs on the first batch of calibration texts: weights or"
                + " activations behind it overflow float32. Repair the model's weights, or leave the"
                + " step 'suppress-outliers' out.");
      }
      return new Choice(best, before[0], losses[best]);
    }
  }

  private void apply(MigrationSite site, EquivalentTransform transform) {
    final String producer = site.producer();
    final float[] gain = state.weight(producer + ".weight");
    final float[] bias = state.weight(producer + ".bias");
    if (site.afterLayerNorm()) {
      transform.intoLayerNorm(gain, bias);
    } else {
      transform.intoProducer(gain, gain.length / bias.length, bias);
    }
    write(producer, gain, bias);
    for (String consumer : site.consumers()) {
      final float[] weight = state.weight(consumer + ".weight");
      final float[] added = state.weight(consumer + ".bias");
      transform.intoConsumer(weight, added);
      write(consumer, weight, added);
    }
    site.residual()
        .ifPresent(
            residual -> {
              final Affine back = new Affine(transform.scale(), transform.shift());
              state.attach(residual.toString(), back);
              back.attach(quantized, residual.toString());
            });
  }

  private void write(String prefix, float[] weight, float[] bias) {
    final Map<String, INDArray> live = state.weights();
    Floats.of(live.get(prefix + ".weight")).write(0, weight, 0, weight.length);
    Floats.of(live.get(prefix + ".bias")).write(0, bias, 0, bias.length);
  }

  private StepLog.Entry entry(
      MigrationSite site,
      ChannelRanges raw,
      EquivalentTransform transform,
      String chosen,
      Choice choice) {
    final ChannelRanges after = new ChannelRanges(transform.channels());
    final float[] low = raw.min().clone();
    final float[] high = raw.max().clone();
    transform.apply(low, 1);
    transform.apply(high, 1);
    after.add(low, 1);
    after.add(high, 1);
    final double difference = difference(site);
    final String how =
        String.format(
            Locale.ROOT,
            "%s; range %.4g to %.4g, after %.4g to %.4g; %d of %d channels scaled;"
                + " loss %.4g, after %.4g; largest weight %.4g; outputs differ by %.1e",
            chosen,
            raw.tensor().min(),
            raw.tensor().max(),
            after.tensor().min(),
            after.tensor().max(),
            transform.scaled(),
            transform.channels(),
            choice.before,
            choice.after,
            largest(weights(site)),
            difference);
    return new StepLog.Entry(site.site().toString(), how, OptionalInt.empty(), 0, 0, 0);
  }

  private static float largest(float[] values) {
    return Range.of(values, 0, values.length).peak();
  }

  /**
   * Largest difference of the model's outputs to those before the step, over the largest output.
   */
  private double difference(MigrationSite site) {
    final float[] now = outputs();
    double most = 0;
    double peak = 0;
    for (int i = 0; i < now.length; i++) {
      most = Math.max(most, Math.abs((double) now[i] - outputs[i]));
      peak = Math.max(peak, Math.abs((double) outputs[i]));
    }
    final double difference = peak == 0 ? most : most / peak;
    if (!(difference <= MOST_DIFFERENCE)) {
      throw BantamException.badInput(
          String.format(
              Locale.ROOT,
              "Shifting and scaling '%s' in float32 changed the model's outputs by %.2g of the"
                  + " largest, so the model would not be the same. Its LayerNorm gains or ranges are"
                  + " extreme; use the model without this step.",
              site.site(),
              difference));
    }
    return difference;
  }

  private float[] outputs() {
    return model.head().isPresent() ? model.outputs(first).values() : model.embed(first, false);
  }

  /** Quantizes what lies between a site and the next one. */
  private void quantizeFrom(MigrationSite site) {
    if (!step.searches() || step.upstream() == Upstream.EXACT) {
      return;
    }
    final int layer = site.site().layer();
    final String prefix = EncoderPlaces.prefix(layer);
    round(layer, site.site().kind());
    site.consumers().forEach(this::round);
    switch (site.site().kind()) {
      case ATTENTION_INPUT -> {
        round(layer, Kind.ATTENTION_QUERY, Kind.ATTENTION_KEY, Kind.ATTENTION_PROBABILITIES);
        if (!step.values()) {
          round(layer, Kind.ATTENTION_VALUE, Kind.ATTENTION_CONTEXT);
          round(prefix + "attention.output.dense");
        }
      }
      case ATTENTION_CONTEXT -> {
        round(prefix + "attention.self.value"); // again, since its rows were scaled
        round(layer, Kind.ATTENTION_VALUE);
      }
      default -> {
        round(layer, Kind.FFN_HIDDEN);
        round(prefix + "output.dense");
      }
    }
  }

  private void round(int layer, Kind... kinds) {
    final List<Site> sites = new ArrayList<>();
    for (Kind kind : kinds) {
      sites.add(new Site(layer, kind));
    }
    final ScaleSearch.Formats formats = step.formats();
    if (formats.perToken()) {
      sites.forEach(
          site ->
              quantized.attach(
                  site.toString(),
                  new Rounding.PerToken(formats.activations(), formats.activationBits())));
      return;
    }
    new SiteRanges(quantized, List.of(first))
        .tensors(sites, step.observer(), formats.activations(), formats.activationBits(), UNCOUNTED)
        .forEach(
            (site, range) ->
                quantized.attach(
                    site.toString(),
                    new Rounding.Fixed(
                        formats.activations(),
                        formats.activationBits(),
                        formats.activations().of(range, formats.activationBits()))));
  }

  private void round(String linear) {
    final String name = linear + ".weight";
    final float[] weight = state.weight(name);
    final int columns = Math.toIntExact(state.weights().get(name).size(1));
    FakeQuantization.runs(
        weight,
        weight.length,
        step.formats().perRow() ? columns : weight.length,
        step.formats().weights(),
        step.formats().weightBits());
    final Floats memory =
        rounded.computeIfAbsent(name, n -> Floats.zeros(weight.length / columns, columns));
    memory.write(0, weight, 0, weight.length);
    quantized.setOperator(name, new DenseLinear(memory.array()));
  }
}
