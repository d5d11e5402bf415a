package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Retraining;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleSupplier;

/**
 * Removes weights by a criterion, at once or in events of a training, and stores what is left.
 *
 * @param selector the matrices that are pruned
 * @param criterion which weights go
 * @param schedule which share of their weights is zero when: exactly rint(sparsity * weights) of
 *     them, half to even, zeros that are there already included; never fewer than those
 * @param training what the events belong to; without it there is one event
 */
record PruningStep(
    TensorSelector selector,
    Criterion criterion,
    PruningSchedule schedule,
    Optional<Retraining> training)
    implements Step {
  /** Height of the learning rate where none is given; that of the published gradual report. */
  private static final double LEARNING_RATE = 2e-4;

  PruningStep {
    if (schedule.events() > 1 && training.isEmpty()) {
      throw new IllegalArgumentException("A schedule of events needs a training");
    }
  }

  /** Prunes once. */
  PruningStep(TensorSelector selector, Criterion criterion, double sparsity) {
    this(selector, criterion, PruningSchedule.once(sparsity), Optional.empty());
  }

  /**
   * Reads {@code schedule:} and {@code train:}.
   *
   * @param sparsity reads {@code sparsity:}, which a schedule replaces
   */
  static PruningStep read(
      Settings settings, TensorSelector selector, Criterion criterion, DoubleSupplier sparsity) {
    final boolean gradual = settings.has("schedule");
    final PruningSchedule schedule;
    if (gradual) {
      if (settings.has("sparsity")) {
        settings.problem("sparsity", "the schedule's 'to' says it. Delete the key.");
      }
      if (!settings.has("train")) {
        settings.problem(
            "schedule",
            "its events are parts of a training. Add for example 'train: {epochs: 8}', or write"
                + " 'sparsity' instead of 'schedule' to prune at once.");
      }
      schedule =
          PruningSchedule.read(settings).orElseGet(() -> PruningSchedule.once(0)); // was reported
    } else {
      schedule = PruningSchedule.once(sparsity.getAsDouble());
    }
    return new PruningStep(selector, criterion, schedule, Retraining.read(settings, LEARNING_RATE));
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    final List<StepProblem> problems = new ArrayList<>(selector.check(shapes));
    if (problems.isEmpty()) {
      final Map<String, long[]> matrices = new LinkedHashMap<>();
      selector.select(shapes).forEach(name -> matrices.put(name, shapes.get(name)));
      problems.addAll(criterion.check(matrices));
    }
    training.ifPresent(t -> problems.addAll(PrunedForms.checkTraining(t, selector, shapes)));
    return problems;
  }

  @Override
  public boolean needsLabels() {
    return criterion.needsLabels() || training.isPresent();
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    return PrunedForms.forecast(
        selector.select(shapes), shapes, before, describe(), moves(), schedule.to());
  }

  @Override
  public Cost cost(Map<String, long[]> shapes) {
    final Map<String, long[]> matrices = new LinkedHashMap<>();
    selector.select(shapes).forEach(name -> matrices.put(name, shapes.get(name)));
    final Cost events =
        criterion
            .cost(matrices)
            .repeated(schedule.events(), training.map(t -> t.settings().epochs()).orElse(0));
    return training.isEmpty() ? events : events.withHeap(PrunedWeights.heapBytes(matrices));
  }

  private boolean moves() {
    return criterion.moves() || training.isPresent();
  }

  private String describe() {
    return criterion.describe()
        + String.format(Locale.ROOT, " to %s %% zeros", Math.round(1000 * schedule.to()) / 10.0)
            .replace(".0 %", " %")
        + schedule.describe()
        + training.map(t -> "; " + t.describe()).orElse("");
  }

  @Override
  public Smoke smoke() {
    final Criterion.Smoke cheaper = criterion.smoke();
    final Optional<Retraining> shorter = training.map(Retraining::smoke);
    final Map<String, Integer> settings = new LinkedHashMap<>(cheaper.settings());
    shorter.ifPresent(
        t -> {
          settings.put("train.epochs", t.settings().epochs());
          settings.put("train.batch", t.settings().batch());
        });
    return new Smoke(new PruningStep(selector, cheaper.criterion(), schedule, shorter), settings);
  }

  @Override
  public StepLog apply(CompressionState state) {
    final PrunedWeights weights = new PrunedWeights(state, selector.select(state.shapes()));
    final List<StepLog.Event> events =
        training.isEmpty()
            ? List.of(criterion.prune(weights, schedule.to(), 1, true, state))
            : GradualPruning.run(criterion, schedule, training.get(), weights, state);
    final Map<String, Double> predicted = new LinkedHashMap<>();
    events.forEach(e -> e.predicted().forEach((n, loss) -> predicted.merge(n, loss, Double::sum)));
    final List<StepLog.Entry> entries = new ArrayList<>();
    for (int t = 0; t < weights.count(); t++) {
      entries.add(PrunedForms.store(state, weights, t, describe(), moves(), predicted));
    }
    return new StepLog("prune", method(), entries, events);
  }

  private String method() {
    if (training.isEmpty()) {
      return criterion.method();
    }
    return schedule.events() > 1 ? criterion.gradualMethod() : criterion.method() + "-trained";
  }
}
