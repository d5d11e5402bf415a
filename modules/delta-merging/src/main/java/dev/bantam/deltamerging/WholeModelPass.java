package dev.bantam.deltamerging;

import dev.bantam.deltamerging.Magnitudes.Counter;
import dev.bantam.deltamerging.WholeModelTies.NoMajority;

/**
 * The passes over all deltas that TIES over the whole model needs: upper halves of the magnitudes,
 * lower halves, signs. Memory does not grow with the model. Not thread-safe; the order of tensors
 * does not matter.
 */
final class WholeModelPass {
  private final Counter[] counters;
  private final long[] dropped;
  private final int[] thresholds;
  private long length;
  private long balance;

  WholeModelPass(int models) {
    counters = new Counter[models];
    java.util.Arrays.setAll(counters, t -> new Counter());
    dropped = new long[models];
    thresholds = new int[models];
  }

  /** First pass, over every tensor. */
  void addUpper(float[][] deltas) {
    length += deltas[0].length;
    for (int t = 0; t < deltas.length; t++) {
      counters[t].addUpper(deltas[t]);
    }
  }

  /**
   * After the first pass.
   *
   * @param density share to keep, per model
   */
  void choose(double[] density, NoMajority rule) {
    for (int t = 0; t < counters.length; t++) {
      dropped[t] =
          rule == NoMajority.KEEP_NONE
              ? (long) (length * (1 - density[t])) // MergeLM: int(n * rate)
              : length - (long) (length * density[t]); // the authors: n - int(n * K)
      counters[t].choose(WholeModelTies.rank(length, dropped[t]));
    }
  }

  /** Second pass. */
  void addLower(float[][] deltas) {
    for (int t = 0; t < deltas.length; t++) {
      counters[t].addLower(deltas[t]);
    }
  }

  /** After the second pass. */
  void chooseThresholds() {
    for (int t = 0; t < counters.length; t++) {
      thresholds[t] =
          dropped[t] == 0 ? 0 : counters[t].cut(WholeModelTies.rank(length, dropped[t])).bits();
    }
  }

  /**
   * Third pass.
   *
   * @param deltas trimmed by this
   */
  void addSigns(float[][] deltas) {
    for (int t = 0; t < deltas.length; t++) {
      WholeModelTies.trim(deltas[t], thresholds[t]);
    }
    balance += WholeModelTies.signs(deltas);
  }

  WholeModel finish(NoMajority rule) {
    return new WholeModel(thresholds.clone(), Long.signum(balance), rule);
  }
}
