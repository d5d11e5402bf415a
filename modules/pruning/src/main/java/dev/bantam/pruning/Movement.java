package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Retraining;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.pruning.PruningSchedule.Rewind;
import dev.bantam.training.FineTuning;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Movement pruning (Sanh et al. 2020): the masks of a training are learned, see {@link
 * MovementLinear}. With a schedule, each matrix keeps its highest scores, so many at a time; with a
 * threshold, all whose sigmoid is above it, while a penalty takes scores down.
 *
 * @param selector the matrices
 * @param height rows of a block that goes or stays as one
 * @param width columns of it
 * @param rate learning rate of scores at its height
 * @param schedule share of blocks removed at each time; of the soft rule, how far the threshold has
 *     gone on its way
 * @param soft the soft rule, if it is that
 * @param training what the masks are learned in
 */
record Movement(
    TensorSelector selector,
    int height,
    int width,
    double rate,
    PruningSchedule schedule,
    Optional<Soft> soft,
    Retraining training)
    implements Step {
  private static final double LEARNING_RATE = 2e-4;
  private static final double BELOW_ONE = Math.nextDown(1.0);
  private static final int LARGEST = 1 << 16;

  /** Bytes outside of the heap that a block takes: score, gradient, two moments, the best score. */
  private static final int BYTES = 5 * Float.BYTES;

  /**
   * The soft rule.
   *
   * @param threshold what the sigmoid of a score has to be above at last, in [0, 1)
   * @param penalty what the mean of all sigmoids counts with in the loss at last
   */
  record Soft(double threshold, double penalty) {}

  /** Reads {@code prune: {method: movement, ...}}. */
  public static class Factory implements StepFactory {
    @Override
    public String step() {
      return "prune";
    }

    @Override
    public String method() {
      return "movement";
    }

    @Override
    public Step parse(Settings settings) {
      final PruningSchedule defaults =
          new PruningSchedule(0, BELOW_ONE, 200, 0.1, 0.6, Rewind.NONE, 0);
      final Optional<PruningSchedule> schedule = PruningSchedule.read(settings, defaults);
      if (schedule.isEmpty()) {
        settings.problem(
            "schedule",
            "masks are learned while more and more goes. Add for example 'schedule: {to: 0.9}'.");
      }
      return read(settings, schedule.orElse(defaults), Optional.empty());
    }
  }

  /** Reads {@code prune: {method: movement-soft, ...}}. */
  public static final class SoftFactory extends Factory {
    @Override
    public String method() {
      return "movement-soft";
    }

    @Override
    public Step parse(Settings settings) {
      final Soft soft =
          new Soft(
              settings.number("threshold", 0, BELOW_ONE, 0.1),
              settings.number("penalty", 0, 1e9, 10.0));
      final double begin = settings.number("begin", 0, BELOW_ONE, 0.1);
      final double end = settings.number("end", 0, BELOW_ONE, 0.6);
      if (end < begin) {
        settings.problem("end", "it lies before 'begin', " + begin + ".");
      }
      final PruningSchedule ramp =
          new PruningSchedule(0, BELOW_ONE, 200, begin, Math.max(begin, end), Rewind.NONE, 0);
      return read(settings, ramp, Optional.of(soft));
    }
  }

  private static Movement read(Settings settings, PruningSchedule schedule, Optional<Soft> soft) {
    final TensorSelector selector = TensorSelector.read(settings);
    final int height = settings.integer("block-rows", 1, LARGEST, 1);
    final int width = settings.integer("block-columns", 1, LARGEST, 1);
    final double rate = settings.number("score-learning-rate", 1e-12, 1e6, 1e-2);
    final Optional<Retraining> training = Retraining.read(settings, LEARNING_RATE);
    if (training.isEmpty()) {
      settings.problem(
          "train", "masks are learned in a training. Add for example 'train: {epochs: 4}'.");
    }
    return new Movement(
        selector, height, width, rate, schedule, soft, training.orElseGet(Movement::missing));
  }

  /** Stands for a training that was reported as missing. */
  private static Retraining missing() {
    return new Retraining(
        new FineTuning(1, LEARNING_RATE, 1, 0, 0, 0, 0, List.of()), Retraining.Teacher.NONE, 0, 1);
  }

  private String method() {
    return soft.isPresent() ? "movement-soft" : "movement";
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    final List<StepProblem> problems = new ArrayList<>(selector.check(shapes));
    if (problems.isEmpty()) {
      for (String name : selector.select(shapes)) {
        divides("block-rows", name, shapes.get(name)[0], height, "rows").ifPresent(problems::add);
        divides("block-columns", name, shapes.get(name)[1], width, "columns")
            .ifPresent(problems::add);
      }
    }
    problems.addAll(PrunedForms.checkTraining(training, selector, shapes));
    return problems;
  }

  private static Optional<StepProblem> divides(
      String key, String name, long all, int block, String what) {
    return all % block == 0
        ? Optional.empty()
        : Optional.of(
            new StepProblem(
                key,
                String.format(
                    Locale.ROOT,
                    "'%s' has %d %s, and blocks of %d leave %d over. Choose a divisor of %d, or list"
                        + " it under 'skip'.",
                    name,
                    all,
                    what,
                    block,
                    all % block,
                    all)));
  }

  @Override
  public boolean needsLabels() {
    return true;
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    // how much a threshold removes is not known before
    final double sparsity = soft.isPresent() ? 0 : schedule.to();
    return PrunedForms.forecast(
        selector.select(shapes), shapes, before, describe(), true, sparsity);
  }

  @Override
  public Cost cost(Map<String, long[]> shapes) {
    final Map<String, long[]> matrices = new LinkedHashMap<>();
    selector.select(shapes).forEach(name -> matrices.put(name, shapes.get(name)));
    long blocks = 0;
    for (long[] shape : matrices.values()) {
      blocks += shape[0] * shape[1] / ((long) height * width);
    }
    return new Cost(
        BYTES * blocks,
        PrunedWeights.heapBytes(matrices) + blocks,
        0,
        0,
        training.settings().epochs());
  }

  private String describe() {
    final String blocks = height * width == 1 ? "" : " of blocks of " + height + " x " + width;
    final String goal =
        soft.map(
                s ->
                    String.format(
                        Locale.ROOT,
                        "sigmoids above %s stay, penalty %s, at %s to %s of the training",
                        s.threshold(),
                        s.penalty(),
                        schedule.begin(),
                        schedule.end()))
            .orElseGet(
                () ->
                    String.format(
                                Locale.ROOT,
                                "to %s %% zeros",
                                Math.round(1000 * schedule.to()) / 10.0)
                            .replace(".0 %", " %")
                        + schedule.describe());
    return String.format(
        Locale.ROOT,
        "%s%s, %s; scores learned at %s; %s",
        method(),
        blocks,
        goal,
        rate,
        training.describe());
  }

  @Override
  public Smoke smoke() {
    final Retraining shorter = training.smoke();
    return new Smoke(
        new Movement(selector, height, width, rate, schedule, soft, shorter),
        Map.of(
            "train.epochs",
            shorter.settings().epochs(),
            "train.batch",
            shorter.settings().batch()));
  }

  @Override
  public StepLog apply(CompressionState state) {
    final PrunedWeights weights = new PrunedWeights(state, selector.select(state.shapes()));
    MovementTraining.run(this, weights, state);
    final List<StepLog.Entry> entries = new ArrayList<>();
    for (int t = 0; t < weights.count(); t++) {
      entries.add(PrunedForms.store(state, weights, t, describe(), true, Map.of()));
    }
    final StepLog.Event event =
        new StepLog.Event(
            1, weights.sparsity(), OptionalDouble.empty(), OptionalDouble.empty(), Map.of());
    return new StepLog("prune", method(), entries, List.of(event));
  }
}
