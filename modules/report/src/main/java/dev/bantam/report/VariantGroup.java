package dev.bantam.report;

import dev.bantam.report.RunFolder.Cell;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * The replicates of one variant: what becomes one row, one bar and one point.
 *
 * @param cells all of the same experiment, model, task and variant, by seed and draw; at least one
 */
record VariantGroup(List<Cell> cells) {
  VariantGroup {
    cells = List.copyOf(cells);
  }

  CellId id() {
    return cells.get(0).record().cell();
  }

  /** The replicates that succeeded. */
  List<CellResult> results() {
    return cells.stream().flatMap(cell -> cell.record().result().stream()).toList();
  }

  int failed() {
    return cells.size() - results().size();
  }

  Optional<String> metric() {
    return results().stream().map(CellResult::primary).findFirst();
  }

  List<Double> values() {
    return results().stream().map(CellResult::value).toList();
  }

  /**
   * Spread that comes of draws alone: the root of the mean over seeds of the variance of a seed's
   * draws, with n - 1; empty if no seed has two.
   */
  OptionalDouble stdOfDraws() {
    final Map<Long, List<Double>> bySeed = new TreeMap<>();
    for (Cell cell : cells) {
      cell.record()
          .result()
          .ifPresent(
              r ->
                  bySeed
                      .computeIfAbsent(cell.record().cell().seed(), seed -> new ArrayList<>())
                      .add(r.value()));
    }
    final List<Double> variances = new ArrayList<>();
    bySeed.values().forEach(v -> Statistics.std(v).ifPresent(std -> variances.add(std * std)));
    final OptionalDouble mean = Statistics.mean(variances);
    return mean.isPresent() ? OptionalDouble.of(Math.sqrt(mean.getAsDouble())) : mean;
  }

  /** Mean over the replicates that succeeded. */
  OptionalDouble mean(Function<CellResult, Double> of) {
    return Statistics.mean(results().stream().map(of).toList());
  }

  /** Mean over the timed replicates that succeeded. */
  OptionalDouble meanTime(Function<CellTimings, OptionalDouble> of) {
    final List<Double> times = new ArrayList<>();
    for (Cell cell : cells) {
      if (cell.record().result().isPresent()) {
        cell.timings().map(of).ifPresent(time -> time.ifPresent(times::add));
      }
    }
    return Statistics.mean(times);
  }

  /** Mean over the replicates that have bits; empty if none has. */
  OptionalDouble bits() {
    final List<Double> bits = new ArrayList<>();
    results().forEach(result -> result.bits().ifPresent(bits::add));
    return Statistics.mean(bits);
  }

  /** Whether a step of that kind ran. */
  boolean hasStep(String kind) {
    return results().stream()
        .flatMap(result -> result.steps().stream())
        .anyMatch(step -> step.step().equals(kind));
  }

  /** Whether it is a fine-tuned model as it is: {@code dense}, or one trained in another way. */
  boolean isUncompressed() {
    final List<CellResult> results = results();
    return !results.isEmpty() && results.stream().allMatch(result -> result.steps().isEmpty());
  }

  /** Whether every replicate of this group is in the other one too, with the same result. */
  boolean isRepeatedIn(VariantGroup other) {
    return cells.stream().allMatch(cell -> other.cells.stream().anyMatch(c -> same(c, cell)));
  }

  private static boolean same(Cell a, Cell b) {
    final CellId x = a.record().cell();
    final CellId y = b.record().cell();
    return x.seed() == y.seed()
        && x.draw() == y.draw()
        && x.split().equals(y.split())
        && a.record().result().equals(b.record().result())
        && a.record().error().equals(b.record().error());
  }
}
