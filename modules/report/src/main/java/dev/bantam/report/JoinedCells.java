package dev.bantam.report;

import dev.bantam.report.RunFolder.Cell;
import dev.bantam.tensor.BantamException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The cells of several runs as if they came from one. */
final class JoinedCells {
  private JoinedCells() {}

  /**
   * All cells, sorted; those that several runs have with the same values once.
   *
   * @throws BantamException (bad input) naming a cell that two runs have with different values, or
   *     the splits if there are several
   */
  static List<Cell> of(List<RunFolder> runs) {
    final Map<CellId, Cell> cells = new LinkedHashMap<>();
    final Map<CellId, String> origins = new LinkedHashMap<>();
    for (RunFolder run : runs) {
      for (Cell cell : run.cells()) {
        final CellId id = cell.record().cell();
        final Cell earlier = cells.get(id);
        if (earlier == null) {
          cells.put(id, cell);
          origins.put(id, run.name() + "/cells/" + cell.folder());
        } else if (sameOutcome(earlier, cell)) {
          cells.put(id, earlier.timings().isPresent() ? earlier : cell);
        } else {
          throw BantamException.badInput(
              "The cell "
                  + id.describe()
                  + " is there twice with different values: "
                  + origins.get(id)
                  + " and "
                  + run.name()
                  + "/cells/"
                  + cell.folder()
                  + ". Leave one of the runs out, or give its experiment another name.");
        }
      }
    }
    final List<Cell> sorted = new ArrayList<>(cells.values());
    sorted.sort(CellOrder.of(runs));
    requireOneSplit(sorted);
    return List.copyOf(sorted);
  }

  private static boolean sameOutcome(Cell a, Cell b) {
    return a.record().result().equals(b.record().result())
        && a.record().error().equals(b.record().error());
  }

  private static void requireOneSplit(List<Cell> cells) {
    final Set<String> splits = new TreeSet<>();
    cells.forEach(cell -> splits.add(cell.record().cell().split()));
    if (splits.size() > 1) {
      throw BantamException.badInput(
          "The runs were evaluated on different splits, "
              + splits
              + ", which do not belong into one table. Write a report for each.");
    }
  }
}
