package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.data.Task;
import java.util.Optional;

/** What an experiment works on: one model with one task. Compared by identity. */
final class Subject {
  private final Checkpoint model;
  private final Task task;
  private final int limit;

  /**
   * @param model the model as its source gives it
   * @param task the task's examples
   * @param limit most examples of the evaluated split; {@link Integer#MAX_VALUE} for all
   */
  Subject(Checkpoint model, Task task, int limit) {
    this.model = model;
    this.task = task;
    this.limit = limit;
  }

  Checkpoint model() {
    return model;
  }

  Task task() {
    return task;
  }

  int limit() {
    return limit;
  }

  /** The model's description with the task's head; the weights are still the source's. */
  Checkpoint withTaskHead() {
    return new Checkpoint(
        model.name(),
        model.architecture(),
        Optional.of(task.head()),
        model.pooling(),
        model.normalize(),
        model.maxLength(),
        model.parameters(),
        model.tokenizer(),
        model.provenance());
  }

  /** Whether the model has a head that gives the task's labels in the task's order. */
  boolean hasHead() {
    return model.head().equals(Optional.of(task.head()));
  }
}
