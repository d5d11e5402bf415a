package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Operations;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.Forecast;
import dev.bantam.compression.StepResources;
import dev.bantam.data.Metric;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.export.ModelFolder;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.runner.experiment.ParsedStep;
import dev.bantam.runner.experiment.RecipeFile;
import dev.bantam.runner.experiment.ResolvedExperiment;
import dev.bantam.runner.experiment.Seeds;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.Workers;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/** One recipe applied to one model, outside of an experiment. */
public final class Compressing {
  private final Checkpoint model;
  private final CompressedModel weights;
  private final RecipeFile<Step> recipe;
  private final Optional<Task> task;

  /**
   * Checks every step against the model.
   *
   * @param weights the model's, in the forms they are stored in
   * @param task gives the data that a step may need
   * @throws dev.bantam.tensor.BantamException with every problem of the recipe, or if the model
   *     does not have the task's head
   */
  public Compressing(
      Checkpoint model, CompressedModel weights, RecipeFile<Step> recipe, Optional<Task> task) {
    this.model = model;
    this.weights = weights;
    this.recipe = recipe;
    this.task = task;
    final List<ParsedStep<Step>> steps = recipe.steps();
    for (int i = 0; i < steps.size(); i++) {
      for (Step.StepProblem problem : steps.get(i).value().check(shapes())) {
        recipe.step(i).problem(problem.key(), problem.message());
      }
      if (steps.get(i).value().needsLabels()
          && task.filter(t -> !t.kind().hasLabels()).isPresent()) {
        recipe.step(i).problem("method", "it learns from labels. " + task.get().withoutLabels());
      }
    }
    recipe.problems().throwIfAny();
    task.ifPresent(t -> Tasked.requireFits(model, t));
    if (steps.stream().anyMatch(s -> s.value().cost(shapes()).epochs() > 0)) {
      task.ifPresent(Tasked::requireTune);
    }
  }

  private Map<String, long[]> shapes() {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    model.parameters().forEach((name, tensor) -> shapes.put(name, tensor.shape()));
    return shapes;
  }

  /** Prints what each step would do. */
  public void plan(PrintStream out) {
    final Map<String, Forecast> before = new LinkedHashMap<>();
    for (ParsedStep<Step> step : recipe.steps()) {
      final List<Forecast> ofStep = step.value().forecast(shapes(), before);
      ofStep.forEach(f -> before.put(f.tensor(), f));
      out.println(step.step() + " by " + step.method());
      Plan.treatments(ofStep, out);
    }
    final long bytes =
        weights.tensors().entrySet().stream()
            .mapToLong(
                e ->
                    before.containsKey(e.getKey())
                        ? before.get(e.getKey()).storedBytes()
                        : e.getValue().storedBytes())
            .sum();
    out.printf(
        Locale.ROOT,
        "%s: about %,d bytes without its header, %.2f x smaller than float32%n",
        model.name(),
        bytes,
        (double) Float.BYTES * weights.parameters() / bytes);
  }

  /**
   * Applies the steps and writes the model. With a task, scores the source and what was written.
   *
   * @param folder exists and is empty
   * @param seed of draws
   * @return lines for the console
   */
  public String write(Path folder, long seed, Workers workers, Progress progress) {
    final CompressedModel compressed = compress(folder, seed, workers, progress);
    final ModelExport export =
        new ModelExport(
            model,
            compressed,
            ResolvedExperiment.steps(recipe.steps()),
            ModelExport.Options.of(ExportFormat.SAFETENSORS, Optional.empty()),
            workers,
            progress);
    final String summary = export.write(folder, ModelExport.Names.OF_FOLDER).summary();
    return task.isEmpty() ? summary : summary + "\n" + score(folder, export, workers, progress);
  }

  private String score(Path folder, ModelExport export, Workers workers, Progress progress) {
    final Task t = task.orElseThrow();
    final Checkpoint written = ModelFolder.read(folder, progress);
    final Map<Metric, Double> before = scores(model, workers, progress);
    final Map<Metric, Double> after = scores(written, workers, progress);
    Bench.free(written.parameters());
    final StringBuilder table = new StringBuilder("| on dev of " + t.name() + " | source | this |");
    final StringBuilder lines = new StringBuilder();
    table.append("\n|---|---|---|\n");
    after.forEach(
        (metric, value) -> {
          table.append(
              String.format(
                  Locale.ROOT, "| %s | %.4f | %.4f |\n", metric.id(), before.get(metric), value));
          lines.append(
              String.format(
                  Locale.ROOT,
                  "dev %s %.6f, source %.6f\n",
                  metric.id(),
                  value,
                  before.get(metric)));
        });
    export.measured(
        folder, table + "\n" + t.examples(Split.DEV).size() + " texts, read back from the file.");
    return lines.toString().stripTrailing();
  }

  private Map<Metric, Double> scores(Checkpoint scored, Workers workers, Progress progress) {
    final Task t = task.orElseThrow();
    return Tasked.evaluate(
        scored,
        t,
        Split.DEV,
        Integer.MAX_VALUE,
        t.kind() == TaskKind.EMBED ? Optional.of(model) : Optional.empty(),
        workers,
        progress);
  }

  private CompressedModel compress(Path folder, long seed, Workers workers, Progress progress) {
    final Path work = AtomicFiles.temporary(folder.toAbsolutePath());
    AtomicFiles.createFolders(work);
    try {
      if (task.isEmpty()) {
        final Map<String, INDArray> live = Bench.copy(model.parameters());
        try {
          return apply(live, decoded(), seed, StepResources.weightsOnly(workers), progress);
        } finally {
          Bench.free(live);
        }
      }
      final Subject subject = new Subject(model, task.get(), Integer.MAX_VALUE, false);
      try (Bench bench = new Bench(subject, workers, progress)) {
        return apply(
            bench.model().weights(),
            bench.operations(),
            seed,
            new BenchResources(bench, OptionalInt.empty(), seed, model.parameters(), work),
            progress);
      }
    } finally {
      AtomicFiles.delete(work);
    }
  }

  private Map<String, Operation> decoded() {
    final Map<String, Operation> operations = new TreeMap<>();
    model.operations().forEach((place, o) -> operations.put(place, Operations.decode(o)));
    return operations;
  }

  /** Tensors that come in a compressed form keep it unless a step changes them. */
  private CompressedModel apply(
      Map<String, INDArray> live,
      Map<String, Operation> operations,
      long seed,
      StepResources resources,
      Progress progress) {
    final CompressionState state = new CompressionState(live, Seeds.ofDraw(seed, 1), resources);
    state.carry(operations);
    weights
        .tensors()
        .forEach(
            (name, form) -> {
              if (!(form instanceof DenseTensor)) {
                state.put(name, form);
              }
            });
    for (ParsedStep<Step> step : recipe.steps()) {
      progress.message(step.step() + " by " + step.method());
      step.value().apply(state);
    }
    return state.finish();
  }
}
