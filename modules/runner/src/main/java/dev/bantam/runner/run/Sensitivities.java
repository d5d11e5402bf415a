package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.TensorSelector;
import dev.bantam.data.Examples;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.mixedprecision.SensitivityAnalysis;
import dev.bantam.mixedprecision.SensitivityAnalysis.Figure;
import dev.bantam.mixedprecision.SensitivityAnalysis.Matrix;
import dev.bantam.mixedprecision.SensitivityAnalysis.Result;
import dev.bantam.mixedprecision.SensitivityAnalysis.Settings;
import dev.bantam.runner.experiment.Seeds;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** How much each matrix of a model matters for a task: measured, printed, and kept in a folder. */
public final class Sensitivities {
  private static final String MEASURED = "measured.json";
  private static final String CSV = "sensitivity.csv";
  private static final String JSON = "sensitivity.json";

  private final Checkpoint model;
  private final Task task;
  private final Settings settings;
  private final long seed;
  private final List<String> names;

  /**
   * Checks that the model can be measured on the task.
   *
   * @param seed of examples and vectors
   * @throws BantamException (usage) if the task has no labels; (bad input) if the model does not
   *     have its head, or no matrices of encoder layers
   */
  public Sensitivities(Checkpoint model, Task task, Settings settings, long seed) {
    this.model = model;
    this.task = task;
    this.settings = settings;
    this.seed = seed;
    if (!task.kind().hasLabels()) {
      throw new BantamException(
          ExitCode.USAGE, "Sensitivities are those of a loss. " + task.withoutLabels());
    }
    Tasked.requireFits(model, task);
    Tasked.requireTune(task);
    this.names =
        model.parameters().keySet().stream().filter(TensorSelector::isEncoderMatrix).toList();
    if (names.isEmpty()) {
      throw BantamException.badInput(
          "'"
              + model.name()
              + "' has no matrices of encoder layers, so there is nothing to measure.");
    }
  }

  /** Prints what would be measured. */
  public void plan(PrintStream out) {
    final long layers = names.stream().map(name -> name.split("\\.")[2]).distinct().count();
    final int rows = Math.min(settings.rows(), task.examples(Split.TUNE).size());
    out.printf(
        Locale.ROOT,
        "%s on %s: %d matrices in %d layers, each rounded to %s%n"
            + "Hessian traces: %d probes of %d examples, forward and backward twice%n"
            + "Fisher traces: %d examples, forward and backward%n"
            + "Top eigenvalues: %d layers of %d slices of 32 examples, at most %d products%n"
            + "Rounded one at a time: %d rows of tune, forward, %d times%n",
        model.name(),
        task.name(),
        names.size(),
        layers,
        settings.rounding(),
        settings.probes(),
        settings.batch(),
        settings.examples(),
        layers,
        settings.slices(),
        settings.products(),
        rows,
        names.size() + 1);
  }

  /**
   * Measures, goes on from what a folder holds, and writes the results there.
   *
   * @param folder where finished pieces are kept; empty for none
   * @param force whether the measurements of other settings there may be replaced
   * @throws BantamException (resume mismatch) if the folder holds something else
   */
  @SuppressWarnings("try") // the scope of the lock is what counts, not the variable
  public Result measure(Optional<Path> folder, boolean force, Workers workers, Progress progress) {
    if (folder.isEmpty()) {
      return run(new Pieces(Optional.empty(), Json.object()), workers, progress);
    }
    final Path path = folder.get();
    requireOwn(path);
    AtomicFiles.createFolders(path);
    try (RunFolderLock lock = RunFolderLock.of(path)) {
      final Pieces pieces = pieces(path, force, progress);
      final Result result = run(pieces, workers, progress);
      AtomicFiles.write(path.resolve(CSV), csv(result));
      Json.write(path.resolve(JSON), json(result));
      return result;
    }
  }

  private static void requireOwn(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    final String[] content = folder.toFile().list();
    if (content == null || (content.length > 0 && !Files.isRegularFile(folder.resolve(MEASURED)))) {
      throw new BantamException(
          ExitCode.RESUME_MISMATCH,
          folder + " is there and holds something else. Choose another folder with -o.");
    }
  }

  private Pieces pieces(Path folder, boolean force, Progress progress) {
    final Path file = folder.resolve(MEASURED);
    final ObjectNode fresh = Json.object();
    fresh.put("key", key());
    fresh.putObject("pieces");
    if (!Files.isRegularFile(file)) {
      return new Pieces(Optional.of(file), fresh);
    }
    final JsonNode old = Json.read(file);
    if (old instanceof ObjectNode tree && key().equals(tree.path("key").asText())) {
      progress.message(tree.path("pieces").size() + " pieces are there already.");
      return new Pieces(Optional.of(file), tree);
    }
    if (!force) {
      throw new BantamException(
          ExitCode.RESUME_MISMATCH,
          folder
              + " holds measurements of another model, task or settings. Choose another folder"
              + " with -o, or replace them with --force.");
    }
    return new Pieces(Optional.of(file), fresh);
  }

  /** Everything that the numbers depend on. */
  private String key() {
    final ObjectNode key = Json.object();
    key.put("bantam", Version.TEXT);
    key.put("model", model.provenance().sha256());
    key.put("architecture", model.architecture().toString());
    key.put("pooling", model.pooling().name());
    key.put("max_length", model.maxLength());
    key.put("task", task.name());
    for (Split split : List.of(Split.TRAIN, Split.TUNE)) {
      key.put(split.id(), Examples.sha256(task.examples(split)));
    }
    key.put("settings", settings.toString());
    key.put("seed", seed);
    return Json.sha256(key);
  }

  private Result run(Pieces pieces, Workers workers, Progress progress) {
    final Path work = AtomicFiles.temporary(Path.of("sensitivity").toAbsolutePath());
    try (Bench bench =
        new Bench(new Subject(model, task, Integer.MAX_VALUE, false), workers, progress)) {
      final CompressionState state =
          new CompressionState(
              bench.weights(),
              Seeds.ofDraw(seed, 1),
              new BenchResources(bench, OptionalInt.empty(), seed, model.parameters(), work));
      state.carry(bench.operations());
      return SensitivityAnalysis.run(state, names, settings, pieces);
    }
  }

  /** Finished pieces, in a file that is whole at any moment. */
  private record Pieces(Optional<Path> file, ObjectNode tree) implements SensitivityAnalysis.Kept {
    @Override
    public Optional<double[]> find(String piece) {
      final JsonNode numbers = tree.path("pieces").path(piece);
      if (!numbers.isArray()) {
        return Optional.empty();
      }
      final double[] found = new double[numbers.size()];
      for (int i = 0; i < found.length; i++) {
        found[i] = numbers.get(i).asDouble();
      }
      return Optional.of(found);
    }

    @Override
    public void keep(String piece, double[] numbers) {
      if (file.isPresent()) {
        final ArrayNode array = ((ObjectNode) tree.path("pieces")).putArray(piece);
        for (double number : numbers) {
          array.add(number);
        }
        Json.write(file.get(), tree);
      }
    }
  }

  /** The table of a result, for a console. */
  public static void print(Result result, PrintStream out) {
    out.printf(
        Locale.ROOT,
        "As it is, on %d rows of tune: loss %.5f, %s %.4f%n%n%-46s %9s %21s %21s %21s %11s %10s %9s%n",
        result.rows(),
        result.loss(),
        result.metric().id(),
        result.value(),
        "matrix",
        "weights",
        "Hessian trace / n",
        "top eigenvalue",
        "Fisher trace / n",
        "error",
        "loss",
        result.metric().id());
    for (Matrix m : result.matrices()) {
      out.printf(
          Locale.ROOT,
          "%-46s %9d %21s %21s %21s %11.4e %+10.5f %+9.4f%n",
          m.name().replace("encoder.layer.", "").replace(".weight", ""),
          m.weights(),
          figure(m.hessianTrace()),
          figure(m.topEigenvalue()),
          figure(m.fisherTrace()),
          m.squaredError(),
          m.loss(),
          m.metric());
    }
    out.printf(Locale.ROOT, "%nRank correlation with the increase of the loss:%n");
    result
        .correlations()
        .forEach((name, rho) -> out.printf(Locale.ROOT, "%-14s %+.3f%n", name, rho));
  }

  private static String figure(Figure figure) {
    return String.format(Locale.ROOT, "%.3e +- %.1e", figure.value(), figure.standardError());
  }

  private static String csv(Result result) {
    final StringBuilder csv = new StringBuilder();
    csv.append(
        "matrix,weights,hessian_trace,hessian_trace_error,top_eigenvalue,top_eigenvalue_error,"
            + "fisher_trace,fisher_trace_error,squared_error,loss_increase,metric_change\n");
    for (Matrix m : result.matrices()) {
      csv.append(m.name()).append(',').append(m.weights());
      for (Figure figure : List.of(m.hessianTrace(), m.topEigenvalue(), m.fisherTrace())) {
        csv.append(',').append(figure.value()).append(',').append(figure.standardError());
      }
      csv.append(',').append(m.squaredError());
      csv.append(',').append(m.loss());
      csv.append(',').append(m.metric()).append('\n');
    }
    return csv.toString();
  }

  private ObjectNode json(Result result) {
    final ObjectNode root = Json.object();
    root.put("model", model.name());
    root.put("task", task.name());
    root.put("metric", result.metric().id());
    root.put("rows", result.rows());
    root.put("rounding", settings.rounding());
    root.put("seed", seed);
    root.put("loss", result.loss());
    root.put("value", result.value());
    final ObjectNode correlations = root.putObject("rank_correlations");
    for (Map.Entry<String, Double> rho : result.correlations().entrySet()) {
      if (rho.getValue().isNaN()) {
        correlations.putNull(rho.getKey());
      } else {
        correlations.put(rho.getKey(), rho.getValue());
      }
    }
    final ArrayNode matrices = root.putArray("matrices");
    for (Matrix m : result.matrices()) {
      final ObjectNode matrix = matrices.addObject();
      matrix.put("name", m.name());
      matrix.put("weights", m.weights());
      put(matrix, "hessian_trace", m.hessianTrace());
      put(matrix, "top_eigenvalue", m.topEigenvalue());
      put(matrix, "fisher_trace", m.fisherTrace());
      matrix.put("squared_error", m.squaredError());
      matrix.put("loss_increase", m.loss());
      matrix.put("metric_change", m.metric());
    }
    return root;
  }

  private static void put(ObjectNode matrix, String name, Figure figure) {
    matrix.put(name, figure.value());
    matrix.put(name + "_error", figure.standardError());
  }
}
