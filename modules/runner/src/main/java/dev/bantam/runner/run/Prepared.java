package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.ModelSource;
import dev.bantam.compression.Step;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.runner.experiment.DeltaSpec;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.ExperimentFile;
import dev.bantam.runner.experiment.FinetuneSettings;
import dev.bantam.runner.experiment.ParsedStep;
import dev.bantam.runner.experiment.TaskSpec;
import dev.bantam.runner.experiment.Variant;
import dev.bantam.tensor.BantamException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * An experiment whose models and tasks are open and whose every setting fits them: nothing that can
 * be refused is left.
 *
 * @param experiment as checked; smaller than the file's in a smoke run
 * @param subjects every model with every task, models outermost
 * @param bases the models that deltas are taken to, by the name in the experiment
 * @param cells in the order of work: seed by seed, {@code dense} first, then what else is only
 *     fine-tuned; merged ones after all others
 */
public record Prepared(
    Experiment<Step> experiment,
    List<Subject> subjects,
    Map<String, Checkpoint> bases,
    List<Cell> cells) {
  /** The split that metrics are computed on. */
  Split split() {
    return Split.valueOf(experiment.evaluate().split().name());
  }

  /** The dense cell that a cell is compared with. */
  Cell dense(Cell cell) {
    return fineTuned(cell, Variant.DENSE);
  }

  /** The fine-tuned cell that a cell's steps begin with. */
  Cell start(Cell cell) {
    return fineTuned(cell, cell.variant().start());
  }

  private Cell fineTuned(Cell cell, String variant) {
    return cells.stream()
        .filter(c -> c.isFineTuned() && c.variant().name().equals(variant))
        .filter(c -> c.subject() == cell.subject() && c.seed() == cell.seed())
        .findFirst()
        .orElseThrow();
  }

  /** The dense cells that go into a merged one, in the order of the merge's inputs. */
  List<Cell> inputs(Cell merged) {
    return merged.variant().merge().orElseThrow().inputs(merged.subject().task().name()).stream()
        .map(
            task ->
                cells.stream()
                    .filter(c -> c.isDense() && c.seed() == merged.seed())
                    .filter(c -> c.subject().isOfModel(merged.subject()))
                    .filter(c -> c.subject().task().name().equals(task))
                    .findFirst()
                    .orElseThrow())
        .toList();
  }

  /** The finished cells that a cell cannot do without. */
  List<Cell> needs(Cell cell) {
    if (cell.isDense()) {
      return List.of();
    }
    final List<Cell> needs = new ArrayList<>(List.of(dense(cell)));
    if (cell.isMerged()) {
      needs.addAll(inputs(cell));
    } else if (!cell.isFineTuned()) {
      needs.add(start(cell));
    }
    return needs;
  }

  /** The experiment with a part of its cells, and those that they cannot do without. */
  public Prepared only(Selection selection) {
    final Set<Cell> kept = new HashSet<>();
    final Deque<Cell> open = new ArrayDeque<>(selection.of(cells));
    while (!open.isEmpty()) {
      final Cell cell = open.pop();
      if (kept.add(cell)) {
        open.addAll(needs(cell));
      }
    }
    return new Prepared(
        experiment,
        subjects.stream().filter(s -> kept.stream().anyMatch(c -> c.subject() == s)).toList(),
        bases,
        cells.stream().filter(kept::contains).toList());
  }

  /** The model that the differences of a cell are taken to. */
  Checkpoint base(Cell cell) {
    return cell.variant()
        .delta()
        .orElseThrow()
        .base()
        .map(bases::get)
        .orElseGet(cell.subject()::encoder);
  }

  /** How a fine-tuned cell is trained. */
  FinetuneSettings finetune(Cell cell) {
    return cell.variant().finetune().orElse(experiment.finetune());
  }

  /**
   * Opens models and tasks and checks every step against them.
   *
   * @throws BantamException with everything that is wrong, under the smallest exit code
   */
  public static Prepared of(ExperimentFile<Step> file, Sources sources, RunOptions options) {
    final Failures failures = new Failures();
    ExperimentChecks.formats(file);
    final List<Task> tasks = new ArrayList<>();
    for (TaskSpec spec : file.experiment().tasks()) {
      failures.collect(() -> tasks.add(sources.task(spec)));
    }
    final List<String> further = furtherTasks(file.experiment());
    for (String name : further) {
      failures.collect(() -> tasks.add(sources.task(new TaskSpec.Named(name))));
    }
    final Experiment<Step> experiment =
        options.smoke() ? SmokeExperiment.of(file.experiment(), tasks) : file.experiment();
    final List<ModelSource> models = new ArrayList<>();
    for (String name : experiment.models()) {
      failures.collect(() -> models.add(model(sources.any(name), options)));
    }
    final Map<String, Checkpoint> bases = new LinkedHashMap<>();
    for (Variant<Step> variant : experiment.variants()) {
      variant
          .delta()
          .flatMap(DeltaSpec::base)
          .filter(name -> !bases.containsKey(name))
          .ifPresent(
              name ->
                  failures.collect(() -> bases.put(name, encoder(sources.model(name), options))));
    }
    final List<Subject> subjects = new ArrayList<>();
    for (ModelSource model : models) {
      for (Task task : tasks) {
        final int limit =
            options.smoke() ? SmokeExperiment.EXAMPLES : options.limit().orElse(Integer.MAX_VALUE);
        subjects.add(new Subject(model, task, limit, options.smoke()));
      }
    }
    for (Subject subject : subjects) {
      if (subject.mismatch().isPresent()) {
        file.settings().problem("task", subject.mismatch().get());
        continue; // whatever else does not fit follows from it
      }
      new ExperimentChecks(file, experiment, subject).all();
      if (trainsAnything(experiment, subject)) {
        failures.collect(() -> Tasked.requireTune(subject.task()));
      }
    }
    final List<Cell> cells = cells(experiment, subjects, further);
    if (cells.stream().distinct().count() < cells.size()) {
      file.settings()
          .problem(
              "model",
              "two of the models (or tasks) have names that give the same folder. Rename one of"
                  + " their folders.");
    }
    failures.collect(file.problems()::throwIfAny);
    failures.throwIfAny();
    return new Prepared(experiment, subjects, bases, cells);
  }

  /** Whether any model of a subject is trained, so that an epoch has to be chosen. */
  private static boolean trainsAnything(Experiment<Step> experiment, Subject subject) {
    final Map<String, long[]> shapes = subject.shapes();
    return subject.isTrained(experiment.finetune())
        || (subject.task().kind().hasLabels()
            && experiment.variants().stream()
                .anyMatch(
                    v ->
                        v.finetune().isPresent()
                            || v.steps().stream()
                                .map(ParsedStep::value)
                                .filter(step -> step.check(shapes).isEmpty())
                                .anyMatch(step -> step.cost(shapes).epochs() > 0)));
  }

  /** Named tasks that only merges ask for: fine-tuned on, and nothing else is done for them. */
  private static List<String> furtherTasks(Experiment<Step> experiment) {
    final List<String> there = experiment.tasks().stream().map(TaskSpec::name).toList();
    return experiment.variants().stream()
        .flatMap(v -> v.merge().stream())
        .flatMap(m -> m.inputs().stream())
        .distinct()
        .filter(input -> !there.contains(input))
        .toList();
  }

  /** A network is small enough to be tried as it is. */
  private static ModelSource model(ModelSource model, RunOptions options) {
    return model instanceof Checkpoint encoder ? encoder(encoder, options) : model;
  }

  private static Checkpoint encoder(Checkpoint model, RunOptions options) {
    Tasked.requireTokenizer(model);
    return options.smoke() ? SmokeExperiment.model(model) : model;
  }

  private static List<Cell> cells(
      Experiment<Step> experiment, List<Subject> subjects, List<String> further) {
    final List<Cell> cells = new ArrayList<>();
    for (Subject subject : subjects) {
      final boolean onlyMerged = further.contains(subject.task().name());
      for (long seed : experiment.seeds()) {
        final List<Cell> ofSeed = new ArrayList<>();
        experiment.variants().stream()
            .filter(v -> v.isFineTuned() && v.seeds().contains(seed))
            .filter(v -> !onlyMerged || v.name().equals(Variant.DENSE))
            .sorted(Comparator.comparing(v -> !v.name().equals(Variant.DENSE)))
            .forEach(v -> ofSeed.add(Cell.of(subject, v, seed, 1, experiment.draws())));
        for (Variant<Step> variant : experiment.variants()) {
          if (!variant.isFineTuned()
              && variant.merge().isEmpty()
              && !onlyMerged
              && variant.seeds().contains(seed)) {
            final boolean once = variant.delta().filter(d -> !d.isRandom()).isPresent();
            for (int draw = 1; draw <= (once ? 1 : experiment.draws()); draw++) {
              ofSeed.add(Cell.of(subject, variant, seed, draw, experiment.draws()));
            }
          }
        }
        cells.addAll(ofSeed);
      }
    }
    cells.addAll(merges(experiment, subjects, further));
    return List.copyOf(cells);
  }

  /** Merged models come last: they need the dense ones of several tasks. */
  private static List<Cell> merges(
      Experiment<Step> experiment, List<Subject> subjects, List<String> further) {
    final List<Cell> cells = new ArrayList<>();
    for (long seed : experiment.seeds()) {
      for (Subject subject : subjects) {
        for (Variant<Step> variant : experiment.variants()) {
          final String task = subject.task().name();
          final boolean wanted =
              variant
                  .merge()
                  .filter(m -> m.isFor(task) && !(m.inputs().isEmpty() && further.contains(task)))
                  .isPresent();
          if (wanted && variant.seeds().contains(seed)) {
            final int draws = variant.merge().get().isRandom() ? experiment.draws() : 1;
            for (int draw = 1; draw <= draws; draw++) {
              cells.add(Cell.of(subject, variant, seed, draw, experiment.draws()));
            }
          }
        }
      }
    }
    return cells;
  }
}
