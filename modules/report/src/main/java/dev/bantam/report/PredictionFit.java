package dev.bantam.report;

import dev.bantam.report.RunFolder.Cell;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.apache.commons.math3.stat.correlation.SpearmansCorrelation;

/**
 * How well a method foretold what its events do to the loss.
 *
 * @param method name of the method
 * @param replicates which ones, in words
 * @param n events with a predicted and a measured increase, at least 1
 * @param rank Spearman's rank correlation of predicted and measured increase, equal values at the
 *     mean of their ranks; empty for fewer than two events, or if all of one side are equal
 * @param factor mean of measured / predicted increase; empty if a prediction is not above 0
 */
record PredictionFit(
    String method, String replicates, int n, OptionalDouble rank, OptionalDouble factor) {
  private record Pair(double predicted, double measured) {}

  /** One per method and seed, in the order of the rows; with several seeds one of all too. */
  static List<PredictionFit> of(Section section) {
    final Map<String, Map<Long, List<Pair>>> methods = new LinkedHashMap<>();
    for (VariantGroup group : section.groups()) {
      group.cells().forEach(cell -> collect(cell, methods));
    }
    final List<PredictionFit> fits = new ArrayList<>();
    methods.forEach(
        (method, seeds) -> {
          seeds.forEach((seed, pairs) -> fits.add(of(method, "seed " + seed, pairs)));
          if (seeds.size() > 1) {
            fits.add(of(method, "all", seeds.values().stream().flatMap(List::stream).toList()));
          }
        });
    return fits;
  }

  private static void collect(Cell cell, Map<String, Map<Long, List<Pair>>> methods) {
    if (cell.record().result().isEmpty()) {
      return;
    }
    for (StepRecord step : cell.record().result().get().steps()) {
      for (EventRecord event : step.events()) {
        if (event.predictedLoss().isPresent() && event.measuredLoss().isPresent()) {
          methods
              .computeIfAbsent(step.method(), m -> new LinkedHashMap<>())
              .computeIfAbsent(cell.record().cell().seed(), s -> new ArrayList<>())
              .add(
                  new Pair(
                      event.predictedLoss().getAsDouble(), event.measuredLoss().getAsDouble()));
        }
      }
    }
  }

  private static PredictionFit of(String method, String replicates, List<Pair> pairs) {
    final double[] predicted = pairs.stream().mapToDouble(Pair::predicted).toArray();
    final double[] measured = pairs.stream().mapToDouble(Pair::measured).toArray();
    final double rank =
        pairs.size() < 2
            ? Double.NaN
            : new SpearmansCorrelation().correlation(predicted, measured); // NaN if all are equal
    final boolean positive = pairs.stream().allMatch(pair -> pair.predicted > 0);
    return new PredictionFit(
        method,
        replicates,
        pairs.size(),
        Double.isNaN(rank) ? OptionalDouble.empty() : OptionalDouble.of(rank),
        positive
            ? Statistics.mean(pairs.stream().map(p -> p.measured / p.predicted).toList())
            : OptionalDouble.empty());
  }

  /** For the table: method, replicates, n, rank correlation, factor. */
  List<String> row() {
    return List.of(
        method,
        replicates,
        Integer.toString(n),
        rank.isPresent() ? Numbers.fixed(rank.getAsDouble(), 3) : "-",
        factor.isPresent() ? Numbers.significant(factor.getAsDouble()) : "-");
  }
}
