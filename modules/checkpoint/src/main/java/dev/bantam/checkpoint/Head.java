package dev.bantam.checkpoint;

import java.util.List;
import java.util.Objects;

/**
 * A classification head: {@code classifier.weight [C, d]} and {@code classifier.bias [C]} on a
 * pooled vector, or on the vector of every token.
 *
 * @param kind what the outputs mean
 * @param labels name of each output in order ({@code id2label}); one entry for regression
 */
public record Head(Kind kind, List<String> labels) {
  /** What the outputs of a head mean; decides the loss and the prediction. */
  public enum Kind {
    /** One of C classes: softmax cross-entropy. */
    SINGLE_LABEL,
    /** Any subset of C classes: binary cross-entropy per output. */
    MULTI_LABEL,
    /** One number: mean squared error. */
    REGRESSION,
    /** One of C classes for every token: softmax cross-entropy. */
    TOKEN_LABEL
  }

  public Head {
    Objects.requireNonNull(kind, "kind");
    labels = List.copyOf(labels);
    if (labels.isEmpty() || (kind == Kind.REGRESSION && labels.size() != 1)) {
      throw new IllegalArgumentException(
          "A head needs labels, and a regression exactly one: " + labels);
    }
  }
}
