package dev.bantam.training.hessian;

import dev.bantam.checkpoint.Head;
import dev.bantam.data.LabelledBatch;
import dev.bantam.model.Batch;
import dev.bantam.model.Loss;
import dev.bantam.training.TaskLoss;
import java.util.List;

/**
 * A batch and its loss.
 *
 * @param batch inputs
 * @param loss mean over the examples of the batch
 * @param examples how many there are, the weight of the batch among others
 * @param <B> type of a batch
 */
public record LossSample<B>(B batch, Loss loss, int examples) {
  public LossSample {
    if (examples < 1) {
      throw new IllegalArgumentException("A batch of " + examples + " examples");
    }
  }

  /** Batches with the loss of a task's head. */
  public static List<LossSample<Batch>> of(Head.Kind head, List<LabelledBatch> batches) {
    return batches.stream()
        .map(
            b ->
                new LossSample<>(
                    b.batch(), TaskLoss.of(head, b.labels(), b.targets()), b.batch().sequences()))
        .toList();
  }
}
