package dev.bantam.training.hessian;

import dev.bantam.tensor.Seeds;
import java.util.List;
import java.util.Random;

/** Arithmetic on vectors of doubles, in a fixed order. */
final class Vectors {
  private Vectors() {}

  static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  static double norm(double[] a) {
    return Math.sqrt(dot(a, a));
  }

  /** {@code y += factor * x}. */
  static void add(double factor, double[] x, double[] y) {
    for (int i = 0; i < x.length; i++) {
      y[i] += factor * x[i];
    }
  }

  static void scale(double factor, double[] x) {
    for (int i = 0; i < x.length; i++) {
      x[i] *= factor;
    }
  }

  /** Takes the parts along orthonormal vectors out of {@code x}, twice, so that rounding is too. */
  static void orthogonalise(double[] x, List<double[]> basis) {
    for (int pass = 0; pass < 2; pass++) {
      for (double[] b : basis) {
        add(-dot(b, x), b, x);
      }
    }
  }

  /** Independent standard normal elements. */
  static double[] normal(int n, long seed) {
    final Random random = new Random(seed);
    final double[] v = new double[n];
    for (int i = 0; i < n; i++) {
      v[i] = random.nextGaussian();
    }
    return v;
  }

  /**
   * Element {@code i} of a Rademacher vector: 1 or -1 with equal chance, the same whenever asked.
   */
  static int sign(long seed, int i) {
    return (Seeds.mix(seed, i >> 5) >>> (i & 31) & 1) == 0 ? 1 : -1;
  }
}
