package dev.bantam.compression;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * H of a linear layer's input, made fit to be inverted, and what methods that change one column of
 * its weight after the other need of it (GPTQ and SparseGPT, Frantar et al. 2023): the order in
 * which columns are treated, and U, upper triangular, with {@code H^-1 = U^T U} in that order.
 *
 * <p>A column whose diagonal element is 0 is dead: its input is always zero. It counts with 1, and
 * its weights become zero. Then {@code dampening * mean(diag H)} is added to the diagonal.
 *
 * <p>U is the inverse of the upper triangular R with {@code H = R R^T}, which is found from the
 * last row upwards; H itself is never inverted.
 */
public final class LayerHessian {
  private final SecondMoments moments;
  private final double damp;
  private final int n;
  private final int[] order;
  private final boolean[] dead;
  private final double[] upper;

  private LayerHessian(
      SecondMoments moments, double damp, int[] order, boolean[] dead, double[] upper) {
    this.moments = moments;
    this.damp = damp;
    this.n = moments.size();
    this.order = order;
    this.dead = dead;
    this.upper = upper;
  }

  /** Bytes on the heap while it is made, beside the moments. */
  public static long heapBytes(long n) {
    return 2 * n * n * Double.BYTES;
  }

  /**
   * Factors H.
   *
   * @param moments kept, not to be changed
   * @param dampening share of the mean diagonal element, at least 0
   * @param byDiagonal whether the columns of largest diagonal elements come first (act-order);
   *     equal ones stay in order
   * @throws ArithmeticException if H is not positive definite for all the dampening
   */
  public static LayerHessian of(SecondMoments moments, double dampening, boolean byDiagonal) {
    return of(moments, dampening, byDiagonal, true);
  }

  /**
   * Factors H, dampened before it is looked at: only without dampening is a column dead. What OBC
   * (Frantar et al. 2022) does; columns stay in order.
   *
   * @param moments kept, not to be changed
   * @param dampening share of the mean diagonal element, at least 0
   * @throws ArithmeticException if H is not positive definite for all the dampening
   */
  public static LayerHessian dampenedFirst(SecondMoments moments, double dampening) {
    return of(moments, dampening, false, dampening == 0);
  }

  private static LayerHessian of(
      SecondMoments moments, double dampening, boolean byDiagonal, boolean mayBeDead) {
    final int n = moments.size();
    final boolean[] dead = new boolean[n];
    final double[] diagonal = new double[n];
    double sum = 0;
    for (int j = 0; j < n; j++) {
      dead[j] = mayBeDead && moments.at(j, j) == 0;
      diagonal[j] = dead[j] ? 1 : moments.at(j, j);
      sum += diagonal[j];
    }
    final double damp = dampening * sum / n;
    final int[] order = order(diagonal, byDiagonal);
    // the last treated column first, so that the factor comes out upper triangular
    final double[] a = new double[n * n];
    for (int i = 0; i < n; i++) {
      final int p = order[n - 1 - i];
      a[i * n + i] = diagonal[p] + damp;
      for (int j = i + 1; j < n; j++) {
        a[i * n + j] = moments.at(p, order[n - 1 - j]);
      }
    }
    if (!Cholesky.factor(a, n)) {
      throw new ArithmeticException("not positive definite");
    }
    final double[] inverse = new double[n * n];
    Cholesky.invert(a, n, inverse);
    return new LayerHessian(moments, damp, order, dead, turned(inverse, n, a));
  }

  private static int[] order(double[] diagonal, boolean byDiagonal) {
    final IntStream columns = IntStream.range(0, diagonal.length);
    return byDiagonal
        ? columns
            .boxed()
            .sorted(Comparator.comparingDouble((Integer j) -> -diagonal[j]))
            .mapToInt(j -> j)
            .toArray()
        : columns.toArray();
  }

  /** {@code U[i,j] = V[n-1-j, n-1-i]}. */
  private static double[] turned(double[] v, int n, double[] u) {
    Arrays.fill(u, 0);
    for (int i = 0; i < n; i++) {
      for (int j = i; j < n; j++) {
        u[i * n + j] = v[(n - 1 - j) * n + n - 1 - i];
      }
    }
    return u;
  }

  /** Columns of the layer. */
  public int size() {
    return n;
  }

  /** The column that is treated as number {@code j}. */
  public int column(int j) {
    return order[j];
  }

  /** Whether a column's input is always zero. */
  public boolean isDead(int column) {
    return dead[column];
  }

  /** Element (i, j) of U, in the order of treatment. */
  public double upper(int i, int j) {
    return upper[i * n + j];
  }

  /** Element (i, j) of H as it was factored, dampening included; columns in the layer's order. */
  public double at(int i, int j) {
    return i == j ? diagonal(i) : moments.at(i, j);
  }

  private double diagonal(int j) {
    return (dead[j] ? 1 : moments.at(j, j)) + damp;
  }

  /** H^-1 = U^T U in the layer's order of columns, [n, n] row-major, both triangles. */
  public double[] inverse() {
    final double[] inverse = new double[n * n];
    for (int k = 0; k < n; k++) {
      for (int i = k; i < n; i++) {
        final double factor = upper[k * n + i];
        for (int j = i; j < n; j++) {
          inverse[i * n + j] += factor * upper[k * n + j];
        }
      }
    }
    final double[] ordered = new double[n * n];
    for (int i = 0; i < n; i++) {
      for (int j = i; j < n; j++) {
        ordered[order[i] * n + order[j]] = inverse[i * n + j];
        ordered[order[j] * n + order[i]] = inverse[i * n + j];
      }
    }
    return ordered;
  }

  /** {@code w[k] -= error * U[j, k]} for k in [from, to). */
  public void spread(int j, double error, double[] w, int from, int to) {
    final int row = j * n;
    for (int k = from; k < to; k++) {
      w[k] -= error * upper[row + k];
    }
  }
}
