package dev.bantam.report;

import java.util.List;
import java.util.OptionalDouble;

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

  static OptionalDouble min(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).min();
  }

  static OptionalDouble max(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).max();
  }
}
