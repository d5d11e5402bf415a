package dev.bantam.report;

import dev.bantam.report.RunFolder.Cell;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A variant beside the dense model of the same seed: how much of its value it keeps (value / dense
 * value, dense / value for a metric of which less is better), and the difference of the two. Where
 * a seed has several dense draws, their mean is compared with.
 *
 * @param mean of the share over replicates; empty if no replicate can be compared
 * @param std of the share, with n - 1; empty for fewer than two comparable replicates
 * @param difference mean over replicates of value - dense value; empty for dense itself and where
 *     no seed has a dense value
 * @param interval half of the 95 % confidence interval of the difference by Student's t over seeds,
 *     whose draws are averaged first; empty for fewer than two comparable seeds
 */
record Recovery(
    OptionalDouble mean, OptionalDouble std, OptionalDouble difference, OptionalDouble interval) {
  private static final Recovery UNKNOWN =
      new Recovery(
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty());

  /**
   * @param dense the dense replicates of the same experiment, model and task; null if there is none
   * @param notes receives a sentence about every replicate that cannot be compared
   */
  static Recovery of(VariantGroup group, VariantGroup dense, List<String> notes) {
    if (group.results().isEmpty()) {
      return UNKNOWN;
    }
    if (group.id().isDense()) {
      return new Recovery(
          OptionalDouble.of(1),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty());
    }
    final List<Double> shares = new ArrayList<>();
    final Map<Long, List<Double>> differences = new TreeMap<>();
    final Set<Long> missing = new TreeSet<>();
    for (Cell cell : group.cells()) {
      if (cell.record().result().isPresent()) {
        final CellResult result = cell.record().result().get();
        final long seed = cell.record().cell().seed();
        final OptionalDouble denseValue = denseValue(dense, seed, result.primary());
        denseValue.ifPresent(
            value ->
                differences
                    .computeIfAbsent(seed, s -> new ArrayList<>())
                    .add(result.value() - value));
        final OptionalDouble share = share(result.primary(), result.value(), denseValue);
        share.ifPresentOrElse(shares::add, () -> missing.add(seed));
      }
    }
    if (!missing.isEmpty()) {
      notes.add(note(group.id(), missing, shares.isEmpty()));
    }
    return new Recovery(
        Statistics.mean(shares),
        Statistics.std(shares),
        Statistics.mean(differences.values().stream().flatMap(List::stream).toList()),
        Statistics.interval95(
            differences.values().stream().map(d -> Statistics.mean(d).getAsDouble()).toList()));
  }

  private static OptionalDouble denseValue(VariantGroup dense, long seed, String metric) {
    if (dense == null) {
      return OptionalDouble.empty();
    }
    final List<Double> values = new ArrayList<>();
    for (Cell cell : dense.cells()) {
      if (cell.record().cell().seed() == seed) {
        cell.record()
            .result()
            .filter(result -> result.metrics().containsKey(metric))
            .ifPresent(result -> values.add(result.metrics().get(metric)));
      }
    }
    return Statistics.mean(values);
  }

  /** Not defined unless what stands below the fraction line is above 0. */
  private static OptionalDouble share(String metric, double value, OptionalDouble dense) {
    if (dense.isEmpty()) {
      return dense;
    }
    final boolean more = Metrics.higherIsBetter(metric);
    final double above = more ? value : dense.getAsDouble();
    final double below = more ? dense.getAsDouble() : value;
    return below > 0 ? OptionalDouble.of(above / below) : OptionalDouble.empty();
  }

  private static String note(CellId id, Set<Long> seeds, boolean all) {
    return String.format(
        Locale.ROOT,
        "The recovery of %s (%s, %s) %s seed%s %s, which %s no dense value above 0 to compare"
            + " with.",
        id.variant(),
        id.model(),
        id.task(),
        all ? "is not known for" : "leaves out",
        seeds.size() == 1 ? "" : "s",
        String.join(", ", seeds.stream().map(String::valueOf).toList()),
        seeds.size() == 1 ? "has" : "have");
  }
}
