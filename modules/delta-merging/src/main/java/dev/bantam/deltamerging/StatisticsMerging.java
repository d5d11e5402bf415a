package dev.bantam.deltamerging;

import dev.bantam.compression.Cholesky;

/** Methods that weigh the models' parameters by statistics of the data each was trained on. */
final class StatisticsMerging {
  private StatisticsMerging() {}

  /**
   * Fisher merging (Matena and Raffel 2022): {@code sum_t lambda_t F_t theta_t / sum_t lambda_t
   * F_t} with diagonal Fisher information.
   *
   * @param models the first receives the result
   * @param fisher as {@code models}, not negative
   * @param lambda one per model
   * @param floor added to every Fisher value; where all are zero the mean weighed by lambda is left
   */
  static void fisher(
      float[][] models, float[][] fisher, double[] lambda, double floor, Precision precision) {
    final float[] out = models[0];
    for (int i = 0; i < out.length; i++) {
      double sum = 0;
      double weights = 0;
      for (int t = 0; t < models.length; t++) {
        final double w = lambda[t] * (fisher[t][i] + floor);
        sum += w * models[t][i];
        weights += w;
      }
      out[i] = precision.round((float) (sum / weights));
    }
  }

  /**
   * Divides each coefficient by the norm of all Fisher values of its model, and all by their sum.
   *
   * @param lambda in and out
   * @param norms L2 norms over all merged parameters
   */
  static void normalize(double[] lambda, double[] norms) {
    double sum = 0;
    for (int t = 0; t < lambda.length; t++) {
      sum += 1 / (norms[t] + 1e-6);
    }
    for (int t = 0; t < lambda.length; t++) {
      lambda[t] *= 1 / (norms[t] + 1e-6) / sum;
    }
  }

  /**
   * RegMean (Jin et al. 2023): {@code W = (sum_t G_t)^-1 sum_t G_t W_t} for W as [in, out], with
   * the elements of G beside its diagonal multiplied by {@code shrink}. Solved in double.
   *
   * @param models [out x in]; the first receives the result
   * @param grams {@code X^T X / rows}, [in x in]
   * @param shrink in [0, 1]
   * @return whether the sum could be factored; if not, nothing was written
   */
  static boolean regmean(
      float[][] models, float[][] grams, int in, double shrink, Precision precision) {
    final double[] sum = new double[Math.multiplyExact(in, in)];
    for (float[] gram : grams) {
      for (int r = 0, i = 0; r < in; r++) {
        for (int c = 0; c < in; c++, i++) {
          sum[i] += r == c ? gram[i] : shrink * gram[i];
        }
      }
    }
    if (!Cholesky.factor(sum, in)) {
      return false;
    }
    final double[] right = new double[in];
    for (int from = 0; from < models[0].length; from += in) {
      java.util.Arrays.fill(right, 0);
      for (int t = 0; t < models.length; t++) {
        addProduct(grams[t], in, shrink, models[t], from, right);
      }
      Cholesky.solve(sum, in, right);
      for (int i = 0; i < in; i++) {
        models[0][from + i] = precision.round((float) right[i]);
      }
    }
    return true;
  }

  /** {@code sum += G w}, with G symmetric. */
  private static void addProduct(
      float[] gram, int in, double shrink, float[] w, int from, double[] sum) {
    for (int r = 0; r < in; r++) {
      final double v = w[from + r];
      final int row = r * in;
      for (int c = 0; c < in; c++) {
        sum[c] += shrink * gram[row + c] * v;
      }
      sum[r] += (1 - shrink) * gram[row + r] * v;
    }
  }
}
