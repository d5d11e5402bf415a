package dev.bantam.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * What was measured in a cell that succeeded.
 *
 * @param primary the task's primary metric, one of {@code metrics}
 * @param metrics finite values by metric, in the order of the file
 * @param examples rows evaluated, above 0
 * @param size of the packed model
 * @param sparsity share of zeros in the matrices of the encoder layers, in [0, 1]
 * @param bits bits a stored encoder weight as asked by a step, if one did; an average may be
 *     fractional
 * @param steps in the order in which they ran
 * @param notes for the reader, e.g. why a metric is not defined
 */
public record CellResult(
    String primary,
    Map<String, Double> metrics,
    int examples,
    StoredSize size,
    double sparsity,
    OptionalDouble bits,
    List<StepRecord> steps,
    List<String> notes) {
  public CellResult {
    CellId.requireText("primary", primary);
    metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
    metrics.forEach(CellResult::requireFinite);
    if (!metrics.containsKey(primary)) {
      throw new IllegalArgumentException(
          "metrics " + metrics.keySet() + " lack the primary one, '" + primary + "'");
    }
    if (examples < 1) {
      throw new IllegalArgumentException("examples must be above 0, not " + examples);
    }
    Objects.requireNonNull(size, "size");
    if (!(sparsity >= 0 && sparsity <= 1)) {
      throw new IllegalArgumentException("sparsity must be in [0, 1], not " + sparsity);
    }
    if (bits.isPresent() && !(bits.getAsDouble() > 0 && bits.getAsDouble() <= 64)) {
      throw new IllegalArgumentException("bits must be in (0, 64], not " + bits.getAsDouble());
    }
    steps = List.copyOf(steps);
    notes = List.copyOf(notes);
  }

  /** Value of the primary metric. */
  public double value() {
    return metrics.get(primary);
  }

  private static void requireFinite(String metric, Double value) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException("metric " + metric + " is " + value);
    }
  }
}
