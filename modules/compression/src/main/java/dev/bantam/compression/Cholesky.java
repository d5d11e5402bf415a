package dev.bantam.compression;

/**
 * Factors of small symmetric positive definite matrices in float64, {@code A = U^T U} with U upper
 * triangular, and what follows from them. Matrices are [n, n] row-major; of symmetric ones the
 * upper triangle is read. Inner loops run along rows.
 */
public final class Cholesky {
  private Cholesky() {}

  /**
   * Replaces the upper triangle of A by U.
   *
   * @return whether A is positive definite; if not, its content is lost
   */
  public static boolean factor(double[] a, int n) {
    for (int j = 0; j < n; j++) {
      final int row = j * n;
      final double pivot = a[row + j];
      if (!(pivot > 0 && pivot < Double.POSITIVE_INFINITY)) { // NaN does not pass
        return false;
      }
      final double root = Math.sqrt(pivot);
      a[row + j] = root;
      for (int k = j + 1; k < n; k++) {
        a[row + k] /= root;
      }
      for (int i = j + 1; i < n; i++) {
        final double factor = a[row + i];
        for (int k = i; k < n; k++) {
          a[i * n + k] -= factor * a[row + k];
        }
      }
    }
    return true;
  }

  /**
   * The inverse of U, upper triangular.
   *
   * @param u as {@link #factor} left it
   * @param v out: its upper triangle is written, nothing else
   */
  public static void invert(double[] u, int n, double[] v) {
    for (int i = n - 1; i >= 0; i--) {
      final int row = i * n;
      for (int k = i + 1; k < n; k++) {
        v[row + k] = 0;
      }
      for (int j = i + 1; j < n; j++) {
        final double factor = u[row + j];
        for (int k = j; k < n; k++) {
          v[row + k] -= factor * v[j * n + k];
        }
      }
      final double pivot = u[row + i];
      v[row + i] = 1 / pivot;
      for (int k = i + 1; k < n; k++) {
        v[row + k] /= pivot;
      }
    }
  }

  /** Element (i, j) of the inverse of A, {@code sum over k of V[i,k] V[j,k]}. */
  public static double inverseElement(double[] v, int n, int i, int j) {
    double sum = 0;
    for (int k = Math.max(i, j); k < n; k++) {
      sum += v[i * n + k] * v[j * n + k];
    }
    return sum;
  }

  /**
   * Solves {@code A x = b}.
   *
   * @param u as {@link #factor} left it
   * @param b in: right side; out: x; [n]
   */
  public static void solve(double[] u, int n, double[] b) {
    for (int j = 0; j < n; j++) {
      b[j] /= u[j * n + j];
      final double y = b[j];
      for (int k = j + 1; k < n; k++) {
        b[k] -= u[j * n + k] * y;
      }
    }
    for (int j = n - 1; j >= 0; j--) {
      double sum = b[j];
      for (int k = j + 1; k < n; k++) {
        sum -= u[j * n + k] * b[k];
      }
      b[j] = sum / u[j * n + j];
    }
  }
}
