package dev.bantam.report;

import dev.bantam.report.RunFolder.Cell;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;

/**
 * One row per (model, task, variant).
 *
 * <p>Where experiments are joined, a variant whose replicates all stand in another experiment too,
 * with the same results, is shown once (the dense model that two experiments share); variants of
 * the same name that differ keep a row per experiment.
 *
 * @param groups the replicates of each row
 * @param rows in the same order
 * @param notes on recoveries that are not known, for the reader
 */
record Summary(List<VariantGroup> groups, List<SummaryRow> rows, List<String> notes) {
  Summary {
    groups = List.copyOf(groups);
    rows = List.copyOf(rows);
    notes = List.copyOf(notes);
  }

  /** Experiment, model, task and variant. */
  private record Key(String experiment, String model, String task, String variant) {
    static Key of(CellId cell) {
      return new Key(cell.experiment(), cell.model(), cell.task(), cell.variant());
    }

    Key dense() {
      return new Key(experiment, model, task, CellId.DENSE);
    }

    boolean sameVariant(Key other) {
      return model.equals(other.model) && task.equals(other.task) && variant.equals(other.variant);
    }
  }

  /**
   * @param cells sorted
   */
  static Summary of(List<Cell> cells) {
    final Map<Key, List<Cell>> byKey = new LinkedHashMap<>();
    for (Cell cell : cells) {
      byKey.computeIfAbsent(Key.of(cell.record().cell()), key -> new ArrayList<>()).add(cell);
    }
    final Map<Key, VariantGroup> all = new LinkedHashMap<>();
    byKey.forEach((key, replicates) -> all.put(key, new VariantGroup(replicates)));
    final List<VariantGroup> groups = new ArrayList<>();
    final List<SummaryRow> rows = new ArrayList<>();
    final List<String> notes = new ArrayList<>();
    all.forEach(
        (key, group) -> {
          if (!isRepeated(key, group, all)) {
            groups.add(group);
            rows.add(row(group, Recovery.of(group, all.get(key.dense()), notes)));
          }
        });
    return new Summary(groups, rows, notes);
  }

  /** Of two equal groups the first stays. */
  private static boolean isRepeated(Key key, VariantGroup group, Map<Key, VariantGroup> all) {
    boolean after = false;
    for (Map.Entry<Key, VariantGroup> other : all.entrySet()) {
      if (other.getKey().equals(key)) {
        after = true;
      } else if (other.getKey().sameVariant(key) && group.isRepeatedIn(other.getValue())) {
        if (!after || !other.getValue().isRepeatedIn(group)) {
          return true;
        }
      }
    }
    return false;
  }

  private static SummaryRow row(VariantGroup group, Recovery recovery) {
    final CellId id = group.id();
    final List<Double> values = group.values();
    final OptionalDouble meanBytes = group.mean(r -> (double) r.size().bytes());
    final OptionalLong bytes =
        meanBytes.isPresent()
            ? OptionalLong.of(Math.round(meanBytes.getAsDouble()))
            : OptionalLong.empty();
    final OptionalDouble parameters = group.mean(r -> (double) r.size().denseParameters());
    final OptionalDouble ratio =
        bytes.isPresent()
            ? OptionalDouble.of(4 * parameters.getAsDouble() / bytes.getAsLong())
            : OptionalDouble.empty();
    return new SummaryRow(
        id.experiment(),
        id.model(),
        id.task(),
        id.variant(),
        group.metric().orElse(""),
        values.size(),
        group.failed(),
        Statistics.mean(values),
        Statistics.std(values),
        recovery.mean(),
        bytes,
        ratio,
        ratio.isPresent() ? OptionalDouble.of(ratio.getAsDouble() / 2) : OptionalDouble.empty(),
        bytes.isPresent()
            ? OptionalDouble.of(8.0 * bytes.getAsLong() / parameters.getAsDouble())
            : OptionalDouble.empty(),
        group.mean(r -> 8.0 * r.size().encoderBytes() / r.size().encoderElements()),
        group.isUncompressed()
            ? OptionalDouble.empty()
            : group.meanTime(t -> OptionalDouble.of(t.compressSeconds())),
        group.meanTime(CellTimings::latencyMsP50),
        recovery.std(),
        group.mean(CellResult::sparsity),
        group.bits(),
        Statistics.min(values),
        Statistics.max(values),
        recovery.difference(),
        recovery.interval(),
        group.stdOfDraws());
  }

  /** Seeds of all replicates, ascending. */
  Set<Long> seeds() {
    final Set<Long> seeds = new TreeSet<>();
    for (VariantGroup group : groups) {
      group.cells().forEach(cell -> seeds.add(cell.record().cell().seed()));
    }
    return seeds;
  }
}
