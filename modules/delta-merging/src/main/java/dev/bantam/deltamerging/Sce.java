package dev.bantam.deltamerging;

import java.util.Arrays;

/**
 * SCE (Wan et al. 2024): selects the elements whose deltas vary most over the models, weighs each
 * model by its mean squared selected delta, erases what disagrees with the sign of the sum, and
 * averages.
 */
final class Sce {
  private Sce() {}

  /**
   * Sets to zero, in all deltas, everything but the {@code floor(share * number of non-zero
   * variances)} elements of largest population variance; of equal ones the first go in.
   *
   * @param deltas in and out
   */
  static void select(float[][] deltas, double share) {
    if (share >= 1) {
      return;
    }
    final float[] variance = variances(deltas);
    int varying = 0;
    for (float v : variance) {
      varying += v == 0 ? 0 : 1;
    }
    // the product in float, as in the reference
    final int keep = share <= 0 ? 0 : (int) (varying * (float) share);
    Magnitudes.keepRanks(variance, 0, keep);
    for (float[] delta : deltas) {
      for (int i = 0; i < delta.length; i++) {
        delta[i] = variance[i] == 0 ? 0f : delta[i];
      }
    }
  }

  /** Population variance over the models, element by element. */
  static float[] variances(float[][] deltas) {
    final float[] variance = new float[deltas[0].length];
    for (int i = 0; i < variance.length; i++) {
      double mean = 0;
      double squares = 0; // Welford: equal values give exactly 0
      for (int t = 0; t < deltas.length; t++) {
        final double difference = deltas[t][i] - mean;
        mean += difference / (t + 1);
        squares += difference * (deltas[t][i] - mean);
      }
      variance[i] = (float) (squares / deltas.length);
    }
    return variance;
  }

  /**
   * {@code base += sum w delta / max(sum w, 1e-6)} over what agrees with the sign of the sum.
   *
   * @param base in: theta_0; out: the merged tensor
   * @param deltas after the selection
   */
  static void merge(float[] base, float[][] deltas, Precision precision) {
    final double[] weights = weights(deltas);
    for (int i = 0; i < base.length; i++) {
      double mass = 0;
      for (float[] delta : deltas) {
        mass += delta[i];
      }
      double sum = 0;
      double divisor = 0;
      for (int t = 0; t < deltas.length; t++) {
        final float v = deltas[t][i];
        if (mass >= 0 ? v > 0 : v < 0) {
          sum += weights[t] * v;
          divisor += weights[t];
        }
      }
      base[i] = precision.round((float) (base[i] + sum / Math.max(divisor, 1e-6)));
    }
  }

  private static double[] weights(float[][] deltas) {
    final double[] weights = new double[deltas.length];
    double total = 0;
    for (int t = 0; t < deltas.length; t++) {
      for (float v : deltas[t]) {
        weights[t] += (double) v * v;
      }
      weights[t] /= deltas[t].length;
      total += weights[t];
    }
    if (total < 1e-6) {
      Arrays.fill(weights, 1.0 / deltas.length);
    } else {
      for (int t = 0; t < deltas.length; t++) {
        weights[t] /= total;
      }
    }
    return weights;
  }
}
