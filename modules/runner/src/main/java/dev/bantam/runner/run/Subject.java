package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.data.Task;

/**
 * What an experiment works on: one model with one task.
 *
 * @param model the model as its source gives it
 * @param task the task's examples
 * @param limit most examples of the evaluated split; {@link Integer#MAX_VALUE} for all
 */
record Subject(Checkpoint model, Task task, int limit) {
  /** Whether the model has a head that gives the task's labels in the task's order. */
  boolean hasHead() {
    return model.head().equals(java.util.Optional.of(task.head()));
  }
}
