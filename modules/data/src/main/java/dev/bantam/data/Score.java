package dev.bantam.data;

import java.util.Objects;

/**
 * The value of a metric.
 *
 * @param value finite; a fraction or a correlation
 * @param note why the metric is not defined for these predictions and 0 stands in its place; empty
 *     if it is defined
 */
public record Score(Metric metric, double value, String note) {
  public Score {
    Objects.requireNonNull(metric, "metric");
    Objects.requireNonNull(note, "note");
    if (!Double.isFinite(value) || (!note.isEmpty() && value != 0)) {
      throw new IllegalArgumentException("Bad score " + metric + " = " + value + " (" + note + ")");
    }
  }

  /** Whether the metric has a value for these predictions. */
  public boolean isDefined() {
    return note.isEmpty();
  }
}
