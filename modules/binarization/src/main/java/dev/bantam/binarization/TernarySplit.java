package dev.bantam.binarization;

import java.util.Arrays;

/**
 * Ternary weight splitting (BinaryBERT, Bai et al. 2021, equations 4 to 7): two binary matrices
 * from one that was trained ternary, so that a network of twice the width begins where the ternary
 * one ended:
 *
 * <pre>
 * w1 + w2 = w,   mean|w1| sign(w1) + mean|w2| sign(w2) = ternary(w),   mean|w1| = mean|w2|
 * </pre>
 *
 * With I the weights above the ternary threshold, J the positive and K the other ones below it, and
 * sums over magnitudes, {@code a = (sum I + sum K - sum J) / (2 sum I)}, {@code b = (n sum I / |I|
 * - sum) / (2 (|J| + |K|))}; w1 is {@code a w} on I, {@code w + b} on J, {@code b} on K. In double,
 * as the published code.
 */
public final class TernarySplit {
  private static final double THRESHOLD = 0.7;

  private TernarySplit() {}

  /**
   * Splits what shares one ternary scale: a matrix, or one row of a word table.
   *
   * @param w latent ternary weights; not modified
   * @return w1 and w2
   * @throws IllegalArgumentException if no weight is 0 in the ternary form, if none is left, or if
   *     a is not between 0 and 1: then no such pair exists
   */
  public static float[][] of(float[] w) {
    final double threshold =
        THRESHOLD * Arrays.stream(toDouble(w)).map(Math::abs).average().orElse(0);
    double kept = 0;
    double positive = 0;
    double rest = 0;
    long count = 0;
    for (float x : w) {
      if (Math.abs(x) > threshold) {
        kept += Math.abs(x);
        count++;
      } else if (x > 0) {
        positive += x;
      } else {
        rest -= x;
      }
    }
    if (count == 0 || count == w.length) {
      throw new IllegalArgumentException(
          count
              + " of "
              + w.length
              + " weights are beyond the ternary threshold. A split needs some that are and some"
              + " that are not.");
    }
    final double a = (kept + rest - positive) / (2 * kept);
    if (!(a > 0 && a < 1)) {
      throw new IllegalArgumentException(
          "Weights below the ternary threshold sum to "
              + positive
              + " (positive) and "
              + -rest
              + " (negative), those beyond it to "
              + kept
              + " in magnitude. That would split them at a = "
              + a
              + ", and signs of both parts agree only between 0 and 1.");
    }
    final double b =
        (w.length * kept / count - (kept + positive + rest)) / (2.0 * (w.length - count));
    final float[] first = new float[w.length];
    final float[] second = new float[w.length];
    for (int i = 0; i < w.length; i++) {
      final double one = Math.abs(w[i]) > threshold ? a * w[i] : w[i] > 0 ? w[i] + b : b;
      final double two = Math.abs(w[i]) > threshold ? (1 - a) * w[i] : w[i] > 0 ? -b : w[i] - b;
      first[i] = (float) one;
      second[i] = (float) two;
    }
    return new float[][] {first, second};
  }

  private static double[] toDouble(float[] w) {
    final double[] values = new double[w.length];
    Arrays.setAll(values, i -> w[i]);
    return values;
  }
}
