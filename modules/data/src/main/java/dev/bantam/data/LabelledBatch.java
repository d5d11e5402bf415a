package dev.bantam.data;

import dev.bantam.model.Batch;

/**
 * A batch with what a model should say about each of its sequences. The arrays are owned by the
 * batch; callers do not modify them.
 *
 * @param batch the tokens of the sequences
 * @param labels as in {@link Example}, [sequences]
 * @param targets as in {@link Example}, [sequences]
 * @param rows index of each sequence in the list that was cut into batches, [sequences]
 */
@SuppressWarnings("ArrayRecordComponent") // written once, read in hot loops
public record LabelledBatch(Batch batch, int[] labels, float[] targets, int[] rows) {
  public LabelledBatch {
    final int n = batch.sequences();
    if (labels.length != n || targets.length != n || rows.length != n) {
      throw new IllegalArgumentException(
          n
              + " sequences with "
              + labels.length
              + " labels, "
              + targets.length
              + " targets and "
              + rows.length
              + " rows");
    }
  }
}
