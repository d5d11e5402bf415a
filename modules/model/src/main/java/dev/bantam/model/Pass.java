package dev.bantam.model;

import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.Seeds;
import dev.bantam.tensor.Workers;

/**
 * One run of a batch through the encoder: the shape of the work and the memory of the workers.
 *
 * @param hooks what this pass does at sites
 * @param firstScore where the attention probabilities of each sequence start, in units of one head
 */
@SuppressWarnings("ArrayRecordComponent") // made once per pass, read in hot loops
record Pass(
    Batch batch,
    Shards shards,
    int[] firstScore,
    Workers workers,
    Scratch[] scratch,
    Kernels kernels,
    boolean keep,
    Dropout dropout,
    Hooks hooks) {

  /**
   * Dropout of a training pass.
   *
   * @param rate share dropped, 0 for none
   * @param seed of this step
   */
  record Dropout(float rate, long seed) {
    static final Dropout NONE = new Dropout(0f, 0L);

    boolean active() {
      return rate > 0f;
    }

    /** Seed of one site. */
    int at(int layer, int site) {
      return Seeds.mix(seed, layer * 8L + site);
    }
  }

  /** The same pass with other hooks. */
  Pass with(Hooks others) {
    return new Pass(batch, shards, firstScore, workers, scratch, kernels, keep, dropout, others);
  }

  /** Runs a body on the tiles of rows that one part of a shard has of a row-wise stage. */
  void rows(int shard, int part, int columns, RowBody body) {
    final int first = shards.firstRow(shard);
    final int count = shards.endRow(shard) - first;
    final int end = first + Shards.share(count, part + 1, shards.parts());
    final int step = Scratch.tileRows(columns);
    for (int row = first + Shards.share(count, part, shards.parts()); row < end; row += step) {
      body.run(row, Math.min(step, end - row));
    }
  }

  /** Work on some whole rows. */
  @FunctionalInterface
  interface RowBody {
    void run(int row, int rows);
  }

  static int[] scoreOffsets(Batch batch) {
    final int[] from = new int[batch.sequences() + 1];
    for (int s = 0; s < batch.sequences(); s++) {
      from[s + 1] = Math.addExact(from[s], Math.multiplyExact(batch.length(s), batch.length(s)));
    }
    return from;
  }
}
