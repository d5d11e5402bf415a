package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Site;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Rounds the inputs of all matrix products of the encoder layers to integers: what the six matrices
 * read, query and key, attention probabilities and value. Residuals, LayerNorms, softmax and GELU
 * inputs, pooling and head stay float32.
 *
 * @param sites which of them
 * @param codes where zero lies among the codes
 * @param bits width of a code, 2..8
 * @param ranges where the ranges come from
 */
record QuantizeActivations(SiteSelector sites, Codes codes, int bits, Ranges ranges)
    implements Step {
  /** Name of the step in recipes. */
  static final String STEP = "quantize-activations";

  private static final int SMOKE_SHARES = 2;
  private static final int MOST_HISTOGRAMS = 64;

  QuantizeActivations {
    Objects.requireNonNull(sites, "sites");
    Objects.requireNonNull(codes, "codes");
    Objects.requireNonNull(ranges, "ranges");
  }

  /** Where zero lies among the codes. */
  enum Scheme {
    /** At an integer zero point, so that lopsided activations use all codes. */
    AFFINE(Codes.AFFINE),
    /** In the middle. */
    SYMMETRIC(Codes.SYMMETRIC);

    private final Codes codes;

    Scheme(Codes codes) {
      this.codes = codes;
    }

    static Codes read(Settings settings) {
      return settings.choice("scheme", Scheme.class, AFFINE).codes;
    }
  }

  /** Where the ranges come from. */
  sealed interface Ranges {
    /** Name of the method in recipes. */
    String method();

    /** Texts whose activations are measured; empty if none are. */
    Optional<Calibration> calibration();

    /** In words. */
    String describe();
  }

  /** One range for each site, measured once. */
  record Static(Observer observer, Calibration texts) implements Ranges {
    @Override
    public String method() {
      return "static";
    }

    @Override
    public Optional<Calibration> calibration() {
      return Optional.of(texts);
    }

    @Override
    public String describe() {
      return "one range, " + observer.describe();
    }
  }

  /** A range for each token, from its own values, while the model runs. */
  record Dynamic() implements Ranges {
    @Override
    public String method() {
      return "dynamic";
    }

    @Override
    public Optional<Calibration> calibration() {
      return Optional.empty();
    }

    @Override
    public String describe() {
      return "a range for each token";
    }
  }

  /** Ranges for groups of channels where a weight matrix reads them, else one, measured once. */
  record Grouped(int groups, Observer observer, Calibration texts) implements Ranges {
    @Override
    public String method() {
      return "grouped";
    }

    @Override
    public Optional<Calibration> calibration() {
      return Optional.of(texts);
    }

    @Override
    public String describe() {
      return "ranges for " + groups + " groups of channels, " + observer.describe();
    }
  }

  /**
   * One range for each site without the tokens that stick out, measured once (Wei et al. 2022,
   * token-wise clipping).
   *
   * @param step distance of the shares of tokens that are tried, from 1 down
   * @param shares how many are tried
   */
  record TokenClipped(double step, int shares, Calibration texts) implements Ranges {
    @Override
    public String method() {
      return "token-clipping";
    }

    @Override
    public Optional<Calibration> calibration() {
      return Optional.of(texts);
    }

    @Override
    public String describe() {
      return "one range, the best of " + shares + " shares of tokens";
    }
  }

  /** Reads one method of the step. */
  private abstract static class Factory implements StepFactory {
    @Override
    public final String step() {
      return STEP;
    }

    @Override
    public final Step parse(Settings settings) {
      return new QuantizeActivations(
          SiteSelector.read(settings),
          Scheme.read(settings),
          settings.integer("bits", 2, 8, 8),
          ranges(settings));
    }

    abstract Ranges ranges(Settings settings);
  }

  /** Reads {@code quantize-activations: {method: static, ...}}. */
  public static final class StaticFactory extends Factory {
    @Override
    public String method() {
      return "static";
    }

    @Override
    public boolean isDefault() {
      return true;
    }

    @Override
    Ranges ranges(Settings settings) {
      return new Static(Observer.read(settings), Calibration.read(settings));
    }
  }

  /** Reads {@code quantize-activations: {method: dynamic, ...}}. */
  public static final class DynamicFactory extends Factory {
    @Override
    public String method() {
      return "dynamic";
    }

    @Override
    Ranges ranges(Settings settings) {
      return new Dynamic();
    }
  }

  /** Reads {@code quantize-activations: {method: grouped, ...}}. */
  public static final class GroupedFactory extends Factory {
    @Override
    public String method() {
      return "grouped";
    }

    @Override
    Ranges ranges(Settings settings) {
      final int groups = settings.integer("groups", 1, 1 << 16, 6);
      final Observer observer = Observer.read(settings);
      if (groups > MOST_HISTOGRAMS && observer.needsHistogram()) {
        settings.problem(
            "groups",
            String.format(
                Locale.ROOT,
                "a histogram for each of %d groups at every site takes too much memory. Up to %d"
                    + " groups can have 'observer: %s'; 'min-max' takes any number.",
                groups,
                MOST_HISTOGRAMS,
                settings.text("observer", "min-max")));
      }
      return new Grouped(groups, observer, Calibration.read(settings));
    }
  }

  /** Reads {@code quantize-activations: {method: token-clipping, ...}}. */
  public static final class TokenClippingFactory extends Factory {
    @Override
    public String method() {
      return "token-clipping";
    }

    @Override
    Ranges ranges(Settings settings) {
      final double step = settings.number("share-step", 1e-6, 0.5, 0.01);
      final int shares = settings.integer("shares", 1, 1000, 11);
      if (step * (shares - 1) > 1) {
        settings.problem(
            "shares",
            String.format(
                Locale.ROOT,
                "%d shares at a distance of %s go below 0. Try fewer, or a smaller 'share-step'.",
                shares,
                step));
      }
      return new TokenClipped(step, shares, Calibration.read(settings));
    }
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    return sites.check(EncoderPlaces.layers(shapes));
  }

  @Override
  public Set<Operation.Effect> addsOperations() {
    return Set.of(
        ranges instanceof Static || ranges instanceof TokenClipped
            ? Operation.Effect.FIXED_ROUNDING
            : Operation.Effect.OTHER);
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    return List.of();
  }

  /** Passes over the calibration texts. */
  private int passes() {
    if (ranges instanceof TokenClipped clipped) {
      return 2 + clipped.shares;
    }
    return ranges instanceof Grouped ? 3 : 1;
  }

  @Override
  public Cost cost(Map<String, long[]> shapes) {
    final long rows = ranges.calibration().map(Calibration::rows).orElse(0);
    return new Cost(0, 0, 0, passes() * rows, 0);
  }

  @Override
  public Smoke smoke() {
    if (ranges.calibration().isEmpty()) {
      return new Smoke(this, Map.of());
    }
    final Calibration less = ranges.calibration().get().smoke();
    final Map<String, Integer> settings = new LinkedHashMap<>();
    settings.put("rows", less.rows());
    settings.put("batch", less.batch());
    final Ranges cheaper;
    if (ranges instanceof TokenClipped clipped) {
      settings.put("shares", Math.min(clipped.shares, SMOKE_SHARES));
      cheaper = new TokenClipped(clipped.step, settings.get("shares"), less);
    } else if (ranges instanceof Grouped grouped) {
      cheaper = new Grouped(grouped.groups, grouped.observer, less);
    } else {
      cheaper = new Static(((Static) ranges).observer, less);
    }
    return new Smoke(new QuantizeActivations(sites, codes, bits, cheaper), settings);
  }

  @Override
  public StepLog apply(CompressionState state) {
    final EncoderModel model = encoder(state);
    final List<Site> chosen = sites.select(model.architecture().layers().size());
    refuseTaken(state, chosen);
    final Map<Site, Operation> operations = operations(state, model, chosen);
    operations.forEach((site, operation) -> state.attach(site.toString(), operation));
    final List<StepLog.Entry> entries = new ArrayList<>();
    operations.forEach(
        (site, operation) ->
            entries.add(
                new StepLog.Entry(
                    site.toString(), describe(operation), OptionalInt.empty(), 0, 0, 0)));
    return new StepLog(STEP, ranges.method(), entries);
  }

  static EncoderModel encoder(CompressionState state) {
    if (state.resources().model() instanceof EncoderModel model) {
      return model;
    }
    throw new BantamException(
        ExitCode.USAGE, "Activations are those of an encoder, and this model is none.");
  }

  private static void refuseTaken(CompressionState state, List<Site> chosen) {
    for (Site site : chosen) {
      final Operation there = state.operations().get(site.toString());
      if (there != null) {
        throw new BantamException(
            ExitCode.BAD_FILE,
            "At '"
                + site
                + "' the model does '"
                + there.kind()
                + "' already. List the site under 'skip', or leave the step out.");
      }
    }
  }

  private Map<Site, Operation> operations(
      CompressionState state, EncoderModel model, List<Site> chosen) {
    final Map<Site, Operation> operations = new LinkedHashMap<>();
    if (ranges instanceof Dynamic) {
      chosen.forEach(
          site -> operations.put(site, new FakeQuantize(new Rounding.PerToken(codes, bits))));
      return operations;
    }
    final List<Batch> batches = ranges.calibration().orElseThrow().batches(state);
    final long work = passes() * batches.stream().mapToLong(Batch::sequences).sum();
    try (Progress.Bar bar =
        state.resources().progress().start("Ranges of activations", work, "texts")) {
      final SiteRanges measured = new SiteRanges(model, batches);
      if (ranges instanceof TokenClipped clipped) {
        new TokenRanges(state, model, batches, chosen, codes, bits)
            .choose(TokenClipping.shares(clipped.step, clipped.shares), bar)
            .ranges()
            .forEach((site, range) -> operations.put(site, fixed(range)));
      } else if (ranges instanceof Grouped grouped) {
        byGroup(measured, chosen, grouped, bar, operations);
      } else {
        measured
            .tensors(chosen, ((Static) ranges).observer, codes, bits, bar)
            .forEach((site, range) -> operations.put(site, fixed(range)));
      }
    }
    return operations;
  }

  private void byGroup(
      SiteRanges measured,
      List<Site> chosen,
      Grouped grouped,
      Progress.Bar bar,
      Map<Site, Operation> operations) {
    final List<Site> wide =
        chosen.stream().filter(s -> EncoderPlaces.LINEAR_INPUTS.contains(s.kind())).toList();
    final List<Site> others = chosen.stream().filter(s -> !wide.contains(s)).toList();
    final Map<Site, SiteRanges.Grouped> groups =
        measured.groups(wide, grouped.groups, grouped.observer, codes, bits, bar);
    final Map<Site, Range> tensors = measured.tensors(others, grouped.observer, codes, bits, bar);
    for (Site site : chosen) {
      operations.put(
          site, wide.contains(site) ? byGroup(groups.get(site)) : fixed(tensors.get(site)));
    }
  }

  private Operation byGroup(SiteRanges.Grouped groups) {
    final Quantizer[] quantizers =
        groups.ranges().stream().map(range -> codes.of(range, bits)).toArray(Quantizer[]::new);
    return new FakeQuantize(new Rounding.Groups(codes, bits, quantizers, groups.group()));
  }

  private Operation fixed(Range range) {
    return new FakeQuantize(new Rounding.Fixed(codes, bits, codes.of(range, bits)));
  }

  private String describe(Operation operation) {
    final Rounding rounding = ((FakeQuantize) operation).rounding();
    final String how =
        String.format(
            Locale.ROOT,
            "%d bit, %s, %s",
            bits,
            codes.name().toLowerCase(Locale.ROOT),
            ranges.describe());
    if (!(rounding instanceof Rounding.Fixed fixed)) {
      return how;
    }
    final Quantizer q = fixed.quantizer();
    return String.format(
        Locale.ROOT,
        "%s: %.4g to %.4g",
        how,
        (q.low() - q.zero()) * q.scale(),
        (q.high() - q.zero()) * q.scale());
  }
}
