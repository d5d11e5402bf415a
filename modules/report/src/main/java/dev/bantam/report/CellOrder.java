package dev.bantam.report;

import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The order of cells in every output. */
final class CellOrder {
  private CellOrder() {}

  /** By model, task, variant as the runs list them (unlisted ones after, by name), seed, draw. */
  static Comparator<RunFolder.Cell> of(List<RunFolder> runs) {
    final Map<String, Integer> ranks = new HashMap<>();
    for (RunFolder run : runs) {
      run.variants().forEach(variant -> ranks.putIfAbsent(variant, ranks.size()));
    }
    final Comparator<CellId> order =
        Comparator.comparing(CellId::model)
            .thenComparing(CellId::task)
            .thenComparing(cell -> ranks.getOrDefault(cell.variant(), Integer.MAX_VALUE))
            .thenComparing(CellId::variant)
            .thenComparing(CellId::experiment)
            .thenComparing(CellId::seed)
            .thenComparing(CellId::draw)
            .thenComparing(CellId::split);
    return Comparator.comparing(cell -> cell.record().cell(), order);
  }
}
