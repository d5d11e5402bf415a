package dev.bantam.training.hessian;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.commons.math3.linear.EigenDecomposition;

/**
 * The Lanczos process with full re-orthogonalisation: after q steps from a unit vector v the
 * tridiagonal T of size q, whose eigenvalues (Ritz values) approach the outer eigenvalues of H from
 * within, and whose eigenvectors' squared first elements are the weights of a quadrature of v^T
 * f(H) v.
 *
 * <p>Both ends of the spectrum are found at once, of either sign. The q + 1 basis vectors are kept:
 * 8 n (q + 1) bytes for n weights.
 */
public final class Lanczos {
  /** A new direction of this length, relative to T, is nothing but rounding. */
  private static final double BREAKDOWN = 1e-12;

  private final List<double[]> basis = new ArrayList<>();
  private final double[] alpha;
  private final double[] beta;
  private final double last;
  private final EigenDecomposition tridiagonal;

  private Lanczos(SymmetricOperator h, double[] start, int steps) {
    final double[] a = new double[steps];
    final double[] b = new double[steps];
    final double[] v = start.clone();
    Vectors.scale(1 / Vectors.norm(v), v);
    basis.add(v);
    int done = 0;
    double largest = 0;
    while (done < steps) {
      final double[] u = new double[v.length];
      h.multiply(basis.get(done), u);
      a[done] = Vectors.dot(basis.get(done), u);
      Vectors.orthogonalise(u, basis);
      b[done] = Vectors.norm(u);
      largest = Math.max(largest, Math.abs(a[done]) + b[done]);
      done++;
      if (b[done - 1] <= BREAKDOWN * largest) {
        b[done - 1] = 0;
        break;
      }
      if (done < steps) {
        Vectors.scale(1 / b[done - 1], u);
        basis.add(u);
      }
    }
    alpha = java.util.Arrays.copyOf(a, done);
    beta = java.util.Arrays.copyOf(b, done - 1);
    last = b[done - 1];
    tridiagonal = new EigenDecomposition(alpha, beta);
  }

  /**
   * Runs the process.
   *
   * @param start not zero; not modified
   * @param steps q, 1..dimension; fewer are done if the start lies in an invariant space of fewer
   *     dimensions, and then the Ritz values are eigenvalues
   */
  public static Lanczos run(SymmetricOperator h, double[] start, int steps) {
    if (steps < 1 || steps > h.dimension()) {
      throw new IllegalArgumentException(
          steps + " steps with a matrix of dimension " + h.dimension());
    }
    if (start.length != h.dimension() || !(Vectors.norm(start) > 0)) {
      throw new IllegalArgumentException("The start vector is zero or of another length");
    }
    return new Lanczos(h, start, steps);
  }

  /** From a normal start vector. */
  public static Lanczos run(SymmetricOperator h, int steps, long seed) {
    return run(h, Vectors.normal(h.dimension(), seed), steps);
  }

  /** Steps that were done, which is the number of products with the matrix. */
  public int steps() {
    return alpha.length;
  }

  /** Eigenvalues of T, ascending. */
  public double[] ritzValues() {
    return ascending().mapToDouble(tridiagonal::getRealEigenvalue).toArray();
  }

  /** Weight of each Ritz value in the quadrature, in the same order; they sum to 1. */
  public double[] weights() {
    return ascending()
        .mapToDouble(i -> tridiagonal.getEigenvector(i).getEntry(0))
        .map(y -> y * y)
        .toArray();
  }

  private IntStream ascending() {
    return IntStream.range(0, steps())
        .boxed()
        .sorted(Comparator.comparingDouble(tridiagonal::getRealEigenvalue))
        .mapToInt(i -> i);
  }

  /**
   * The Ritz pairs of largest magnitude, largest first.
   *
   * @param count 1..steps
   * @param tolerance largest residual over the magnitude of the value of a pair that counts as
   *     converged
   */
  public List<Eigenpair> largest(int count, double tolerance) {
    if (count < 1 || count > steps()) {
      throw new IllegalArgumentException(count + " pairs after " + steps() + " steps");
    }
    return IntStream.range(0, steps())
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -Math.abs(tridiagonal.getRealEigenvalue(i))))
        .limit(count)
        .map(i -> pair(i, tolerance))
        .toList();
  }

  private Eigenpair pair(int i, double tolerance) {
    final double value = tridiagonal.getRealEigenvalue(i);
    final double[] y = tridiagonal.getEigenvector(i).toArray();
    final double[] vector = new double[basis.get(0).length];
    for (int k = 0; k < steps(); k++) {
      Vectors.add(y[k], basis.get(k), vector);
    }
    final double residual = last * Math.abs(y[steps() - 1]);
    return new Eigenpair(value, vector, residual, steps(), residual <= tolerance * Math.abs(value));
  }
}
