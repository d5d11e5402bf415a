package dev.bantam.report;

import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * What a step did to one tensor.
 *
 * @param name the parameter
 * @param treatment in words, e.g. "4 bit, groups of 128, symmetric"
 * @param sparsity share of zeros after the step, in [0, 1]
 * @param storedBytes bytes of its form, 0 or more
 * @param relativeError squared distance to the weights before the step over their squared norm,
 *     finite, 0 or more
 * @param bits bits a stored value, if the step chose them
 * @param predictedLoss increase of the task loss that the step predicted, if it predicts one
 * @param sensitivity what the step measured of the loss for this tensor, if it did
 * @param sensitivityError standard error of {@code sensitivity}
 */
public record TensorRecord(
    String name,
    String treatment,
    double sparsity,
    long storedBytes,
    double relativeError,
    OptionalInt bits,
    OptionalDouble predictedLoss,
    OptionalDouble sensitivity,
    OptionalDouble sensitivityError) {
  public TensorRecord {
    CellId.requireText("name", name);
    Objects.requireNonNull(treatment, "treatment");
    Objects.requireNonNull(bits, "bits");
    Objects.requireNonNull(predictedLoss, "predictedLoss");
    Objects.requireNonNull(sensitivity, "sensitivity");
    Objects.requireNonNull(sensitivityError, "sensitivityError");
    if (!(sparsity >= 0 && sparsity <= 1)) {
      throw new IllegalArgumentException("sparsity of " + name + " is " + sparsity);
    }
    if (storedBytes < 0) {
      throw new IllegalArgumentException("stored_bytes of " + name + " is " + storedBytes);
    }
    if (!(relativeError >= 0 && Double.isFinite(relativeError))) {
      throw new IllegalArgumentException("relative_error of " + name + " is " + relativeError);
    }
  }

  /** Without a measured sensitivity. */
  public TensorRecord(
      String name,
      String treatment,
      double sparsity,
      long storedBytes,
      double relativeError,
      OptionalInt bits,
      OptionalDouble predictedLoss) {
    this(
        name,
        treatment,
        sparsity,
        storedBytes,
        relativeError,
        bits,
        predictedLoss,
        OptionalDouble.empty(),
        OptionalDouble.empty());
  }

  /** Without a prediction. */
  public TensorRecord(
      String name,
      String treatment,
      double sparsity,
      long storedBytes,
      double relativeError,
      OptionalInt bits) {
    this(name, treatment, sparsity, storedBytes, relativeError, bits, OptionalDouble.empty());
  }
}
