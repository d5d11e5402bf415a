package dev.bantam.deltamerging;

import dev.bantam.deltamerging.WholeModelTies.NoMajority;
import dev.bantam.deltamerging.WholeModelTies.Reduction;

/**
 * What TIES over the whole model knows after its passes over all deltas.
 *
 * @param thresholds float bits of the smallest magnitude kept, per model
 * @param majority sign of the sum of all signs
 * @param noMajority the rule for elements whose sum is zero
 */
@SuppressWarnings("ArrayRecordComponent") // handed through, compared nowhere
record WholeModel(int[] thresholds, int majority, NoMajority noMajority) {

  /**
   * @param base in: theta_0; out: the merged tensor
   * @param deltas overwritten
   */
  void merge(float[] base, float[][] deltas, float lambda, Precision precision) {
    for (int t = 0; t < deltas.length; t++) {
      WholeModelTies.trim(deltas[t], thresholds[t]);
    }
    final float[] tau = WholeModelTies.elect(deltas, majority);
    WholeModelTies.reduce(deltas, tau, noMajority, Reduction.MEAN);
    for (int i = 0; i < base.length; i++) {
      base[i] = precision.round(base[i] + precision.round(lambda * precision.round(tau[i])));
    }
  }
}
