package dev.bantam.model;

import java.util.Arrays;

/** Partial sums of a vector's gradient, one per piece of work, added in a fixed order. */
final class Partials {
  private final float[][] sums;
  private final int length;

  Partials(int pieces, int length) {
    this.sums = new float[pieces][];
    this.length = length;
  }

  /** The partial sum of one piece, zeroed on first use of a pass. */
  float[] of(int piece) {
    if (sums[piece] == null) {
      sums[piece] = new float[length];
    }
    return sums[piece];
  }

  /** Adds all pieces in order of their number. */
  float[] total() {
    final double[] total = new double[length];
    for (float[] sum : sums) {
      if (sum != null) {
        for (int i = 0; i < length; i++) {
          total[i] += sum[i];
        }
      }
    }
    final float[] rounded = new float[length];
    for (int i = 0; i < length; i++) {
      rounded[i] = (float) total[i];
    }
    Arrays.fill(sums, null);
    return rounded;
  }
}
