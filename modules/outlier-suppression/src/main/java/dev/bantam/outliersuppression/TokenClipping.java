package dev.bantam.outliersuppression;

import java.util.function.DoubleUnaryOperator;

/**
 * The coarse stage of token-wise clipping (Wei et al. 2022): one share of tokens for all
 * activations of a model, chosen by the error of its outputs.
 */
final class TokenClipping {
  private TokenClipping() {}

  /** Shares {@code 1, 1 - step, 1 - 2 step, ...}, so many of them. */
  static double[] shares(double step, int count) {
    final double[] shares = new double[count];
    for (int i = 0; i < count; i++) {
      shares[i] = 1 - step * i;
    }
    return shares;
  }

  /**
   * The share of least loss, the first and largest of equals.
   *
   * @param loss of the model whose activations are cut at a share of {@link
   *     BatchRange#tokenQuantile}
   */
  static double best(double[] shares, DoubleUnaryOperator loss) {
    double best = shares[0];
    double least = Double.POSITIVE_INFINITY;
    for (double share : shares) {
      final double value = loss.applyAsDouble(share);
      if (value < least) {
        least = value;
        best = share;
      }
    }
    return best;
  }
}
