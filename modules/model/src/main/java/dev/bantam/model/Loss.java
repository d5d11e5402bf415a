package dev.bantam.model;

/**
 * A loss as a function from a model's outputs to their gradient.
 *
 * <p>Implementations are pure: rows are the examples of the batch in order.
 */
@FunctionalInterface
public interface Loss {
  /** No loss on the outputs, for training by loss terms alone; needs no head. */
  Loss NONE = (outputs, rows, columns, gradient) -> 0;

  /**
   * @param outputs head outputs (logits), [rows, columns]
   * @param gradient out: derivative of the result with respect to {@code outputs}, zeroed before
   * @return the loss of the batch
   */
  double apply(float[] outputs, int rows, int columns, float[] gradient);
}
