package dev.bantam.deltamerging;

/**
 * RAM (reinforced agent merging): an element that one model alone has changed is taken from it, one
 * that several have changed is their mean. RAM+ scales the former by {@code 1 + r clip(rho, 0,
 * alpha)} with rho the model's number of shared elements over that of its own ones, in this tensor.
 */
final class Reinforced {
  private Reinforced() {}

  /** Factors of 1 for all models. */
  static float[] plain(int models) {
    final float[] ones = new float[models];
    java.util.Arrays.fill(ones, 1f);
    return ones;
  }

  /**
   * The factors of RAM+.
   *
   * @param threshold deltas of at most this magnitude count as no change
   */
  static float[] plus(float[][] deltas, double threshold, double r, double alpha) {
    final long[] own = new long[deltas.length];
    final long[] shared = new long[deltas.length];
    for (int i = 0; i < deltas[0].length; i++) {
      final int changed = changed(deltas, i, threshold);
      for (int t = 0; t < deltas.length; t++) {
        if (Math.abs(deltas[t][i]) > threshold) {
          if (changed == 1) {
            own[t]++;
          } else {
            shared[t]++;
          }
        }
      }
    }
    final float[] factors = new float[deltas.length];
    for (int t = 0; t < factors.length; t++) {
      final double rho = own[t] == 0 ? 0 : (double) shared[t] / own[t]; // without own ones unused
      factors[t] = (float) (1 + r * Math.max(0, Math.min(alpha, rho)));
    }
    return factors;
  }

  private static int changed(float[][] deltas, int i, double threshold) {
    int count = 0;
    for (float[] delta : deltas) {
      count += Math.abs(delta[i]) > threshold ? 1 : 0;
    }
    return count;
  }

  /**
   * @param base in: theta_0; out: the merged tensor
   * @param factors one per model
   */
  static void merge(
      float[] base, float[][] deltas, float[] factors, double threshold, Precision precision) {
    for (int i = 0; i < base.length; i++) {
      final int changed = changed(deltas, i, threshold);
      double sum = 0;
      for (int t = 0; t < deltas.length; t++) {
        if (Math.abs(deltas[t][i]) > threshold) {
          sum += changed == 1 ? (double) factors[t] * deltas[t][i] : deltas[t][i];
        }
      }
      base[i] = precision.round(base[i] + (float) (changed == 0 ? 0 : sum / changed));
    }
  }
}
