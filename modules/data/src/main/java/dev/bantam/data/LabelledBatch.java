package dev.bantam.data;

import dev.bantam.model.Batch;

/**
 * A batch with what a model should say about it: an output for each sequence, or for each token
 * that a head of tokens reads. The arrays are owned by the batch; callers do not modify them.
 *
 * @param batch the tokens of the sequences
 * @param labels as in {@link Example}, [outputs]
 * @param targets as in {@link Example}, [outputs]
 * @param rows place of each output among those of the list that was cut into batches, whose
 *     examples have {@link TokenizedExample#outputs} each, one after the other, [outputs]
 */
@SuppressWarnings("ArrayRecordComponent") // written once, read in hot loops
public record LabelledBatch(Batch batch, int[] labels, float[] targets, int[] rows) {
  public LabelledBatch {
    final int n = labels.length;
    if (targets.length != n
        || rows.length != n
        || (n != batch.sequences() && n != batch.read().length)) {
      throw new IllegalArgumentException(
          batch.sequences()
              + " sequences with "
              + n
              + " labels, "
              + targets.length
              + " targets and "
              + rows.length
              + " rows");
    }
  }
}
