package dev.bantam.runner.run;

import dev.bantam.compression.Step;
import dev.bantam.compression.Step.Forecast;
import dev.bantam.runner.experiment.Variant;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** What a run would do, as text. */
public final class Plan {
  private Plan() {}

  /**
   * Prints treatment, sizes, memory, disk and time of an experiment.
   *
   * @throws dev.bantam.tensor.BantamException (would not fit) as a run would
   */
  public static void print(Prepared prepared, RunOptions options, Path folder, PrintStream out) {
    out.println("Experiment " + prepared.experiment().name() + " -> " + folder);
    for (Subject subject : prepared.subjects()) {
      out.println();
      out.println("Model " + subject.model().name() + ", task " + subject.task());
      for (Variant<Step> variant : prepared.experiment().variants()) {
        prepared.cells().stream()
            .filter(c -> c.subject() == subject && c.variant().name().equals(variant.name()))
            .findFirst()
            .ifPresent(cell -> variant(cell, out));
      }
    }
    final Prediction prediction = Prediction.of(prepared);
    out.println();
    out.printf(
        Locale.ROOT,
        "%d cells. Memory about %.1f GB, disk about %.1f GB, time about %s on %d threads.%n",
        prepared.cells().size(),
        prediction.memoryBytes() / 1e9,
        prediction.diskBytes() / 1e9,
        Prediction.minutes(prediction.seconds(options.threads())),
        options.threads());
    prediction.check(
        Machine.usableMemoryBytes(), Runtime.getRuntime().maxMemory(), Machine.roomBytes(folder));
  }

  private static void variant(Cell cell, PrintStream out) {
    out.printf(
        Locale.ROOT,
        "  %-28s %8.1f MB%n",
        cell.variant().name(),
        Prediction.storedBytes(cell) / 1e6);
    treatments(Prediction.forecasts(cell), out);
  }

  /** One line for each treatment. */
  static void treatments(List<Forecast> forecasts, PrintStream out) {
    byTreatment(forecasts).forEach((treatment, tensors) -> treatment(treatment, tensors, out));
  }

  /** Tensors with the same treatment in the same place of different layers are one line. */
  private static Map<String, List<Forecast>> byTreatment(List<Forecast> forecasts) {
    final Map<String, List<Forecast>> lines = new LinkedHashMap<>();
    for (Forecast f : forecasts) {
      lines
          .computeIfAbsent(
              f.tensor().replaceAll("\\.[0-9]+\\.", ".*.") + " -> " + f.treatment(),
              k -> new java.util.ArrayList<>())
          .add(f);
    }
    return new TreeMap<>(lines);
  }

  private static void treatment(String treatment, List<Forecast> tensors, PrintStream out) {
    out.printf(
        Locale.ROOT,
        "    %d x %s, %.1f MB%n",
        tensors.size(),
        treatment,
        tensors.stream().mapToLong(Forecast::storedBytes).sum() / 1e6);
  }
}
