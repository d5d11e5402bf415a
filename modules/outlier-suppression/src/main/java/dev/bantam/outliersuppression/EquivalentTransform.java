package dev.bantam.outliersuppression;

import java.util.Arrays;

/**
 * Shifts and scales the channels of an activation, {@code x' = (x - shift) / scale}, and takes it
 * back in everything that reads it, so that the model computes what it did (Wei et al. 2023,
 * Outlier Suppression+, equations 3 and 4).
 *
 * <p>Sums are accumulated in double.
 *
 * @param shift z, one number a channel
 * @param scale s, one number a channel, not 0
 */
@SuppressWarnings("ArrayRecordComponent") // made once per site, read in loops
record EquivalentTransform(float[] shift, float[] scale) {
  EquivalentTransform {
    if (shift.length != scale.length) {
      throw new IllegalArgumentException("shift and scale differ in length");
    }
    for (int j = 0; j < scale.length; j++) {
      if (scale[j] == 0 || !Float.isFinite(scale[j]) || !Float.isFinite(shift[j])) {
        throw new IllegalArgumentException(
            "Channel " + j + " has shift " + shift[j] + " and scale " + scale[j]);
      }
    }
  }

  /** The transform that shifts only. */
  static EquivalentTransform ofShift(float[] shift) {
    final float[] ones = new float[shift.length];
    Arrays.fill(ones, 1f);
    return new EquivalentTransform(shift, ones);
  }

  /** Channels. */
  int channels() {
    return scale.length;
  }

  /** The transform itself, on rows of channels. */
  void apply(float[] x, int rows) {
    final int n = channels();
    for (int row = 0; row < rows * n; row += n) {
      for (int j = 0; j < n; j++) {
        x[row + j] = (x[row + j] - shift[j]) / scale[j];
      }
    }
  }

  /** Into whatever multiplies with gamma and adds beta last: {@code gamma / s, (beta - z) / s}. */
  void intoLayerNorm(float[] gamma, float[] beta) {
    for (int j = 0; j < gamma.length; j++) {
      gamma[j] = gamma[j] / scale[j];
      beta[j] = (beta[j] - shift[j]) / scale[j];
    }
  }

  /** Into a linear layer that gives the activation: its row j is divided by {@code s_j}. */
  void intoProducer(float[] weight, int inputs, float[] bias) {
    for (int j = 0; j < bias.length; j++) {
      for (int i = j * inputs; i < (j + 1) * inputs; i++) {
        weight[i] = weight[i] / scale[j];
      }
      bias[j] = (bias[j] - shift[j]) / scale[j];
    }
  }

  /**
   * Into a linear layer that reads the activation: {@code b + W z} with the weight as it was, then
   * {@code W[:, j] s_j}.
   *
   * @param weight [bias.length, channels], changed
   */
  void intoConsumer(float[] weight, float[] bias) {
    final int n = channels();
    for (int o = 0; o < bias.length; o++) {
      double sum = 0;
      for (int j = 0; j < n; j++) {
        sum += (double) weight[o * n + j] * shift[j];
        weight[o * n + j] = weight[o * n + j] * scale[j];
      }
      bias[o] = (float) (bias[o] + sum);
    }
  }

  /** Channels whose scale is not 1. */
  int scaled() {
    int count = 0;
    for (float s : scale) {
      count += s == 1f ? 0 : 1;
    }
    return count;
  }
}
