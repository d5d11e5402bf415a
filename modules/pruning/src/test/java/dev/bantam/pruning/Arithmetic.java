package dev.bantam.pruning;

import dev.bantam.compression.LayerHessian;
import dev.bantam.compression.SecondMoments;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Random;

/** Plain double arithmetic of the tests, and samples. */
final class Arithmetic {
  private Arithmetic() {}

  static double[][] inverse(double[][] a) {
    final int n = a.length;
    final double[][] left = new double[n][];
    final double[][] right = new double[n][n];
    for (int i = 0; i < n; i++) {
      left[i] = a[i].clone();
      right[i][i] = 1;
    }
    for (int c = 0; c < n; c++) {
      int pivot = c;
      for (int r = c; r < n; r++) {
        pivot = Math.abs(left[r][c]) > Math.abs(left[pivot][c]) ? r : pivot;
      }
      swap(left, c, pivot);
      swap(right, c, pivot);
      final double d = left[c][c];
      for (int j = 0; j < n; j++) {
        left[c][j] /= d;
        right[c][j] /= d;
      }
      for (int r = 0; r < n; r++) {
        final double f = left[r][c];
        for (int j = 0; j < n && r != c; j++) {
          left[r][j] -= f * left[c][j];
          right[r][j] -= f * right[c][j];
        }
      }
    }
    return right;
  }

  private static void swap(double[][] rows, int a, int b) {
    final double[] row = rows[a];
    rows[a] = rows[b];
    rows[b] = row;
  }

  /** Rows and columns of a matrix. */
  static double[][] part(double[][] a, int... of) {
    final double[][] part = new double[of.length][of.length];
    for (int i = 0; i < of.length; i++) {
      for (int j = 0; j < of.length; j++) {
        part[i][j] = a[of[i]][of[j]];
      }
    }
    return part;
  }

  static double quadratic(double[][] h, double[] d) {
    double sum = 0;
    for (int i = 0; i < d.length; i++) {
      for (int j = 0; j < d.length; j++) {
        sum += d[i] * h[i][j] * d[j];
      }
    }
    return sum / 2;
  }

  /** Rows that depend on each other, column {@code dead} zero if it is not negative. */
  static float[] rows(int count, int n, int dead, long seed) {
    final Random random = new Random(seed);
    final float[] x = new float[count * n];
    for (int r = 0; r < count; r++) {
      final double common = random.nextGaussian();
      for (int c = 0; c < n; c++) {
        final double value = (1 + c % 3) * (common + random.nextGaussian());
        x[r * n + c] = c == dead ? 0f : (float) value;
      }
    }
    return x;
  }

  static float[] gaussian(int n, long seed) {
    final Random random = new Random(seed);
    final float[] w = new float[n];
    for (int i = 0; i < n; i++) {
      w[i] = (float) random.nextGaussian();
    }
    return w;
  }

  /** H of the product's own sums. */
  static SecondMoments moments(float[] x, int n, int texts) {
    try (Workers workers = new Workers(2);
        SecondMoments moments = new SecondMoments(n, workers)) {
      moments.add(Floats.of(Floats.tensor(x, x.length / n, n)), x.length / n, texts);
      return moments;
    }
  }

  /** {@code 2 X^T X} in double, dead columns and dampening as published. */
  static double[][] hessian(float[] x, int n, double dampening) {
    final double[][] h = new double[n][n];
    for (int r = 0; r < x.length / n; r++) {
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          h[i][j] += 2.0 * x[r * n + i] * x[r * n + j];
        }
      }
    }
    double mean = 0;
    for (int i = 0; i < n; i++) {
      h[i][i] = h[i][i] == 0 ? 1 : h[i][i];
      mean += h[i][i] / n;
    }
    for (int i = 0; i < n; i++) {
      h[i][i] += dampening * mean;
    }
    return h;
  }

  static LayerHessian layer(float[] x, int n, double dampening) {
    return LayerHessian.of(moments(x, n, 1), dampening, false);
  }

  static boolean[] all(int n) {
    final boolean[] all = new boolean[n];
    java.util.Arrays.fill(all, true);
    return all;
  }
}
