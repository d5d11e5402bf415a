package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Operations;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepResources;
import dev.bantam.data.Metric;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.export.ModelFolder;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.runner.experiment.RecipeFile;
import dev.bantam.runner.experiment.Seeds;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.Workers;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/** One recipe applied to one model, outside of an experiment. */
public final class Compressing {
  private final Checkpoint model;
  private final CompressedModel weights;
  private final RecipeSteps recipe;
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
    this.task = task;
    this.recipe = new RecipeSteps(recipe, shapes(), task);
    task.ifPresent(t -> Tasked.requireFits(model, t));
    if (this.recipe.train()) {
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
    recipe.plan(model.name(), weights, out);
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
            recipe.yaml(),
            ModelExport.Options.of(ExportFormat.SAFETENSORS, Optional.empty()),
            workers,
            progress);
    final String summary = export.write(folder, ModelExport.Names.OF_FOLDER).summary();
    return task.isEmpty() ? summary : summary + "\n" + score(folder, export, workers, progress);
  }

  private String score(Path folder, ModelExport export, Workers workers, Progress progress) {
    final Task t = task.orElseThrow();
    final Checkpoint written = ModelFolder.read(folder, progress);
    final BeforeAndAfter scores =
        new BeforeAndAfter(t, scores(model, workers, progress), scores(written, workers, progress));
    Bench.free(written.parameters());
    export.measured(folder, scores.table());
    return scores.lines();
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
            bench.weights(),
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

  private CompressedModel apply(
      Map<String, INDArray> live,
      Map<String, Operation> operations,
      long seed,
      StepResources resources,
      Progress progress) {
    final CompressionState state = new CompressionState(live, Seeds.ofDraw(seed, 1), resources);
    state.carry(operations);
    return recipe.apply(state, weights, progress);
  }
}
