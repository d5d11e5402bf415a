package dev.bantam.compression;

import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * What a step did, tensor by tensor. Holds no times, so that it is the same on every run.
 *
 * @param step name of the step
 * @param method name of the method as it was really carried out
 * @param tensors in the order of the model's parameters
 */
public record StepLog(String step, String method, List<Entry> tensors) {
  /**
   * One tensor.
   *
   * @param name the parameter
   * @param treatment in words, e.g. "4 bit, groups of 128, symmetric, mse range"
   * @param bits width of a weight's code, where the step gave it one
   * @param sparsity share of zeros after the step, in [0, 1]
   * @param storedBytes bytes of its form as decided by the step
   * @param relativeError squared distance to the weights before the step over their squared norm
   */
  public record Entry(
      String name,
      String treatment,
      OptionalInt bits,
      double sparsity,
      long storedBytes,
      double relativeError) {}

  public StepLog {
    Objects.requireNonNull(step, "step");
    Objects.requireNonNull(method, "method");
    tensors = List.copyOf(tensors);
  }
}
