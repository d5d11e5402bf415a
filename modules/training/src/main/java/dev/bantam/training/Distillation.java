package dev.bantam.training;

import dev.bantam.model.Loss;

/** What a teacher's outputs make of the loss of a batch. */
@FunctionalInterface
public interface Distillation {
  /**
   * The loss of one batch.
   *
   * @param task the loss of the labels
   * @param rows index of each row of the batch among the training examples
   */
  Loss loss(Loss task, int[] rows);
}
