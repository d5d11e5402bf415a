package dev.bantam.outliersuppression;

import java.util.List;

/**
 * Tries scales of one activation and keeps those with which the quantized piece of the model behind
 * it stays closest to what it computes in float32 (Outlier Suppression+, equations 6 and 7).
 */
final class ScaleSearch {
  private ScaleSearch() {}

  /**
   * How a trial is quantized.
   *
   * @param activations codes of the activation
   * @param activationBits their width
   * @param perToken whether each row has its own range; else the threshold's, or the tensor's
   * @param weights codes of the weights
   * @param weightBits their width
   * @param perRow whether each row of the weight has its own range
   */
  record Formats(
      Codes activations,
      int activationBits,
      boolean perToken,
      Codes weights,
      int weightBits,
      boolean perRow) {}

  /** The piece of the model behind the activation. */
  @FunctionalInterface
  interface Piece {
    /**
     * Distance to the output in float32: squared, summed over channels, mean over rows.
     *
     * @param x quantized, [rows, channels]
     * @param weight quantized, [outputs, channels]
     */
    double loss(float[] x, float[] weight);
  }

  /**
   * One trial.
   *
   * @param scale s, one number a channel
   * @param limit the activation's range is from minus this to this; 0 to take what the data gives
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Trial(float[] scale, double limit) {}

  /**
   * Loss of each trial, in order.
   *
   * @param x shifted, [rows, channels]; not modified
   * @param weight of everything that reads x, one below the other, [outputs, channels]; not
   *     modified
   */
  static double[] losses(
      float[] x, float[] weight, List<Trial> trials, Formats formats, Piece piece) {
    final double[] losses = new double[trials.size()];
    final float[] a = new float[x.length];
    final float[] w = new float[weight.length];
    for (int i = 0; i < losses.length; i++) {
      quantized(x, weight, trials.get(i), formats, a, w);
      losses[i] = piece.loss(a, w);
    }
    return losses;
  }

  /** Index of the least loss, the first of equals; -1 if there is none. */
  static int best(double[] losses) {
    int best = -1;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < losses.length; i++) {
      if (losses[i] < least) {
        least = losses[i];
        best = i;
      }
    }
    return best;
  }

  /**
   * {@code Q(x / s)} and {@code Q(W s)}, every operation in float.
   *
   * @param a out
   * @param w out
   */
  static void quantized(
      float[] x, float[] weight, Trial trial, Formats formats, float[] a, float[] w) {
    final float[] s = trial.scale();
    final int n = s.length;
    for (int row = 0; row < x.length; row += n) {
      for (int j = 0; j < n; j++) {
        a[row + j] = x[row + j] / s[j];
      }
    }
    for (int row = 0; row < weight.length; row += n) {
      for (int j = 0; j < n; j++) {
        w[row + j] = weight[row + j] * s[j];
      }
    }
    final int bits = formats.activationBits();
    if (formats.perToken()) {
      FakeQuantization.runs(a, a.length, n, formats.activations(), bits);
    } else {
      final float limit = (float) trial.limit();
      final Range range = limit > 0 ? new Range(-limit, limit) : Range.of(a, 0, a.length);
      formats.activations().of(range, bits).round(a, 0, a.length);
    }
    final int run = formats.perRow() ? n : w.length;
    FakeQuantization.runs(w, w.length, run, formats.weights(), formats.weightBits());
  }
}
