package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import java.util.Optional;

/** What an experiment works on: one model with one task. Compared by identity. */
final class Subject {
  private final Checkpoint model;
  private final Task task;
  private final int limit;
  private final boolean smoke;

  /**
   * @param model the model as its source gives it
   * @param task the task's examples
   * @param limit most examples of the evaluated split; {@link Integer#MAX_VALUE} for all
   * @param smoke whether the limit holds for tune too; otherwise what is chosen is chosen on all of
   *     it
   */
  Subject(Checkpoint model, Task task, int limit, boolean smoke) {
    this.model = model;
    this.task = task;
    this.limit = limit;
    this.smoke = smoke;
  }

  Checkpoint model() {
    return model;
  }

  Task task() {
    return task;
  }

  /** Number of examples of a split that are evaluated. */
  int examples(Split split) {
    final int all = task.examples(split).size();
    return split == Split.TUNE && !smoke ? all : Math.min(all, limit);
  }

  /** Number of examples that the epoch is chosen on. */
  int tuneExamples() {
    return examples(Split.TUNE);
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
        model.signature(),
        model.provenance());
  }

  /** Whether the model has a head that gives the task's labels in the task's order. */
  boolean hasHead() {
    return model.head().equals(Optional.of(task.head()));
  }
}
