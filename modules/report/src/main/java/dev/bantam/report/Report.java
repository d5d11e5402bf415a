package dev.bantam.report;

import dev.bantam.report.RunFolder.Cell;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** All that one report says, before it is written. */
public final class Report {
  /**
   * What was written.
   *
   * @param folder of the report
   * @param files relative to the folder, with slashes, in the order of writing
   * @param rows of the summary, in the order of the table
   * @param notes for the user, e.g. why there are no PNG charts
   */
  public record Written(
      Path folder, List<String> files, List<SummaryRow> rows, List<String> notes) {
    public Written {
      Objects.requireNonNull(folder, "folder");
      files = List.copyOf(files);
      rows = List.copyOf(rows);
      notes = List.copyOf(notes);
    }
  }

  private final List<RunFolder> runs;
  private final ReportContext context;
  private final List<Cell> cells;
  private final Summary summary;
  private final List<Section> sections;

  private Report(List<RunFolder> runs, ReportContext context, List<Cell> cells) {
    this.runs = List.copyOf(runs);
    this.context = context;
    this.cells = cells;
    this.summary = Summary.of(cells);
    this.sections = Section.of(summary);
  }

  /**
   * Joins runs.
   *
   * @throws BantamException (bad input) if they hold no finished cell or contradict each other
   */
  static Report of(List<RunFolder> runs, ReportContext context) {
    final List<Cell> cells = JoinedCells.of(runs);
    if (cells.isEmpty()) {
      throw BantamException.badInput(
          "There is nothing to report: "
              + String.join(", ", runs.stream().map(RunFolder::name).toList())
              + " has no finished cell. Run the experiment first.");
    }
    return new Report(runs, context, cells);
  }

  List<RunFolder> runs() {
    return runs;
  }

  ReportContext context() {
    return context;
  }

  List<Cell> cells() {
    return cells;
  }

  Summary summary() {
    return summary;
  }

  List<Section> sections() {
    return sections;
  }

  List<Cell> failed() {
    return cells.stream().filter(cell -> cell.record().error().isPresent()).toList();
  }

  List<String> experiments() {
    final Set<String> names = new LinkedHashSet<>();
    for (RunFolder run : runs) {
      run.cells().forEach(cell -> names.add(cell.record().cell().experiment()));
    }
    return List.copyOf(names);
  }

  /** As given, else what the names of the experiments have in common, else all of them. */
  String title() {
    if (!context.title().isBlank()) {
      return context.title();
    }
    final List<String> names = experiments();
    String prefix = names.get(0);
    for (String name : names) {
      while (!name.startsWith(prefix)) {
        prefix = prefix.substring(0, prefix.length() - 1);
      }
    }
    final String common = names.size() == 1 ? prefix : prefix.replaceAll("[-.+]+$", "");
    return common.length() > 2 || names.size() == 1 ? common : String.join(" + ", names);
  }

  /** Sentences that a reader must see before any number; usually none. */
  List<String> warnings() {
    final List<String> warnings = new ArrayList<>();
    for (RunFolder run : runs) {
      if (run.isSmoke()) {
        warnings.add(
            "The run "
                + run.name()
                + " is a smoke run on a random model and a handful of rows. Its numbers mean"
                + " nothing.");
      } else if (run.isLimited()) {
        warnings.add(
            "The run "
                + run.name()
                + " used only some of the rows. Its numbers are not those of the full data.");
      }
      if (!run.unfinished().isEmpty()) {
        warnings.add(
            "The run "
                + run.name()
                + " is not finished; missing: "
                + String.join(", ", run.unfinished())
                + ".");
      }
    }
    return warnings;
  }

  /** Sentences below the tables: what is not known, and the notes of the cells. */
  List<String> notes() {
    final Set<String> notes = new LinkedHashSet<>(summary.notes());
    for (VariantGroup group : summary.groups()) {
      for (CellResult result : group.results()) {
        result.notes().forEach(note -> notes.add(group.id().variant() + ": " + note));
      }
    }
    return List.copyOf(notes);
  }
}
