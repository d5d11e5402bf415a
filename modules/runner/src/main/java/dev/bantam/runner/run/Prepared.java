package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.ModelSource;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.NamePattern;
import dev.bantam.compression.Operations;
import dev.bantam.compression.Step;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.runner.experiment.DeltaSpec;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.ExperimentFile;
import dev.bantam.runner.experiment.ExportFormat;
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
import java.util.Optional;
import java.util.OptionalInt;
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
  private static final int SMOKE_LAYERS = 2;
  private static final int SMOKE_EXAMPLES = 64;
  private static final int SMOKE_SEEDS = 1;

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
    unsupported(file);
    final List<Task> tasks = new ArrayList<>();
    for (TaskSpec spec : file.experiment().tasks()) {
      failures.collect(() -> tasks.add(sources.task(spec)));
    }
    final List<String> further = furtherTasks(file.experiment());
    for (String name : further) {
      failures.collect(() -> tasks.add(sources.task(new TaskSpec.Named(name))));
    }
    final Experiment<Step> experiment =
        options.smoke() ? smoke(file.experiment(), tasks) : file.experiment();
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
            options.smoke() ? SMOKE_EXAMPLES : options.limit().orElse(Integer.MAX_VALUE);
        subjects.add(new Subject(model, task, limit, options.smoke()));
      }
    }
    for (Subject subject : subjects) {
      if (subject.mismatch().isPresent()) {
        file.settings().problem("task", subject.mismatch().get());
        continue; // whatever else does not fit follows from it
      }
      check(file, experiment, subject);
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
    final Map<String, long[]> shapes = shapes(subject);
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
    return options.smoke()
        ? Models.random(model, Math.min(SMOKE_LAYERS, model.architecture().layers().size()), 1L)
        : model;
  }

  /** Fewer seeds, examples and epochs, and steps that do less, but every variant. */
  private static Experiment<Step> smoke(Experiment<Step> e, List<Task> tasks) {
    final List<Long> seeds = e.seeds().subList(0, Math.min(SMOKE_SEEDS, e.seeds().size()));
    final int examples =
        tasks.stream()
            .filter(t -> t.kind().hasLabels())
            .mapToInt(t -> t.examples(Split.TRAIN).size())
            .reduce(SMOKE_EXAMPLES, Math::min);
    return new Experiment<>(
        e.version(),
        e.name(),
        e.models(),
        e.tasks(),
        seeds,
        1,
        smoke(e.finetune(), examples),
        e.variants().stream()
            .map(
                v ->
                    v.with(
                        v.steps().stream().map(Prepared::smoke).toList(),
                        v.finetune().map(f -> smoke(f, examples)),
                        v.seeds().stream().anyMatch(seeds::contains)
                            ? v.seeds().stream().filter(seeds::contains).toList()
                            : seeds.subList(0, 1)))
            .toList(),
        e.evaluate(),
        e.exports(),
        Optional.empty());
  }

  private static FinetuneSettings smoke(FinetuneSettings f, int examples) {
    return new FinetuneSettings(
        f.when(),
        1,
        OptionalInt.of(examples),
        f.learningRate(),
        Math.min(f.batch(), SMOKE_EXAMPLES / 4),
        f.warmUp(),
        f.weightDecay(),
        f.dropout(),
        f.clip(),
        f.freeze());
  }

  private static ParsedStep<Step> smoke(ParsedStep<Step> step) {
    final Step.Smoke cheaper = step.value().smoke();
    return step.with(cheaper.step(), cheaper.settings());
  }

  /** What the grammar knows and this version cannot do; each is refused, none is skipped. */
  private static void unsupported(ExperimentFile<Step> file) {
    for (ExportFormat format : file.experiment().exports()) {
      if (format == ExportFormat.DELTA) {
        if (file.experiment().variants().stream().allMatch(v -> v.delta().isEmpty())) {
          file.settings()
              .problem(
                  "export", "no variant has 'delta:', so there is nothing to write as 'delta'");
        }
        continue;
      }
      ExportFormats.unsupported(format).ifPresent(m -> file.settings().problem("export", m));
      unheld(file.experiment(), format)
          .ifPresent(
              variant ->
                  file.settings()
                      .problem(
                          "export",
                          "'"
                              + ExportFormats.id(format)
                              + "' cannot hold what the variant '"
                              + variant
                              + "' does beside its weights; export safetensors"));
    }
  }

  /** The first variant that has operations which a format has no place for. */
  private static Optional<String> unheld(Experiment<Step> experiment, ExportFormat format) {
    return experiment.variants().stream()
        .filter(
            v ->
                v.steps().stream()
                    .flatMap(step -> step.value().addsOperations().stream())
                    .anyMatch(effect -> !ExportFormats.holds(format, effect)))
        .map(Variant::name)
        .findFirst();
  }

  /** What the grammar knows and a DL4J network cannot do. */
  private static void network(
      ExperimentFile<Step> file, Experiment<Step> experiment, SavedNetwork network) {
    if (experiment.finetune().when() == FinetuneSettings.When.ALWAYS
        || experiment.variants().stream().anyMatch(v -> v.finetune().isPresent())) {
      file.settings()
          .problem(
              "model",
              "'"
                  + network.name()
                  + "' is a DL4J network, which DL4J trains. Leave 'finetune' out.");
    }
    for (Variant<Step> variant : experiment.variants()) {
      if (variant.merge().isPresent() || variant.delta().isPresent()) {
        file.settings()
            .problem(
                "variants",
                "variant '"
                    + variant.name()
                    + "' merges fine-tuned encoders or stores their differences, and '"
                    + network.name()
                    + "' is a DL4J network. Take the variant out.");
      }
    }
    if (experiment.evaluate().latency().isPresent()) {
      file.settings()
          .problem(
              "evaluate",
              "latency is that of Bantam's own encoder, and '"
                  + network.name()
                  + "' runs in DL4J. Leave it out.");
    }
    for (ExportFormat format : experiment.exports()) {
      if (format != ExportFormat.SAFETENSORS) {
        file.settings()
            .problem(
                "export",
                "'"
                    + ExportFormats.id(format)
                    + "' cannot hold the DL4J network '"
                    + network.name()
                    + "'; export safetensors, which holds a zip for DL4J beside the packed"
                    + " weights");
      }
    }
  }

  private static void check(
      ExperimentFile<Step> file, Experiment<Step> experiment, Subject subject) {
    if (subject.network().isPresent()) {
      network(file, experiment, subject.network().get());
    } else if (subject.task().kind().hasLabels()) {
      finetuning(file, experiment.finetune(), subject);
    } else if (experiment.finetune().when() == FinetuneSettings.When.ALWAYS) {
      file.finetune()
          .problem(
              "when",
              subject.task().withoutLabels()
                  + " Leave 'finetune:' out; or, if the experiment has other tasks, write 'when:"
                  + " needed'.");
    }
    subject
        .unscorable(Split.valueOf(experiment.evaluate().split().name()))
        .ifPresent(why -> file.settings().problem("evaluate", why));
    experiment
        .evaluate()
        .latency()
        .filter(l -> subject.network().isEmpty())
        .filter(l -> l.length() > subject.encoder().architecture().longestSequence())
        .ifPresent(
            l ->
                file.settings()
                    .problem(
                        "evaluate",
                        "latency has length "
                            + l.length()
                            + ", but '"
                            + subject.model().name()
                            + "' reads at most "
                            + subject.encoder().architecture().longestSequence()
                            + " tokens."));
    for (ExportFormat format : experiment.exports()) {
      if (format != ExportFormat.DELTA
          && subject.model().operations().values().stream()
              .anyMatch(o -> !ExportFormats.holds(format, Operations.decode(o).effect()))) {
        file.settings()
            .problem(
                "export",
                "'"
                    + ExportFormats.id(format)
                    + "' cannot hold what '"
                    + subject.model().name()
                    + "' does beside its weights; export safetensors");
      }
    }
    final Map<String, long[]> shapes = shapes(subject);
    for (Variant<Step> variant : file.experiment().variants()) { // as written, also in a smoke run
      if (variant.finetune().isPresent() && subject.network().isEmpty()) {
        finetuning(file, variant, subject);
      }
      if (variant.merge().filter(m -> m.isFor(subject.task().name())).isPresent()
          && !subject.task().kind().hasLabels()) {
        file.settings()
            .problem(
                "variants",
                "variant '"
                    + variant.name()
                    + "' merges fine-tuned models. "
                    + subject.task().withoutLabels());
      }
      measured(variant)
          .ifPresent(
              examples -> {
                final int available = subject.task().examples(Split.TRAIN).size();
                if (examples > available) {
                  file.settings()
                      .problem(
                          "variants",
                          "variant '"
                              + variant.name()
                              + "' asks for "
                              + examples
                              + " examples, and '"
                              + subject.task().name()
                              + "' has "
                              + available
                              + " to train on. Write 'examples: "
                              + available
                              + "' or less.");
                }
              });
      if (variant.delta().isPresent() && !subject.model().operations().isEmpty()) {
        file.settings()
            .problem(
                "variants",
                "variant '"
                    + variant.name()
                    + "' holds the differences of weights, and '"
                    + subject.model().name()
                    + "' does more than multiply with its weights. Take the model that it was made"
                    + " from.");
      }
      if (variant.delta().filter(d -> d.base().isEmpty()).isPresent()
          && subject.network().isEmpty()
          && !subject.isTrained(experiment.finetune())) {
        file.settings()
            .problem(
                "variants",
                "variant '"
                    + variant.name()
                    + "' stores the difference to the experiment's model, and on '"
                    + subject.task().name()
                    + "' that one is not fine-tuned, so there is none. Name another model with"
                    + " 'base:'.");
      }
      for (int i = 0; i < variant.steps().size(); i++) {
        for (Step.StepProblem problem : variant.steps().get(i).value().check(shapes)) {
          file.step(variant.name(), i).problem(problem.key(), problem.message());
        }
        if (variant.steps().get(i).value().needsLabels() && !subject.task().kind().hasLabels()) {
          file.step(variant.name(), i)
              .problem("method", "it learns from labels. " + subject.task().withoutLabels());
        }
      }
    }
  }

  /** Training examples that a merge or a delta is measured on. */
  private static Optional<Integer> measured(Variant<Step> variant) {
    return variant
        .merge()
        .flatMap(m -> m.examples().stream().boxed().findFirst())
        .or(() -> variant.delta().map(DeltaSpec::examples));
  }

  private static void finetuning(
      ExperimentFile<Step> file, FinetuneSettings finetune, Subject subject) {
    final Map<String, long[]> shapes = shapes(subject);
    final int available = subject.task().examples(Split.TRAIN).size();
    if (finetune.examples().isPresent() && finetune.examples().getAsInt() > available) {
      file.finetune()
          .problem(
              "examples",
              finetune.examples().getAsInt()
                  + " is more than the "
                  + available
                  + " training examples of '"
                  + subject.task().name()
                  + "' (tune is set aside). Write a number up to that, or 'all'.");
    }
    for (String pattern : finetune.freeze()) {
      if (shapes.keySet().stream().noneMatch(name -> NamePattern.of(pattern).matches(name))) {
        file.finetune().problem("freeze", NamePattern.matchesNothing(pattern));
      }
    }
  }

  private static void finetuning(
      ExperimentFile<Step> file, Variant<Step> variant, Subject subject) {
    if (!subject.task().kind().hasLabels()) {
      file.settings()
          .problem(
              "variants",
              "variant '" + variant.name() + "' is fine-tuned. " + subject.task().withoutLabels());
    }
    final Set<String> names = shapes(subject).keySet();
    for (String pattern : variant.finetune().orElseThrow().freeze()) {
      if (names.stream().noneMatch(name -> NamePattern.of(pattern).matches(name))) {
        file.settings()
            .problem(
                "variants",
                "finetune.freeze of '"
                    + variant.name()
                    + "': "
                    + NamePattern.matchesNothing(pattern));
      }
    }
  }

  /** Names and shapes of the dense model's parameters. */
  static Map<String, long[]> shapes(Subject subject) {
    return subject.shapes();
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
