package dev.bantam.deltamerging;

import dev.bantam.checkpoint.Progress;
import java.util.Arrays;
import java.util.List;

/**
 * Looks at the deltas of a merge that drops at random, and warns where they are too large for it.
 * Safe for use by several threads.
 */
final class DeltaWatch {
  /** From this length on, a part of the elements is looked at. */
  private static final int SAMPLED = 1 << 16;

  /** It is every so many-th. */
  private static final int STRIDE = 61;

  private final List<SourceModel> models;
  private final DeltaStatistics[] deltas;

  DeltaWatch(List<SourceModel> models) {
    this.models = models;
    this.deltas = new DeltaStatistics[models.size()];
    Arrays.setAll(deltas, t -> new DeltaStatistics());
  }

  /**
   * Adds a tensor.
   *
   * @param tensors of all models, and last the base's; not modified
   */
  void add(float[][] tensors) {
    final float[] origin = tensors[models.size()];
    for (int t = 0; t < models.size(); t++) {
      final DeltaStatistics own = new DeltaStatistics();
      own.add(origin, tensors[t], origin.length < SAMPLED ? 1 : STRIDE);
      synchronized (deltas[t]) {
        deltas[t].add(own);
      }
    }
  }

  /** The sums behind the ratio depend on the order in the last digits; they decide nothing. */
  void warn(Progress progress) {
    for (int t = 0; t < deltas.length; t++) {
      if (deltas[t].tooLargeToDrop()) {
        progress.message(
            "Warning: the deltas of "
                + models.get(t).name()
                + " are large ("
                + deltas[t]
                + "). Dropping at random is known to fail for models trained far from their base;"
                + " was it fine-tuned from this one? Else choose a density near 1, or 'ties'.");
      }
    }
  }
}
