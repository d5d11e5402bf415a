package dev.bantam.runner.run;

import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.compression.Step;
import dev.bantam.report.CellRecord;
import dev.bantam.report.CellResult;
import dev.bantam.report.CellTimings;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.ResolvedExperiment;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.UnwritableException;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs an experiment in its folder: finished cells are reused, half ones go on, the others are
 * computed.
 *
 * <p>A cell is made in {@code cells/.NAME.work} and renamed to {@code cells/NAME} when its result
 * is there, so a cell without a leading dot is always whole.
 */
public final class ExperimentRun {
  static final String CELLS = "cells";
  private static final String WORK = ".work";
  private static final String AGAIN = "Computing again";
  private static final String DELETED = "Deleted";
  private static final Logger LOG = LoggerFactory.getLogger(ExperimentRun.class);

  private final Prepared prepared;
  private final Experiment<Step> experiment;
  private final RunOptions options;
  private final ConsoleProgress progress;
  private final Path folder;
  private final Keys keys;
  private final Map<Cell, CellRecord> records = new LinkedHashMap<>();
  private Bench bench;
  private ExitCode worst = ExitCode.OK;
  private int reused;

  /**
   * @param folder the run folder; new, empty, or of an earlier run
   */
  public ExperimentRun(Prepared prepared, RunOptions options, Path folder) {
    this.prepared = prepared;
    this.experiment = prepared.experiment();
    this.options = options;
    this.progress = options.progress();
    this.folder = folder;
    this.keys = new Keys(prepared);
  }

  /**
   * What came of a run.
   *
   * @param cells number of cells
   * @param reused how many were there already
   * @param failed messages of cells that failed
   * @param code the smallest exit code of their errors; OK if none failed
   */
  public record Outcome(int cells, int reused, List<String> failed, ExitCode code) {}

  /**
   * Refuses a folder that holds something else.
   *
   * @throws BantamException (resume mismatch) if the folder is neither empty nor a run's
   */
  public static void requireUsable(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    if (!Files.isDirectory(folder)) {
      throw new BantamException(
          ExitCode.RESUME_MISMATCH, folder + " is a file. Choose a folder for the run with -o.");
    }
    try (Stream<Path> content = Files.list(folder)) {
      final List<Path> found = content.toList();
      final boolean ours =
          Files.exists(folder.resolve(ResolvedExperiment.FILE_NAME))
              || found.stream()
                  .allMatch(
                      f ->
                          f.endsWith(RunFolderLock.FILE)
                              || f.toString().endsWith(AtomicFiles.TEMPORARY));
      if (!ours) {
        throw new BantamException(
            ExitCode.RESUME_MISMATCH,
            folder
                + " is not empty and was not written by a run. Choose another folder with -o, or"
                + " empty it.");
      }
    } catch (IOException e) {
      throw BantamException.badInput("Cannot list " + folder + ": " + e + ".", e);
    }
  }

  /** Marks a new folder as a run's, so that a run killed from here on can go on. */
  static void claim(Prepared prepared, Path folder) {
    final Path file = folder.resolve(ResolvedExperiment.FILE_NAME);
    if (!Files.exists(file)) {
      AtomicFiles.write(file, ResolvedExperiment.write(prepared.experiment()));
    }
  }

  /**
   * Refuses cells of other settings before anything is computed or written, as far as keys are
   * known by then: that of a cell that begins with others is known where those are finished.
   *
   * <p>Of cells that will not be computed now nothing may be left that the settings do not give:
   * where that cannot be told they are refused too. With {@code force} these are deleted; the
   * others are announced and computed again in their turn.
   *
   * @param computed the cells that will be computed
   * @throws BantamException (resume mismatch) naming all of them and what differs
   */
  void requireSameSettings(Set<Cell> computed) {
    final Failures mismatches = new Failures();
    final Map<Cell, CellRecord> finished = new HashMap<>(); // looked up only
    for (Cell cell : prepared.cells()) {
      if (finished.keySet().containsAll(prepared.needs(cell))) {
        final CellKey key = keys.of(cell, finished);
        if (!computed.contains(cell)) {
          forgetFailure(cell, key);
        }
        if ((computed.contains(cell) && options.force())
            || usable(cell, key, DELETED, mismatches)) {
          finished(cell, key).ifPresent(record -> finished.put(cell, record));
        }
      } else if (!computed.contains(cell)) {
        requireNothing(cell, mismatches);
      }
    }
    mismatches.throwIfAny();
  }

  /** The record of a cell that is finished with a key. */
  private Optional<CellRecord> finished(Cell cell, CellKey key) {
    final Path file = cellFolder(cell).resolve(CellWork.RESULT);
    return Files.isRegularFile(file)
        ? Optional.of(CellRecord.read(file))
            .filter(r -> r.key().equals(key.sha256()) && r.result().isPresent())
        : Optional.empty();
  }

  /** A failure that other settings led to tells nothing about these. */
  private void forgetFailure(Cell cell, CellKey key) {
    final Path file = cellFolder(cell).resolve(CellWork.RESULT);
    if (Files.isRegularFile(file)) {
      final CellRecord record = CellRecord.read(file);
      if (record.result().isEmpty() && !record.key().equals(key.sha256())) {
        AtomicFiles.discard(cellFolder(cell));
      }
    }
  }

  /** Nothing may be left of a cell whose settings cannot be told from what is there. */
  private void requireNothing(Cell cell, Failures mismatches) {
    for (Path folder : List.of(cellFolder(cell), workFolder(cell))) {
      if (!Files.exists(folder)) {
        continue;
      }
      if (options.force()) {
        progress.message(DELETED + ", because what it began with is not there: " + cell.name());
        AtomicFiles.discard(folder);
        continue;
      }
      mismatches.collect(
          () -> {
            throw new BantamException(
                ExitCode.RESUME_MISMATCH,
                folder
                    + " began with models that are not in this folder any more, so nothing tells"
                    + " whether it belongs to these settings. Run without --only, choose another"
                    + " folder with -o, or delete it with --force.");
          });
    }
  }

  /** Works on all cells in order and returns when none is left. */
  public Outcome cells() {
    AtomicFiles.createFolders(folder.resolve(CELLS));
    AtomicFiles.deleteTemporaries(folder);
    AtomicFiles.write(
        folder.resolve(ResolvedExperiment.FILE_NAME), ResolvedExperiment.write(experiment));
    final Failures mismatches = new Failures();
    final List<String> failed = new ArrayList<>();
    try (Workers workers = new Workers(options.threads());
        StartWeights weights = new StartWeights(this::weights);
        Merging merging = new Merging(prepared, this::weights, workers, progress)) {
      for (Cell cell : prepared.cells()) {
        final Optional<Cell> missing =
            prepared.needs(cell).stream().filter(c -> !records.containsKey(c)).findFirst();
        if (missing.isPresent()) {
          notTried(cell, missing.get(), failed);
        } else {
          one(cell, mismatches, failed, f -> work(cell, f, weights, merging, workers));
        }
      }
    } finally {
      closeBench();
    }
    mismatches.throwIfAny();
    return new Outcome(prepared.cells().size(), reused, List.copyOf(failed), worst);
  }

  /** The bench of a subject, made when the first cell needs it. */
  private Bench bench(Subject subject, Workers workers) {
    if (bench == null || bench.subject() != subject) {
      closeBench();
      bench = new Bench(subject, workers, progress);
    }
    return bench;
  }

  private void closeBench() {
    if (bench != null) {
      bench.close();
      bench = null;
    }
  }

  /** Without the dense model or its start a cell has no result, not even that of an earlier run. */
  private void notTried(Cell cell, Cell missing, List<String> failed) {
    final String error = "not tried, because " + missing.name() + " failed";
    failed.add(cell.name() + ": " + error);
    AtomicFiles.discard(cellFolder(cell));
    AtomicFiles.createFolders(workFolder(cell));
    recordFailure(cell, keys.fineTuned(missing), error);
    AtomicFiles.move(workFolder(cell), cellFolder(cell));
  }

  /** Leaves nothing but the failure in a cell's work folder. */
  private CellRecord recordFailure(Cell cell, CellKey key, String error) {
    final Path half = workFolder(cell);
    AtomicFiles.discard(half);
    AtomicFiles.createFolders(half);
    key.write(half);
    final CellRecord record =
        CellRecord.failed(Records.id(experiment, cell, prepared.split()), key.sha256(), error);
    record.write(half.resolve(CellWork.RESULT));
    return record;
  }

  private CellRecord work(
      Cell cell, Path workFolder, StartWeights weights, Merging merging, Workers workers) {
    if (cell.isFineTuned()) {
      weights.close(); // training needs the room
      return cellWork(cell, workFolder, workers).fineTuned();
    }
    if (!cell.isMerged()) {
      final Cell start = prepared.start(cell);
      final CellWork work = cellWork(cell, workFolder, workers);
      return cell.isDelta()
          ? work.delta(weights.of(start), prepared.base(cell), finetuneSeconds(start))
          : work.compressed(weights.of(start), finetuneSeconds(start));
    }
    weights.close();
    final long start = System.nanoTime();
    final Merging.Merged merged = merging.merge(cell, subject -> bench(subject, workers));
    try {
      return cellWork(cell, workFolder, workers)
          .merged(
              merged.weights(),
              merged.record(),
              (System.nanoTime() - start) / 1e9,
              finetuneSeconds(prepared.dense(cell)));
    } finally {
      merged.free();
    }
  }

  private CellWork cellWork(Cell cell, Path workFolder, Workers workers) {
    return new CellWork(
        cell,
        keys.of(cell, records),
        workFolder,
        bench(cell.subject(), workers),
        prepared,
        progress);
  }

  private Path cellFolder(Cell cell) {
    return folder.resolve(CELLS).resolve(cell.name());
  }

  private Path workFolder(Cell cell) {
    return cellFolder(cell).resolveSibling("." + cell.name() + WORK);
  }

  /** The file with the weights of a finished cell. */
  Path weights(Cell cell) {
    return cellFolder(cell).resolve(cell.file());
  }

  private OptionalDouble finetuneSeconds(Cell dense) {
    return CellTimings.read(cellFolder(dense).resolve(CellWork.TIMINGS)).finetuneSeconds();
  }

  /** What makes a cell's record in its work folder. */
  private interface Work {
    CellRecord in(Path workFolder);
  }

  /** One cell: reused, refused, computed or failed. */
  private boolean one(Cell cell, Failures mismatches, List<String> failed, Work work) {
    final CellKey key = keys.of(cell, records);
    final Path done = cellFolder(cell);
    final Path half = workFolder(cell);
    if (!usable(cell, key, AGAIN, mismatches)) {
      return false;
    }
    if (Files.isRegularFile(done.resolve(CellWork.RESULT))) {
      final CellRecord record = CellRecord.read(done.resolve(CellWork.RESULT));
      if (record.result().isPresent()) {
        requireIntact(cell, key, record);
        records.put(cell, record);
        reused++;
        announce(cell, record, "reused");
        return true;
      }
    }
    if (!Files.isRegularFile(half.resolve(CellKey.FILE))) {
      AtomicFiles.discard(half); // nothing tells what it was made with
    }
    AtomicFiles.discard(
        done); // a failed cell gets another try, and so does one whose record is gone
    AtomicFiles.createFolders(half);
    key.write(half);
    CellRecord record;
    String error = "";
    try {
      record = work.in(half);
    } catch (RuntimeException | OutOfMemoryError e) {
      error = failure(e);
      record = recordFailure(cell, key, error);
    }
    AtomicFiles.move(half, done);
    if (!error.isEmpty()) {
      failed.add(cell.name() + ": " + error);
      progress.message(cell.name() + " FAILED: " + error);
      return false;
    }
    records.put(cell, record);
    announce(cell, record, "");
    return true;
  }

  /** The message of an error that ends a cell but not the run; others are thrown on. */
  private String failure(Throwable e) {
    if (e instanceof UnwritableException unwritable) {
      throw unwritable; // neither the other cells nor this one's record could be written
    }
    final ExitCode code =
        e instanceof OutOfMemoryError
            ? ExitCode.WOULD_NOT_FIT
            : e instanceof BantamException known ? known.exitCode() : ExitCode.UNEXPECTED;
    if (code == ExitCode.INTERRUPTED) {
      throw (BantamException) e;
    }
    if (worst == ExitCode.OK || code.code() < worst.code()) {
      worst = code;
    }
    if (e instanceof OutOfMemoryError) {
      return "memory ran out ("
          + e.getMessage()
          + "). Choose a smaller batch, or a larger heap, e.g. BANTAM_JAVA_OPTS=-Xmx4g.";
    }
    if (code != ExitCode.UNEXPECTED) {
      return e.getMessage();
    }
    LOG.error("This is a defect of Bantam. Please report it with this trace.", e);
    return "unexpected " + e;
  }

  /** Whether both folders of a cell may be used; a failed one holds nothing worth keeping. */
  private boolean usable(Cell cell, CellKey key, String giving, Failures mismatches) {
    final Path record = cellFolder(cell).resolve(CellWork.RESULT);
    final boolean failed =
        Files.isRegularFile(record) && CellRecord.read(record).result().isEmpty();
    return (failed || usable(cellFolder(cell), key, giving, mismatches))
        & usable(workFolder(cell), key, giving, mismatches);
  }

  /**
   * Whether a cell's folder may be used: it is not there, or has the same key.
   *
   * @param giving what is said where another one is given up
   */
  private boolean usable(Path cell, CellKey key, String giving, Failures mismatches) {
    if (!Files.isRegularFile(cell.resolve(CellKey.FILE))) {
      return true;
    }
    final List<String> differences = key.differences(CellKey.read(cell));
    if (differences.isEmpty()) {
      return true;
    }
    if (options.force()) {
      progress.message(giving + ", because settings changed: " + cell.getFileName());
      AtomicFiles.discard(cell);
      return true;
    }
    mismatches.collect(
        () -> {
          throw new BantamException(
              ExitCode.RESUME_MISMATCH,
              cell
                  + " was made with other settings: "
                  + String.join("; ", differences)
                  + ". Choose another folder with -o, or compute it again with --force.");
        });
    return false;
  }

  /** A reused cell must still have the weights that its record was measured on. */
  private void requireIntact(Cell cell, CellKey key, CellRecord record) {
    if (!record.key().equals(key.sha256())) {
      throw BantamException.badInput(
          cellFolder(cell).resolve(CellWork.RESULT)
              + " does not belong to the cell's key. Delete the folder "
              + cellFolder(cell)
              + " and run again.");
    }
    final String recorded = record.result().orElseThrow().size().sha256();
    if (!Files.isRegularFile(weights(cell))
        || !SafetensorsFile.sha256(weights(cell)).equals(recorded)) {
      throw BantamException.badInput(
          weights(cell)
              + " is missing or is not the file that was measured. Delete the folder "
              + cellFolder(cell)
              + " and run again.");
    }
  }

  private void announce(Cell cell, CellRecord record, String how) {
    final CellResult result = record.result().orElseThrow();
    final CellRecord dense = records.get(prepared.dense(cell));
    final String recovery =
        cell.isDense()
            ? ""
            : String.format(
                Locale.ROOT,
                " (%.1f %% of dense)",
                100 * result.value() / dense.result().orElseThrow().value());
    progress.message(
        String.format(
            Locale.ROOT,
            "[%d/%d] %s, seed %d: %s %.4f%s, %.1f MB%s",
            prepared.cells().indexOf(cell) + 1,
            prepared.cells().size(),
            cell.variant().name(),
            cell.seed(),
            result.primary(),
            result.value(),
            recovery,
            result.size().bytes() / 1e6,
            how.isEmpty() ? "" : ", " + how));
  }

  /** What a run that was stopped has left for the next one, as a sentence. */
  static String kept(Prepared prepared, Path folder) {
    final Path cells = folder.resolve(CELLS);
    final long finished =
        prepared.cells().stream()
            .filter(c -> Files.isRegularFile(cells.resolve(c.name()).resolve(CellWork.RESULT)))
            .count();
    final String training =
        prepared.cells().stream()
            .filter(c -> CellWork.hasTrained(cells.resolve("." + c.name() + WORK)))
            .map(c -> ", and the training of " + c.name() + " up to where it was last saved")
            .findFirst()
            .orElse("");
    return String.format(
        Locale.ROOT,
        "%s keeps %d of %d cells%s.",
        folder,
        finished,
        prepared.cells().size(),
        training);
  }

  /** Records of the finished cells, in the order of work. */
  Map<Cell, CellRecord> records() {
    return records;
  }

  Path folder() {
    return folder;
  }

  Prepared prepared() {
    return prepared;
  }
}
