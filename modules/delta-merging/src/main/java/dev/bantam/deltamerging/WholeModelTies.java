package dev.bantam.deltamerging;

/**
 * TIES over the whole model as one vector (Yadav et al. 2023), in the variants of two programs: one
 * threshold of magnitude per model, signs by mass, and a majority sign for elements whose sum is
 * zero. Needs three passes over the deltas before the merge; each is a sum, so that tensors may
 * come one by one.
 */
final class WholeModelTies {
  /** What is done with elements whose sum is zero while the model has no majority sign. */
  enum NoMajority {
    /** MergeLM: nothing is kept. */
    KEEP_NONE,
    /** The authors' program: the negative entries are kept. */
    KEEP_NEGATIVE
  }

  /** How the entries that agree become one. */
  enum Reduction {
    MEAN,
    SUM,
    /** The largest magnitude, with the elected sign. */
    MAX
  }

  private WholeModelTies() {}

  /**
   * The rank, from 0 by falling magnitude, of the smallest magnitude that is kept; equal ones are
   * kept, too.
   *
   * @param length number of elements of the model
   * @param dropped k; the k-th smallest is the threshold, and for 0 all are kept
   */
  static long rank(long length, long dropped) {
    return length - Math.max(1, dropped);
  }

  /** Sets to zero what is smaller than a magnitude. */
  static void trim(float[] delta, int thresholdBits) {
    for (int i = 0; i < delta.length; i++) {
      if ((Float.floatToRawIntBits(delta[i]) & 0x7fffffff) < thresholdBits) {
        delta[i] = 0f;
      }
    }
  }

  /** Sum of the signs of the sums over the models. */
  static long signs(float[][] trimmed) {
    long balance = 0;
    for (int i = 0; i < trimmed[0].length; i++) {
      balance += sign(trimmed, i);
    }
    return balance;
  }

  private static int sign(float[][] trimmed, int i) {
    double mass = 0;
    for (float[] delta : trimmed) {
      mass += delta[i];
    }
    return (int) Math.signum(mass);
  }

  /** The sign of every element, the majority's where the sum is zero: -1, 0 or 1. */
  static float[] elect(float[][] trimmed, int majority) {
    final float[] signs = new float[trimmed[0].length];
    for (int i = 0; i < signs.length; i++) {
      final int sign = sign(trimmed, i);
      signs[i] = sign == 0 ? majority : sign;
    }
    return signs;
  }

  /**
   * The entries that agree with the elected sign, as one.
   *
   * @param signs in: elected signs; out: tau
   */
  static void reduce(float[][] trimmed, float[] signs, NoMajority noMajority, Reduction reduction) {
    for (int i = 0; i < signs.length; i++) {
      final float elected = signs[i];
      final boolean negative =
          elected < 0 || (elected == 0 && noMajority == NoMajority.KEEP_NEGATIVE);
      double sum = 0;
      float largest = 0;
      int count = 0;
      for (float[] delta : trimmed) {
        final float v = delta[i];
        if (elected > 0 ? v > 0 : negative && v < 0) {
          sum += v;
          largest = Math.max(largest, Math.abs(v));
          count++;
        }
      }
      signs[i] =
          switch (reduction) {
            case MEAN -> (float) (sum / Math.max(1, count));
            case SUM -> (float) sum;
            case MAX -> elected * largest;
          };
    }
  }
}
