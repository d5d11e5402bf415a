package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;

/** Which row of the position table each token of a batch has. */
final class PositionIds {
  private PositionIds() {}

  /** Of a batch, as it says itself or as the architecture says. */
  static int[] of(Architecture architecture, Batch batch) {
    if (batch.positionIds().length > 0) {
      return batch.positionIds();
    }
    return switch (architecture.positionScheme()) {
      case LEARNED -> batch.positions();
      case LEARNED_AFTER_PADDING -> {
        final int[] rows = new int[batch.tokens()];
        for (int s = 0; s < batch.sequences(); s++) {
          afterPadding(
              batch.ids(),
              batch.offsets()[s],
              batch.offsets()[s + 1],
              architecture.padTokenId(),
              rows);
        }
        yield rows;
      }
    };
  }

  /** Of a whole row, padding and masked tokens included. */
  static int[] of(Architecture architecture, int[] row) {
    final int[] rows = new int[row.length];
    switch (architecture.positionScheme()) {
      case LEARNED -> {
        for (int t = 0; t < row.length; t++) {
          rows[t] = t;
        }
      }
      case LEARNED_AFTER_PADDING ->
          afterPadding(row, 0, row.length, architecture.padTokenId(), rows);
    }
    return rows;
  }

  private static void afterPadding(int[] ids, int from, int to, int pad, int[] rows) {
    int count = 0;
    for (int t = from; t < to; t++) {
      count += ids[t] == pad ? 0 : 1;
      rows[t] = ids[t] == pad ? pad : pad + count;
    }
  }
}
