package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.model.Batch;
import dev.bantam.model.SoftmaxAttention;
import dev.bantam.outliersuppression.ScaleSearch.Formats;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Rewrites the encoder into one that computes the same with activations that have no outliers: each
 * channel is shifted and scaled, and the inverse is put into LayerNorms, weights, biases and the
 * residual branch (Wei et al. 2023, Outlier Suppression+; Xiao et al. 2023, SmoothQuant).
 *
 * @param method name in recipes
 * @param rule which shifts and scales are tried
 * @param values whether the context is transformed too, through value and output matrix
 * @param formats how activations and weights are rounded in the search, as later steps will
 * @param observer ranges of what is rounded upstream of a site while it is searched
 * @param upstream whether anything is
 * @param texts whose activations are measured; the search is on their first batch
 */
record SuppressOutliers(
    String method,
    ScaleRule rule,
    boolean values,
    Formats formats,
    Observer observer,
    Upstream upstream,
    Calibration texts)
    implements Step {
  /** Name of the step in recipes. */
  static final String STEP = "suppress-outliers";

  SuppressOutliers {
    Objects.requireNonNull(method, "method");
    Objects.requireNonNull(rule, "rule");
    Objects.requireNonNull(formats, "formats");
    Objects.requireNonNull(observer, "observer");
    Objects.requireNonNull(upstream, "upstream");
    Objects.requireNonNull(texts, "texts");
  }

  /** How activations get their ranges in the search. */
  enum Ranges {
    /** One fixed range. */
    STATIC,
    /** A range for each token. */
    DYNAMIC
  }

  /** What a site is judged on while its scale is searched. */
  enum Upstream {
    /** The input that it gets when everything before it is rounded. */
    ROUNDED,
    /** The input that it gets in the float32 model. */
    EXACT
  }

  /** What is scaled. */
  enum Scale {
    /** Channels beyond a threshold. */
    THRESHOLD,
    /** Nothing. */
    NONE
  }

  private static Formats formats(Settings settings) {
    final int bits = settings.integer("bits", 2, 8, 8);
    return new Formats(
        QuantizeActivations.Scheme.read(settings),
        bits,
        settings.choice("activations", Ranges.class, Ranges.STATIC) == Ranges.DYNAMIC,
        Codes.SYMMETRIC,
        settings.integer("weight-bits", 2, 8, bits),
        true);
  }

  private static Upstream upstream(Settings settings) {
    return settings.choice("upstream", Upstream.class, Upstream.ROUNDED);
  }

  /** Outlier Suppression+ with or without the value matrices. */
  private abstract static class PlusFactory implements StepFactory {
    @Override
    public final String step() {
      return STEP;
    }

    @Override
    public final Step parse(Settings settings) {
      final boolean shifts = settings.flag("shift", true);
      final boolean scales =
          settings.choice("scale", Scale.class, Scale.THRESHOLD) == Scale.THRESHOLD;
      if (!shifts && !scales) {
        settings.problem("scale", "without 'shift' and 'scale' the step does nothing.");
      }
      final ScaleRule rule =
          scales ? threshold(settings, shifts) : new ScaleRule.Threshold(shifts, null, 1, 1);
      final Formats formats = formats(settings);
      return new SuppressOutliers(
          method(),
          rule,
          method().endsWith("-vo"),
          formats,
          formats.perToken() ? Observer.MIN_MAX : Observer.read(settings),
          scales ? upstream(settings) : Upstream.EXACT,
          Calibration.read(settings));
    }

    private static ScaleRule threshold(Settings settings, boolean shifts) {
      final ScaleRule.Grid grid =
          settings.choice("grid", ScaleRule.Grid.class, ScaleRule.Grid.CODE);
      return grid == ScaleRule.Grid.CODE
          ? new ScaleRule.Threshold(
              shifts, grid, settings.number("lowest-threshold", 1e-6, 1e6, 1.0), 1)
          : new ScaleRule.Threshold(shifts, grid, 1, settings.integer("steps", 1, 10_000, 100));
    }
  }

  /** Reads {@code suppress-outliers: {method: os-plus, ...}}. */
  public static final class OsPlusFactory extends PlusFactory {
    @Override
    public String method() {
      return "os-plus";
    }

    @Override
    public boolean isDefault() {
      return true;
    }
  }

  /** Reads {@code suppress-outliers: {method: os-plus-vo, ...}}. */
  public static final class OsPlusVoFactory extends PlusFactory {
    @Override
    public String method() {
      return "os-plus-vo";
    }
  }

  /** Reads {@code suppress-outliers: {method: smoothquant, ...}}. */
  public static final class SmoothQuantFactory implements StepFactory {
    @Override
    public String step() {
      return STEP;
    }

    @Override
    public String method() {
      return "smoothquant";
    }

    @Override
    public Step parse(Settings settings) {
      final OptionalDouble alpha = settings.numberOr("search", "alpha", 0, 1, 0.5);
      final boolean searches = alpha.isEmpty();
      final Formats formats =
          searches
              ? formats(settings)
              : new Formats(Codes.AFFINE, 8, false, Codes.SYMMETRIC, 8, true);
      return new SuppressOutliers(
          method(),
          new ScaleRule.Smooth(alpha),
          false,
          formats,
          searches && !formats.perToken() ? Observer.read(settings) : Observer.MIN_MAX,
          searches ? upstream(settings) : Upstream.EXACT,
          Calibration.read(settings));
    }
  }

  /** Whether there is more than one scale to choose from, so that rounding matters. */
  boolean searches() {
    return rule instanceof ScaleRule.Smooth smooth
        ? smooth.alpha().isEmpty()
        : ((ScaleRule.Threshold) rule).grid() != null;
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    return EncoderPlaces.layers(shapes) > 0
        ? List.of()
        : List.of(
            new StepProblem("method", "the model has no encoder layers, so there are no sites."));
  }

  @Override
  public boolean addsOperations() {
    return true;
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    final Map<String, Forecast> forecasts = new LinkedHashMap<>();
    for (MigrationSite site : sites(shapes)) {
      for (String name : site.parameters()) {
        long bytes = Float.BYTES;
        for (long size : shapes.get(name)) {
          bytes *= size;
        }
        forecasts.put(name, new Forecast(name, "shifted and scaled by " + method, bytes));
      }
    }
    return shapes.keySet().stream()
        .map(name -> Optional.ofNullable(forecasts.get(name)))
        .flatMap(Optional::stream)
        .toList();
  }

  private List<MigrationSite> sites(Map<String, long[]> shapes) {
    return MigrationSite.of(shapes.keySet(), EncoderPlaces.layers(shapes), values);
  }

  /** The second model has packed matrices of its own and, for a search, rounded copies of all. */
  @Override
  public Cost cost(Map<String, long[]> shapes) {
    final long sites = sites(shapes).size();
    long matrices = 0;
    for (Map.Entry<String, long[]> tensor : shapes.entrySet()) {
      final long[] shape = tensor.getValue();
      matrices +=
          TensorSelector.isEncoderMatrix(tensor.getKey()) ? Float.BYTES * shape[0] * shape[1] : 0;
    }
    return new Cost(
        searches() ? matrices : 0,
        matrices,
        0,
        sites * (texts.rows() + (searches() ? 4L * texts.batch() : 0)),
        0);
  }

  @Override
  public Smoke smoke() {
    final Calibration less = texts.smoke();
    return new Smoke(
        new SuppressOutliers(method, rule, values, formats, observer, upstream, less),
        Map.of("rows", less.rows(), "batch", less.batch()));
  }

  @Override
  public StepLog apply(CompressionState state) {
    refuse(state);
    final List<Batch> batches = texts.batches(state);
    final int sites = sites(state.shapes()).size();
    final long work = sites * batches.stream().mapToLong(Batch::sequences).sum();
    try (Progress.Bar bar =
        state.resources().progress().start("Suppressing outliers", work, "texts")) {
      return new StepLog(STEP, method, new Migration(this, state, batches, bar).run());
    }
  }

  private void refuse(CompressionState state) {
    final var model = QuantizeActivations.encoder(state);
    final List<String> taken = new ArrayList<>();
    final int layers = model.architecture().layers().size();
    if (model.architecture().layerWeights().stream().distinct().count() < layers) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          "The layers of this model share their weights, so a LayerNorm cannot be changed for one of"
              + " them. Leave 'suppress-outliers' out; 'quantize-activations' with 'method: dynamic'"
              + " or 'grouped' needs no such change.");
    }
    for (MigrationSite site : sites(state.shapes())) {
      site.parameters().stream().filter(name -> state.form(name).isPresent()).forEach(taken::add);
    }
    for (Map.Entry<String, Operation> there : state.operations().entrySet()) {
      taken.add(there.getKey() + " (" + there.getValue().kind() + ")");
    }
    for (int i = 0; i < layers; i++) {
      if (model.attention(i) != SoftmaxAttention.INSTANCE) {
        taken.add("the attention of layer " + i);
      }
    }
    if (!taken.isEmpty()) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          "An earlier step has decided "
              + String.join(", ", taken.stream().distinct().limit(3).toList())
              + (taken.size() > 3 ? " and others" : "")
              + ", and 'suppress-outliers' would change it. Put 'suppress-outliers' first.");
    }
  }
}
