package dev.bantam.mixedprecision;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.StepResources;
import dev.bantam.compression.TensorSelector;
import dev.bantam.data.LabelledBatch;
import dev.bantam.mixedprecision.BitAllocation.Budget;
import dev.bantam.mixedprecision.BitAllocation.Option;
import dev.bantam.model.Batch;
import dev.bantam.model.Model;
import dev.bantam.tensor.Floats;
import dev.bantam.training.TaskLoss;
import dev.bantam.training.hessian.Estimate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Rounds every weight to the nearest code of its group, with a width of its own for each matrix:
 * the widths are those of least predicted harm within a budget of bits.
 *
 * <p>The harm of a width b for matrix i is, in the default, {@code mean(lambda(H_ii)) |Q_b(W_i) -
 * W_i|^2} (HAWQ-V2, Dong et al. 2020), and half of it the predicted increase of the task loss; a
 * mean eigenvalue below zero counts as zero. Q_b is exactly what is stored. With Q-BERT's measure
 * (Shen et al. 2020) it is {@code Omega 4^-b} for a layer, so that layers are served in the order
 * of Omega, as there.
 *
 * @param selector the matrices
 * @param choice how widths are chosen
 * @param format all but the width
 * @param rounding how weights become codes when the widths are chosen; harms are those of the
 *     nearest codes
 */
record MixedPrecision(
    TensorSelector selector, WidthChoice choice, WeightFormat format, Rounding rounding)
    implements Step {
  MixedPrecision {
    Objects.requireNonNull(selector, "selector");
    Objects.requireNonNull(choice, "choice");
    Objects.requireNonNull(format, "format");
    Objects.requireNonNull(rounding, "rounding");
  }

  /** Reads what stands beside {@code allocate}, too. */
  static MixedPrecision read(Settings settings, Settings allocate, Rounding rounding) {
    final TensorSelector selector = TensorSelector.read(settings);
    final WidthChoice choice = WidthChoice.read(allocate);
    if (settings.has("bits")) {
      settings.problem("bits", "'allocate' chooses them. Delete one of the two.");
    }
    final int lowest = choice.bits().isEmpty() ? 2 : choice.bits().get(0); // none was reported
    final WeightFormat format = WeightFormat.readBeside(settings, lowest);
    return new MixedPrecision(
        selector, choice, format, Quantization.orTrained(settings, format, rounding));
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    final List<StepProblem> problems = new ArrayList<>(selector.check(shapes));
    problems.addAll(format.check(shapes, selector.select(shapes)));
    problems.addAll(rounding.check(shapes, selector.select(shapes), format));
    if (problems.isEmpty() && choice.megabytes().isPresent()) {
      final double least = bytes(shapes, choice.bits().get(0)) / 1e6;
      if (choice.megabytes().getAsDouble() < least) {
        problems.add(
            new StepProblem(
                "allocate",
                String.format(
                    Locale.ROOT,
                    "'megabytes' is %s, and the matrices take %s at the smallest width. Offer"
                        + " smaller widths, make groups larger, or allow more.",
                    choice.megabytes().getAsDouble(),
                    least)));
      }
    }
    return problems;
  }

  private long bytes(Map<String, long[]> shapes, int bits) {
    return selector.select(shapes).stream()
        .mapToLong(
            name -> format.withBits(bits).storedBytes(shapes.get(name)[0], shapes.get(name)[1]))
        .sum();
  }

  @Override
  public boolean needsLabels() {
    return choice.sensitivity().needsLabels() || rounding.needsLabels();
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    final int low = (int) Math.floor(choice.average());
    final int high = (int) Math.ceil(choice.average());
    final double share = choice.average() - low;
    final double all = (1 - share) * bytes(shapes, low) + share * bytes(shapes, high);
    final double limit = 1e6 * choice.megabytes().orElse(Double.POSITIVE_INFINITY);
    final double kept = Math.min(1, limit / all);
    final List<Forecast> forecasts = new ArrayList<>();
    for (String name : selector.select(shapes)) {
      final long[] shape = shapes.get(name);
      final long least = format.withBits(low).storedBytes(shape[0], shape[1]);
      final long most = format.withBits(high).storedBytes(shape[0], shape[1]);
      forecasts.add(
          new Forecast(
              name,
              choice.describe() + ", " + format.describeGroups() + inWords(),
              Math.round(kept * (least + share * (most - least)))));
    }
    return forecasts;
  }

  private String inWords() {
    return rounding.describe().isEmpty() ? "" : ", " + rounding.describe();
  }

  @Override
  public Cost cost(Map<String, long[]> shapes) {
    final List<String> names = selector.select(shapes);
    final Cost first = choice.evidence().cost(shapes, names);
    final Cost second = rounding.cost(shapes, names);
    return new Cost(
        Math.max(first.offHeapBytes(), second.offHeapBytes()),
        Math.max(first.heapBytes(), second.heapBytes()),
        first.gradientExamples() + second.gradientExamples(),
        first.outputExamples() + second.outputExamples(),
        second.epochs());
  }

  @Override
  public Smoke smoke() {
    final WidthChoice cheaper = choice.smoke();
    final Map<String, Integer> settings = new LinkedHashMap<>();
    cheaper.evidence().settings().forEach((key, value) -> settings.put("allocate." + key, value));
    final Rounding rounded = rounding.smoke();
    settings.putAll(rounded.settings());
    return new Smoke(new MixedPrecision(selector, cheaper, format, rounded), settings);
  }

  @Override
  public StepLog apply(CompressionState state) {
    final List<String> names = selector.select(state.shapes());
    names.forEach(state::finiteWeight); // refused before hours of work
    final Map<String, Estimate> curvature = curvature(state, names);
    final Map<String, List<Option>> options = options(state, names, curvature);
    final Map<String, Integer> widths = widths(state, names, options);
    final OptionalDouble before = loss(state);
    final Map<String, WeightFormat> formats = new LinkedHashMap<>();
    names.forEach(name -> formats.put(name, format.withBits(widths.get(name))));
    final Map<String, Quantization.Stored> stored = Quantization.store(state, formats, rounding);
    final List<StepLog.Entry> entries = new ArrayList<>();
    final Map<String, Double> predicted = new LinkedHashMap<>();
    for (String name : names) {
      final int o = choice.bits().indexOf(widths.get(name));
      final OptionalDouble harm =
          predictsLoss()
              ? OptionalDouble.of(0.5 * options.get(name).get(o).omega())
              : OptionalDouble.empty();
      harm.ifPresent(loss -> predicted.put(name, loss));
      entries.add(
          entry(
              name,
              formats.get(name),
              stored.get(name),
              Optional.ofNullable(curvature.get(name)),
              harm));
    }
    return new StepLog(
        "quantize",
        rounding.method(choice.method()),
        entries,
        events(predicted, entries, state, before));
  }

  /** The prediction is for nearest codes, and for nothing that is trained or compensated. */
  private boolean predictsLoss() {
    return rounding instanceof Rounding.Nearest
        && (choice.sensitivity().usesHessianTrace()
            || choice.sensitivity() == Sensitivity.FISHER_TRACE);
  }

  /** What is measured serves every choice on the same weights. */
  private Map<String, Estimate> curvature(CompressionState state, List<String> names) {
    if (choice.evidence() instanceof Evidence.None) {
      return Map.of();
    }
    final String key =
        String.join(
            " ",
            state.weightsHash(),
            choice.evidence().toString(),
            Long.toString(state.seed("sample", "bit allocation")),
            String.join(",", names));
    return state
        .resources()
        .shared(Measured.class, key, () -> new Measured(choice.evidence().measure(state, names)))
        .byName();
  }

  /** Something to share. */
  private record Measured(Map<String, Estimate> byName) implements AutoCloseable {
    @Override
    public void close() {
      // nothing but heap memory
    }
  }

  private Map<String, List<Option>> options(
      CompressionState state, List<String> names, Map<String, Estimate> curvature) {
    final Map<String, List<String>> layers = Unit.LAYER.group(names);
    final Map<String, List<Option>> options = new LinkedHashMap<>();
    for (String name : names) {
      final float[] weights = state.finiteWeight(name);
      final List<Option> own = new ArrayList<>();
      for (int bits : choice.bits()) {
        final double omega =
            switch (choice.sensitivity()) {
              case RANDOM -> 0;
              case ERROR -> squaredError(state, name, weights, bits);
              case HESSIAN_TRACE, REVERSED, COMPLEMENT, FISHER_TRACE ->
                  Math.max(0, curvature.get(name).mean())
                      * squaredError(state, name, weights, bits);
              case Q_BERT ->
                  curvature.get(name).mean()
                      * Math.pow(4, -bits)
                      / layers.get(Unit.LAYER.of(name)).size();
            };
        final long[] shape = state.weights().get(name).shape();
        own.add(
            new Option(
                (long) bits * weights.length,
                format.withBits(bits).storedBytes(shape[0], shape[1]),
                omega));
      }
      options.put(name, own);
    }
    return options;
  }

  private double squaredError(CompressionState state, String name, float[] weights, int bits) {
    final float[] rounded =
        Floats.toArray(Rounding.Nearest.quantize(state, name, format.withBits(bits)).dense());
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      final double d = (double) rounded[i] - weights[i];
      sum += d * d;
    }
    return sum;
  }

  private Map<String, Integer> widths(
      CompressionState state, List<String> names, Map<String, List<Option>> options) {
    final Map<String, List<String>> units = choice.unit().group(names);
    final List<List<Option>> items =
        units.values().stream()
            .map(members -> BitAllocation.together(members.stream().map(options::get).toList()))
            .toList();
    final Budget budget =
        choice.budget(NominalSize.bits(state.shapes(), name -> names.contains(name) ? 1 : 0));
    final List<Integer> choices =
        switch (choice.sensitivity()) {
          case RANDOM ->
              WidthControls.random(
                  items, budget, state.seed("draw " + choice.draw(), "bit allocation"));
          case REVERSED -> BitAllocation.best(WidthControls.reversed(items), budget).choices();
          case COMPLEMENT -> WidthControls.complement(BitAllocation.best(items, budget).choices());
          case HESSIAN_TRACE, Q_BERT, FISHER_TRACE, ERROR ->
              BitAllocation.best(items, budget).choices();
        };
    final Map<String, Integer> widths = new LinkedHashMap<>();
    int unit = 0;
    for (List<String> members : units.values()) {
      final int width = choice.bits().get(choices.get(unit));
      members.forEach(name -> widths.put(name, width));
      unit++;
    }
    return widths;
  }

  private StepLog.Entry entry(
      String name,
      WeightFormat own,
      Quantization.Stored stored,
      Optional<Estimate> curvature,
      OptionalDouble predicted) {
    final boolean negative =
        choice.sensitivity() != Sensitivity.Q_BERT
            && curvature.filter(c -> c.mean() < 0).isPresent();
    return new StepLog.Entry(
        name,
        own.describe()
            + inWords()
            + ", stored as "
            + stored.form()
            + "; "
            + choice.describe()
            + (negative ? "; negative trace counted as 0" : ""),
        OptionalInt.of(own.bits()),
        stored.sparsity(),
        stored.storedBytes(),
        stored.relativeError(),
        predicted,
        curvature.map(c -> new StepLog.Sensitivity(c.mean(), c.standardError())));
  }

  private List<StepLog.Event> events(
      Map<String, Double> predicted,
      List<StepLog.Entry> entries,
      CompressionState state,
      OptionalDouble before) {
    if (predicted.isEmpty()) {
      return List.of();
    }
    double zeros = 0;
    double weights = 0;
    for (StepLog.Entry entry : entries) {
      final long n = state.weights().get(entry.name()).length();
      zeros += entry.sparsity() * n;
      weights += n;
    }
    return List.of(new StepLog.Event(1, zeros / weights, before, loss(state), predicted));
  }

  /** Mean task loss on the examples whose curvature was measured; empty if none was. */
  @SuppressWarnings("try") // the scope is what counts, not the variable
  private OptionalDouble loss(CompressionState state) {
    final List<LabelledBatch> batches = choice.evidence().batches(state);
    if (batches.isEmpty() || !predictsLoss()) {
      return OptionalDouble.empty();
    }
    final StepResources resources = state.resources();
    final Model<Batch> model = resources.model();
    double sum = 0;
    long examples = 0;
    try (Model.Frozen frozen = model.freeze()) {
      for (LabelledBatch batch : batches) {
        final Model.Outputs outputs = model.outputs(batch.batch());
        sum +=
            outputs.rows()
                * TaskLoss.of(
                        resources.task().requireHead().kind(), batch.labels(), batch.targets())
                    .apply(
                        outputs.values(),
                        outputs.rows(),
                        outputs.columns(),
                        new float[outputs.values().length]);
        examples += outputs.rows();
      }
    }
    return OptionalDouble.of(sum / examples);
  }
}
