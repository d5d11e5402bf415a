package dev.bantam.compression;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * What a step did, tensor by tensor. Holds no times, so that it is the same on every run.
 *
 * @param step name of the step
 * @param method name of the method as it was really carried out
 * @param tensors in the order of the model's parameters
 * @param events what was done to all of them at once, in order; empty for most steps
 */
public record StepLog(String step, String method, List<Entry> tensors, List<Event> events) {
  /**
   * One tensor.
   *
   * @param name the parameter
   * @param treatment in words, e.g. "4 bit, groups of 128, symmetric, mse range"
   * @param bits width of a weight's code, where the step gave it one
   * @param sparsity share of zeros after the step, in [0, 1]
   * @param storedBytes bytes of its form as decided by the step
   * @param relativeError squared distance to the weights before the step over their squared norm
   * @param predictedLoss increase of the task loss that the method predicts for this tensor, where
   *     it predicts one
   * @param sensitivity what the method measured of the loss for this tensor, if it did
   */
  public record Entry(
      String name,
      String treatment,
      OptionalInt bits,
      double sparsity,
      long storedBytes,
      double relativeError,
      OptionalDouble predictedLoss,
      Optional<Sensitivity> sensitivity) {
    /** Without a measured sensitivity. */
    public Entry(
        String name,
        String treatment,
        OptionalInt bits,
        double sparsity,
        long storedBytes,
        double relativeError,
        OptionalDouble predictedLoss) {
      this(
          name,
          treatment,
          bits,
          sparsity,
          storedBytes,
          relativeError,
          predictedLoss,
          Optional.empty());
    }

    /** Without a prediction. */
    public Entry(
        String name,
        String treatment,
        OptionalInt bits,
        double sparsity,
        long storedBytes,
        double relativeError) {
      this(name, treatment, bits, sparsity, storedBytes, relativeError, OptionalDouble.empty());
    }
  }

  /**
   * A figure of the loss at one tensor; which one, the method says.
   *
   * @param value the estimate
   * @param standardError how far it may be off by chance
   */
  public record Sensitivity(double value, double standardError) {}

  /**
   * One pruning event, or the rounding of all tensors together.
   *
   * @param number from 1
   * @param sparsity share of the weights that are gone after it
   * @param lossBefore task loss on the event's own batches before it, where it was measured
   * @param lossAfter the same after it
   * @param predicted predicted loss increase of each tensor, by name; empty if none is predicted
   */
  public record Event(
      int number,
      double sparsity,
      OptionalDouble lossBefore,
      OptionalDouble lossAfter,
      Map<String, Double> predicted) {
    public Event {
      predicted = Collections.unmodifiableMap(new LinkedHashMap<>(predicted));
    }

    /** The sum over tensors; empty if none is predicted. */
    public OptionalDouble predictedLoss() {
      return predicted.isEmpty()
          ? OptionalDouble.empty()
          : OptionalDouble.of(predicted.values().stream().mapToDouble(d -> d).sum());
    }
  }

  /** A log without events. */
  public StepLog(String step, String method, List<Entry> tensors) {
    this(step, method, tensors, List.of());
  }

  public StepLog {
    Objects.requireNonNull(step, "step");
    Objects.requireNonNull(method, "method");
    tensors = List.copyOf(tensors);
    events = List.copyOf(events);
  }
}
