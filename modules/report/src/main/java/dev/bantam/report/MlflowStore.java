package dev.bantam.report;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.report.RunFolder.Cell;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Cells as runs in the layout of MLflow's file store: {@code EXPERIMENT/RUN/meta.yaml} with {@code
 * params}, {@code metrics} and {@code tags}, a file for each value. The metadata is JSON, which is
 * YAML too.
 *
 * <p>Names follow from experiment, cell and all that went into it, so that writing a run again
 * replaces it, and one of other settings stands beside it. Each run appears whole.
 */
public final class MlflowStore {
  private static final String META = "meta.yaml";
  private static final int FINISHED = 3;
  private static final int FAILED = 4;

  /** MLflow's word for "from a project", which asks for no notebook or job. */
  private static final int PROJECT = 3;

  private final Path store;

  /**
   * @param store the folder that {@code mlflow ui --backend-store-uri} gets; made if it is missing
   */
  public MlflowStore(Path store) {
    this.store = store.toAbsolutePath().normalize();
  }

  /**
   * Adds the cells of a run folder to the experiment of their name.
   *
   * @return number of runs written
   * @throws BantamException (bad input) if the folder holds something else than such a store
   */
  public int add(RunFolder run) {
    requireStore();
    final long started = millis(run, "started");
    final long finished = Math.max(started, millis(run, "finished"));
    for (Cell cell : run.cells()) {
      write(experiment(cell.record().cell().experiment(), started), cell, run, started, finished);
    }
    return run.cells().size();
  }

  /** A folder that does not exist, is empty, or holds experiments. */
  private void requireStore() {
    if (!Files.exists(store)) {
      return;
    }
    try (Stream<Path> content = Files.isDirectory(store) ? Files.list(store) : Stream.of(store)) {
      final List<Path> found = content.toList();
      if (!found.isEmpty() && found.stream().noneMatch(MlflowStore::isExperiment)) {
        throw BantamException.badInput(
            store
                + " holds something else than a file store of MLflow. Name an empty folder, or one"
                + " that MLflow wrote to.");
      }
    } catch (IOException e) {
      throw BantamException.badInput("Cannot list " + store + ": " + e.getMessage() + ".", e);
    }
  }

  /** MLflow keeps models, deleted experiments and others beside the experiments. */
  private static boolean isExperiment(Path folder) {
    return Files.isRegularFile(folder.resolve(META));
  }

  /** The folder of the experiment of a name; MLflow may have made it under an id of its own. */
  private Path experiment(String name, long started) {
    final Path own = store.resolve(id(name));
    if (isExperiment(own)) {
      return own;
    }
    if (Files.isDirectory(store)) {
      try (Stream<Path> folders = Files.list(store)) {
        final Optional<Path> there =
            folders.sorted().filter(f -> isExperiment(f) && isNamed(f, name)).findFirst();
        if (there.isPresent()) {
          return there.get();
        }
      } catch (IOException e) {
        throw BantamException.badInput("Cannot list " + store + ": " + e.getMessage() + ".", e);
      }
    }
    AtomicFiles.createFolders(own);
    AtomicFiles.write(own.resolve(META), Json.text(meta(name, started)));
    return own;
  }

  /** MLflow writes YAML, a line for each key, and plain names without quotes. */
  private static boolean isNamed(Path folder, String name) {
    try (Stream<String> lines = Files.lines(folder.resolve(META))) {
      return lines.anyMatch(("name: " + name)::equals);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + folder + ": " + e.getMessage() + ".", e);
    }
  }

  private static long millis(RunFolder run, String key) {
    try {
      return Instant.parse(run.manifest().path(key).asText()).toEpochMilli();
    } catch (DateTimeException e) {
      return 0; // an unfinished run has no end
    }
  }

  /** MLflow wants numbers of up to 18 digits. */
  private static String id(String experiment) {
    final String hash = Hashes.of(experiment.getBytes(StandardCharsets.UTF_8)).substring(0, 16);
    return new BigInteger(hash, 16).mod(BigInteger.TEN.pow(18)).toString();
  }

  private ObjectNode meta(String experiment, long started) {
    final ObjectNode meta = Json.object();
    meta.put("artifact_location", store.resolve(id(experiment)).toUri().toString());
    meta.put("creation_time", started);
    meta.put("experiment_id", id(experiment));
    meta.put("last_update_time", started);
    meta.put("lifecycle_stage", "active");
    meta.put("name", experiment);
    return meta;
  }

  private void write(Path experiment, Cell cell, RunFolder run, long started, long finished) {
    final CellId id = cell.record().cell();
    final String name =
        Hashes.of(
                String.join("\n", id.experiment(), cell.folder(), cell.record().key())
                    .getBytes(StandardCharsets.UTF_8))
            .substring(0, 32);
    final Path folder = experiment.resolve(name);
    final Path work = experiment.resolve("." + name + AtomicFiles.TEMPORARY);
    AtomicFiles.discard(work);
    AtomicFiles.createFolders(work.resolve("artifacts"));
    final ObjectNode meta = Json.object();
    meta.put("artifact_uri", folder.resolve("artifacts").toUri().toString());
    meta.put("end_time", finished);
    meta.put("entry_point_name", "");
    meta.put("experiment_id", experiment.getFileName().toString());
    meta.put("lifecycle_stage", "active");
    meta.put("run_id", name);
    meta.put("run_name", cell.folder());
    meta.put("run_uuid", name);
    meta.put("source_name", "");
    meta.put("source_type", PROJECT);
    meta.put("source_version", run.manifest().path("commit").asText());
    meta.put("start_time", started);
    meta.put("status", cell.record().result().isPresent() ? FINISHED : FAILED);
    meta.putArray("tags");
    meta.put("user_id", "bantam");
    AtomicFiles.write(work.resolve(META), Json.text(meta));
    value(work, "tags", "mlflow.runName", cell.folder());
    value(work, "tags", "bantam.version", run.manifest().path("bantam").asText());
    value(work, "tags", "bantam.cell_key", cell.record().key());
    value(work, "tags", "bantam.command", run.manifest().path("command").asText());
    cell.record().error().ifPresent(error -> value(work, "tags", "bantam.error", error));
    parameters(work, cell);
    metrics(work, cell, finished);
    AtomicFiles.discard(folder);
    AtomicFiles.move(work, folder);
  }

  private static void parameters(Path run, Cell cell) {
    final CellId id = cell.record().cell();
    value(run, "params", "model", id.model());
    value(run, "params", "task", id.task());
    value(run, "params", "variant", id.variant());
    value(run, "params", "seed", Long.toString(id.seed()));
    value(run, "params", "draw", Integer.toString(id.draw()));
    value(run, "params", "split", id.split());
    final List<StepRecord> steps = cell.record().result().map(CellResult::steps).orElse(List.of());
    for (int s = 0; s < steps.size(); s++) {
      final String step = "step" + (s + 1) + "." + steps.get(s).step();
      value(run, "params", step, steps.get(s).method());
      steps
          .get(s)
          .settings()
          .properties()
          .forEach(
              setting ->
                  value(
                      run,
                      "params",
                      step + "." + setting.getKey(),
                      setting.getValue().isValueNode()
                          ? setting.getValue().asText()
                          : setting.getValue().toString()));
    }
  }

  private static void metrics(Path run, Cell cell, long at) {
    cell.record()
        .result()
        .ifPresent(
            result -> {
              result.metrics().forEach((metric, value) -> metric(run, metric, value, at));
              metric(run, "bytes", result.size().bytes(), at);
              metric(run, "sparsity", result.sparsity(), at);
              result.bits().ifPresent(bits -> metric(run, "bits", bits, at));
            });
    cell.timings()
        .ifPresent(
            timings -> {
              metric(run, "compress_seconds", timings.compressSeconds(), at);
              metric(run, "evaluate_seconds", timings.evaluateSeconds(), at);
              timings.finetuneSeconds().ifPresent(s -> metric(run, "finetune_seconds", s, at));
              timings.latencyMsP50().ifPresent(ms -> metric(run, "latency_ms_p50", ms, at));
            });
  }

  private static void metric(Path run, String name, double value, long at) {
    value(run, "metrics", name, at + " " + Numbers.exact(value) + " 0\n");
  }

  private static void value(Path run, String kind, String name, String value) {
    final Path folder = run.resolve(kind);
    AtomicFiles.createFolders(folder);
    AtomicFiles.write(folder.resolve(name.replaceAll("[^A-Za-z0-9_. -]", "_")), value);
  }
}
