package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.report.CellRecord;
import dev.bantam.report.Report;
import dev.bantam.report.ReportContext;
import dev.bantam.report.Reports;
import dev.bantam.report.RunFolder;
import dev.bantam.report.SummaryRow;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.runner.experiment.Gate;
import dev.bantam.runner.experiment.Variant;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.UnwritableException;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;

/** A whole run: cells, exports, report, and what is printed at the end. */
public final class Runs {
  private static final String LOG = "run.log";

  private Runs() {}

  /**
   * Runs an experiment, or a part of it, to its end.
   *
   * @param whole the experiment
   * @param prepared what is computed of it
   * @param folder where the run goes, checked to be usable
   * @param command what a reader types to get the same
   * @param preparing seconds that opening models and data took, downloads included
   * @param out where the results are printed
   * @return how the process should end
   */
  public static ExitCode run(
      Prepared whole,
      Prepared prepared,
      RunOptions options,
      Path folder,
      String command,
      double preparing,
      PrintStream out) {
    final Prediction prediction = Prediction.of(prepared);
    prediction.check(
        Machine.usableMemoryBytes(), Runtime.getRuntime().maxMemory(), Machine.roomBytes(folder));
    AtomicFiles.createFolders(folder);
    final ConsoleProgress progress = options.progress();
    final RunFolderLock lock = RunFolderLock.of(folder);
    try {
      ExperimentRun.claim(prepared, folder); // before anything else is written
      progress.log(text -> append(folder.resolve(LOG), text));
      progress.message(
          String.format(
              Locale.ROOT,
              "%s: %d cells into %s, memory about %.1f GB, disk about %.1f GB. Models and data"
                  + " ready after %.1f s.",
              prepared.experiment().name(),
              prepared.cells().size(),
              folder,
              prediction.memoryBytes() / 1e9,
              prediction.diskBytes() / 1e9,
              preparing));
      return locked(whole, prepared, options, folder, command, prediction, out);
    } catch (BantamException e) {
      throw e.exitCode() == ExitCode.INTERRUPTED ? stopped(prepared, folder) : e;
    } finally {
      progress.log(text -> {});
      lock.close();
    }
  }

  private static BantamException stopped(Prepared prepared, Path folder) {
    return new BantamException(
        ExitCode.INTERRUPTED,
        "Stopped. "
            + ExperimentRun.kept(prepared, folder)
            + " The same command goes on from there.");
  }

  private static ExitCode locked(
      Prepared whole,
      Prepared prepared,
      RunOptions options,
      Path folder,
      String command,
      Prediction prediction,
      PrintStream out) {
    final OptionalDouble predictedSeconds =
        prediction.isLong()
            ? OptionalDouble.of(prediction.seconds(options.threads()))
            : OptionalDouble.empty();
    predictedSeconds.ifPresent(
        seconds ->
            options
                .progress()
                .message(
                    "Time about "
                        + Prediction.minutes(seconds)
                        + " on "
                        + options.threads()
                        + " threads, less what is there already."));
    final long start = System.nanoTime();
    final ExperimentRun run = new ExperimentRun(prepared, options, folder);
    // before anything of the earlier run is replaced, and for all that the report will show
    new ExperimentRun(whole, options, folder).requireSameSettings(Set.copyOf(prepared.cells()));
    final ObjectNode manifest = Manifest.of(whole, options, command);
    Manifest.write(folder, manifest);
    final ExperimentRun.Outcome outcome = run.cells();
    manifest.put("finished", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    manifest.put("predicted_memory_bytes", prediction.memoryBytes());
    predictedSeconds.ifPresent(s -> manifest.put("predicted_seconds", Math.round(s)));
    final OptionalLong peak = Machine.peakMemoryBytes();
    peak.ifPresent(bytes -> manifest.put("peak_memory_bytes", bytes));
    Manifest.write(folder, manifest);
    final Report.Written report =
        Reports.write(
            List.of(RunFolder.read(folder)),
            folder,
            new ReportContext(prepared.experiment().name(), command, Version.TEXT));
    SummaryTable.print(report.rows(), out);
    report.notes().forEach(options.progress()::message);
    final double seconds = (System.nanoTime() - start) / 1e9;
    out.printf(
        Locale.ROOT,
        "%d cells (%d reused) in %.0f s.%s%s%nReport: %s%n",
        outcome.cells(),
        outcome.reused(),
        seconds,
        peak.isEmpty()
            ? ""
            : String.format(
                Locale.ROOT,
                " Memory: predicted %.1f GB, peak %.1f GB.",
                prediction.memoryBytes() / 1e9,
                peak.getAsLong() / 1e9),
        predictedSeconds.isEmpty() || outcome.reused() > 0
            ? ""
            : " Time: predicted " + Prediction.minutes(predictedSeconds.getAsDouble()) + ".",
        folder.resolve("report.html"));
    export(prepared, run, options); // after the report, which does not need it
    tellOfExports(whole, prepared, options);
    return verdict(prepared, report, outcome);
  }

  private static void export(Prepared prepared, ExperimentRun run, RunOptions options) {
    if (prepared.experiment().exports().isEmpty()) {
      return;
    }
    final Exports exports = new Exports(prepared, run.folder(), options.progress());
    try (Workers workers = new Workers(options.threads())) {
      for (Map.Entry<Cell, CellRecord> finished : run.records().entrySet()) {
        final Cell cell = finished.getKey();
        if (Prediction.isExported(cell)) {
          final CellRecord dense = run.records().get(prepared.dense(cell));
          for (ExportFormat format : prepared.experiment().exports()) {
            if (!cell.goesInto(format)) {
              continue;
            }
            exports.export(cell, dense, finished.getValue(), run.weights(cell), format, workers);
          }
        }
      }
    }
  }

  /** A part may leave out the seed that a variant is exported of. */
  private static void tellOfExports(Prepared whole, Prepared prepared, RunOptions options) {
    final List<String> left =
        whole.cells().stream()
            .filter(c -> !whole.experiment().exports().isEmpty() && Prediction.isExported(c))
            .filter(c -> !prepared.cells().contains(c))
            .map(Cell::name)
            .toList();
    if (!left.isEmpty()) {
      options
          .progress()
          .message(
              "Not exported, since --only leaves their cells out: "
                  + String.join(", ", left)
                  + ".");
    }
  }

  /** Failed cells first, then the gate. */
  private static ExitCode verdict(
      Prepared prepared, Report.Written report, ExperimentRun.Outcome outcome) {
    if (!outcome.failed().isEmpty()) {
      throw new BantamException(
          outcome.code(),
          outcome.failed().size()
              + " cells failed; the report shows the others:\n  "
              + String.join("\n  ", outcome.failed()));
    }
    final List<String> missed = new ArrayList<>();
    prepared.experiment().gate().ifPresent(gate -> missed.addAll(missed(report, gate)));
    if (!missed.isEmpty()) {
      throw new BantamException(ExitCode.GATE, "Gate not met: " + String.join("; ", missed) + ".");
    }
    return ExitCode.OK;
  }

  /** What variants do not reach, or what is not known of them. */
  private static List<String> missed(Report.Written report, Gate gate) {
    final List<String> missed = new ArrayList<>();
    for (SummaryRow row : report.rows()) {
      final double mean = row.mean().orElse(Double.NaN);
      final double recovery = row.recovery().orElse(Double.NaN);
      below(
              row,
              recovery,
              gate.recovery(),
              "keeps %s of the dense value, and at least %.4f is asked")
          .ifPresent(missed::add);
      below(row, mean, gate.atLeast(), "has %s, and at least %.4f is asked").ifPresent(missed::add);
      final OptionalDouble most = gate.lossAtMost();
      below(
              row,
              row.variant().equals(Variant.DENSE) ? 0 : row.difference().orElse(Double.NaN),
              most.isPresent() ? OptionalDouble.of(-most.getAsDouble()) : most,
              "is at %s from the dense model, and at least %.4f is asked")
          .ifPresent(missed::add);
    }
    return missed;
  }

  private static Optional<String> below(
      SummaryRow row, double value, OptionalDouble least, String what) {
    if (least.isEmpty() || value >= least.getAsDouble()) { // what is not known does not pass
      return Optional.empty();
    }
    final String shown =
        Double.isNaN(value) ? "an unknown value" : String.format(Locale.ROOT, "%.4f", value);
    return Optional.of(
        String.format(Locale.ROOT, "'%s' on %s with %s ", row.variant(), row.task(), row.model())
            + String.format(Locale.ROOT, what, shown, least.getAsDouble()));
  }

  private static void append(Path log, String text) {
    try {
      Files.writeString(
          log,
          Instant.now().truncatedTo(ChronoUnit.SECONDS) + " " + text + "\n",
          StandardCharsets.UTF_8,
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw UnwritableException.of(log, e);
    }
  }
}
