package dev.bantam.pruning;

import dev.bantam.compression.Cholesky;
import dev.bantam.compression.LayerHessian;

/**
 * The weights of a row that make {@code 1/2 dw^T H dw} least when others are zero, all at once:
 * where removing these one after the other ends, too.
 */
final class KeptWeights {
  private final LayerHessian hessian;
  private final double[] inverse;
  private final double[] matrix;
  private final double[] vector;
  private final int[] kept;
  private final int[] zero;

  /**
   * @param inverse of H, both triangles; not modified
   */
  KeptWeights(LayerHessian hessian, double[] inverse) {
    final int n = hessian.size();
    this.hessian = hessian;
    this.inverse = inverse;
    this.matrix = new double[n * n];
    this.vector = new double[n];
    this.kept = new int[n];
    this.zero = new int[n];
  }

  /** Bytes on the heap. */
  static long heapBytes(long n) {
    return n * n * Double.BYTES;
  }

  /**
   * Moves a row.
   *
   * @param w in: the row before, from position {@code at}; zero where weights were gone already;
   *     out: the row after
   * @param stays weights that are not zero afterwards, at the same positions
   * @throws ArithmeticException if H is not positive definite
   */
  void move(float[] w, int at, boolean[] stays) {
    final int n = hessian.size();
    int k = 0;
    int p = 0;
    for (int i = 0; i < n; i++) {
      if (stays[at + i]) {
        kept[k++] = i;
      } else {
        zero[p++] = i;
      }
    }
    if (k < p) {
      throughKept(w, at, k, p);
    } else {
      throughZeros(w, at, k, p);
    }
    for (int i = 0; i < p; i++) {
      w[at + zero[i]] = 0f;
    }
  }

  /** {@code w_K + (H_KK)^-1 H_KP w_P}. */
  private void throughKept(float[] w, int at, int k, int p) {
    for (int a = 0; a < k; a++) {
      for (int b = a; b < k; b++) {
        matrix[a * k + b] = hessian.at(kept[a], kept[b]);
      }
      double sum = 0;
      for (int b = 0; b < p; b++) {
        sum += w[at + zero[b]] == 0 ? 0 : hessian.at(kept[a], zero[b]) * w[at + zero[b]];
      }
      vector[a] = sum;
    }
    solve(k);
    for (int a = 0; a < k; a++) {
      w[at + kept[a]] = (float) (w[at + kept[a]] + vector[a]);
    }
  }

  /** {@code w_K - (H^-1)_KP ((H^-1)_PP)^-1 w_P}. */
  private void throughZeros(float[] w, int at, int k, int p) {
    final int n = hessian.size();
    for (int a = 0; a < p; a++) {
      for (int b = a; b < p; b++) {
        matrix[a * p + b] = inverse[zero[a] * n + zero[b]];
      }
      vector[a] = w[at + zero[a]];
    }
    solve(p);
    for (int a = 0; a < k; a++) {
      double sum = 0;
      for (int b = 0; b < p; b++) {
        sum += inverse[kept[a] * n + zero[b]] * vector[b];
      }
      w[at + kept[a]] = (float) (w[at + kept[a]] - sum);
    }
  }

  private void solve(int size) {
    if (!Cholesky.factor(matrix, size)) {
      throw new ArithmeticException("not positive definite");
    }
    Cholesky.solve(matrix, size, vector);
  }
}
