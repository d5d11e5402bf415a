package dev.bantam.deltamerging;

import java.util.Arrays;

/**
 * MAGPRUNE of DELLA (Deep et al. 2024): the chance to be kept grows with the rank of the magnitude
 * within a row, {@code kappa_i = d - epsilon + 2 epsilon r_i / (n - 1)}, r from 0 for the smallest.
 * Equal magnitudes rank by index. A row of one element is kept with probability d.
 */
final class Della {
  private Della() {}

  /** What the chances are linear in. */
  enum Scale {
    /** The rank within a row. */
    ROW_RANK,
    /** The rank within the tensor. */
    TENSOR_RANK,
    /** The magnitude itself, from the smallest to the largest of a row. */
    ROW_MAGNITUDE
  }

  /** Whether {@code 0 < d - epsilon} and {@code d + epsilon < 1}. */
  static boolean isValid(double density, double epsilon) {
    return density - epsilon > 0 && density + epsilon < 1;
  }

  /**
   * The chances of all elements.
   *
   * @param delta [rows x columns], not modified
   * @param columns length of a row
   * @return [rows x columns]
   */
  static float[] keepProbabilities(
      float[] delta, int columns, double density, double epsilon, Scale scale) {
    final float[] kappa = new float[delta.length];
    final int length = scale == Scale.TENSOR_RANK ? delta.length : columns;
    final long[] order = new long[scale == Scale.ROW_MAGNITUDE ? 0 : length];
    for (int from = 0; from < delta.length; from += length) {
      if (scale == Scale.ROW_MAGNITUDE) {
        ofMagnitudes(delta, from, length, density, epsilon, kappa);
      } else {
        ofRanks(delta, from, order, density, epsilon, kappa);
      }
    }
    return kappa;
  }

  private static void ofRanks(
      float[] delta, int from, long[] order, double density, double epsilon, float[] kappa) {
    final int n = order.length;
    for (int i = 0; i < n; i++) {
      order[i] = (long) Float.floatToRawIntBits(Math.abs(delta[from + i])) << 32 | i;
    }
    Arrays.sort(order);
    for (int rank = 0; rank < n; rank++) {
      final double share = n == 1 ? 0.5 : (double) rank / (n - 1);
      kappa[from + (int) order[rank]] = (float) (density - epsilon + 2 * epsilon * share);
    }
  }

  private static void ofMagnitudes(
      float[] delta, int from, int n, double density, double epsilon, float[] kappa) {
    float least = Float.POSITIVE_INFINITY;
    float most = 0;
    for (int i = from; i < from + n; i++) {
      least = Math.min(least, Math.abs(delta[i]));
      most = Math.max(most, Math.abs(delta[i]));
    }
    for (int i = from; i < from + n; i++) {
      final double share = (Math.abs(delta[i]) - least) / (most - least + 1e-7);
      kappa[i] = (float) (density - epsilon + 2 * epsilon * share);
    }
  }

  /**
   * Drops at random.
   *
   * @param delta in and out
   * @param kappa chances to be kept
   * @param divide whether kept elements are divided by their chance, which makes the result
   *     unbiased
   */
  static void drop(float[] delta, float[] kappa, boolean divide, long key, Precision precision) {
    for (int i = 0; i < delta.length; i++) {
      final boolean kept = RandomMask.keeps(key, i, RandomMask.threshold(kappa[i]));
      final float value = divide ? precision.round(delta[i] / kappa[i]) : delta[i];
      delta[i] = kept ? value : 0f;
    }
  }
}
