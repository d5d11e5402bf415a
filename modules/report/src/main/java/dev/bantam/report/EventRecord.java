package dev.bantam.report;

import java.util.Objects;
import java.util.OptionalDouble;

/**
 * Something that a step did to all of its tensors at once, such as one pruning event.
 *
 * @param number from 1
 * @param sparsity share of the step's weights that are gone after it, in [0, 1]
 * @param predictedLoss predicted increase of the task loss, if it was predicted
 * @param lossBefore task loss before, on the batches that the event worked with, if measured
 * @param lossAfter the same after
 */
public record EventRecord(
    int number,
    double sparsity,
    OptionalDouble predictedLoss,
    OptionalDouble lossBefore,
    OptionalDouble lossAfter) {
  public EventRecord {
    Objects.requireNonNull(predictedLoss, "predictedLoss");
    Objects.requireNonNull(lossBefore, "lossBefore");
    Objects.requireNonNull(lossAfter, "lossAfter");
    if (number < 1 || !(sparsity >= 0 && sparsity <= 1)) {
      throw new IllegalArgumentException("event " + number + " has sparsity " + sparsity);
    }
  }

  /** Increase of the task loss, if it was measured before and after. */
  OptionalDouble measuredLoss() {
    return lossBefore.isPresent() && lossAfter.isPresent()
        ? OptionalDouble.of(lossAfter.getAsDouble() - lossBefore.getAsDouble())
        : OptionalDouble.empty();
  }
}
