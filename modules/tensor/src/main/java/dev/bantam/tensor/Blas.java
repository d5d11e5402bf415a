package dev.bantam.tensor;

import java.lang.ref.Reference;
import org.bytedeco.openblas.global.openblas_nolapack;

/**
 * Matrix products into preallocated row-major matrices.
 *
 * <p>One thread per call: callers cut the work by its shape and run the pieces on {@link Workers}.
 * The result of a call depends on its arguments alone.
 */
public final class Blas {
  private static final int ROW_MAJOR = 101;
  private static final int NO_TRANSPOSE = 111;
  private static final int TRANSPOSE = 112;

  private Blas() {}

  /**
   * A matrix inside a tensor.
   *
   * @param data the tensor
   * @param from position of element (0, 0)
   * @param stride distance between rows
   */
  public record Matrix(Floats data, int from, int stride) {}

  /**
   * {@code C = alpha op(A) op(B) + beta C}.
   *
   * @param m rows of C
   * @param n columns of C
   * @param k inner length; op(A) is [m, k] and op(B) is [k, n]
   */
  public static void gemm(
      boolean transposeA,
      boolean transposeB,
      int m,
      int n,
      int k,
      float alpha,
      Matrix a,
      Matrix b,
      float beta,
      Matrix c) {
    if (m == 0 || n == 0) {
      return;
    }
    check(a, transposeA ? k : m, transposeA ? m : k);
    check(b, transposeB ? n : k, transposeB ? k : n);
    check(c, m, n);
    openblas_nolapack.cblas_sgemm(
        ROW_MAJOR,
        transposeA ? TRANSPOSE : NO_TRANSPOSE,
        transposeB ? TRANSPOSE : NO_TRANSPOSE,
        m,
        n,
        k,
        alpha,
        a.data().at(a.from()),
        a.stride(),
        b.data().at(b.from()),
        b.stride(),
        beta,
        c.data().at(c.from()),
        c.stride());
    Reference.reachabilityFence(a);
    Reference.reachabilityFence(b);
    Reference.reachabilityFence(c);
  }

  private static void check(Matrix matrix, int rows, int columns) {
    final long last = matrix.from() + (long) (rows - 1) * matrix.stride() + columns;
    if (matrix.from() < 0
        || columns > matrix.stride()
        || (rows > 0 && last > matrix.data().length())) {
      throw new IndexOutOfBoundsException(
          "["
              + rows
              + " x "
              + columns
              + "] with stride "
              + matrix.stride()
              + " from "
              + matrix.from()
              + " leaves a tensor of "
              + matrix.data().length());
    }
  }
}
