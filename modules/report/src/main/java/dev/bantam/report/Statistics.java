package dev.bantam.report;

import java.util.List;
import java.util.OptionalDouble;
import org.apache.commons.math3.distribution.TDistribution;

/** Mean and spread of a few numbers, summed in list order; empty where they are not defined. */
final class Statistics {
  private Statistics() {}

  static OptionalDouble mean(List<Double> values) {
    if (values.isEmpty()) {
      return OptionalDouble.empty();
    }
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return OptionalDouble.of(sum / values.size());
  }

  /** {@code sqrt(sum (x - mean)^2 / (n - 1))}; empty for fewer than two values. */
  static OptionalDouble std(List<Double> values) {
    if (values.size() < 2) {
      return OptionalDouble.empty();
    }
    final double mean = mean(values).getAsDouble();
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    return OptionalDouble.of(Math.sqrt(squares / (values.size() - 1)));
  }

  /**
   * Half of the 95 % confidence interval of the mean by Student's t; empty for fewer than two
   * values.
   */
  static OptionalDouble interval95(List<Double> values) {
    final OptionalDouble std = std(values);
    if (std.isEmpty()) {
      return std;
    }
    final double t = new TDistribution(null, values.size() - 1).inverseCumulativeProbability(0.975);
    return OptionalDouble.of(t * std.getAsDouble() / Math.sqrt(values.size()));
  }

  static OptionalDouble min(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).min();
  }

  static OptionalDouble max(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).max();
  }
}
