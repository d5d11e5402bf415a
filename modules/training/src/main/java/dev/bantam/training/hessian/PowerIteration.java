package dev.bantam.training.hessian;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleConsumer;

/**
 * Eigenvalues of largest magnitude, one after the other, as Q-BERT finds them (Shen et al. 2020,
 * algorithm 1), with the residual as the stopping rule:
 *
 * <pre>
 * v = v / |v|;  u = H v;  lambda = v^T u;  stop if |u - lambda v| &lt;= tolerance |lambda|;  v = u
 * </pre>
 *
 * <p>A stop on a small change of lambda, as in the published codes, can end on a plateau far from
 * any eigenvalue; the residual bounds the distance to one. Further pairs are sought orthogonal to
 * those found. The error of the vector shrinks by the ratio of two neighbouring magnitudes a step,
 * so eigenvalues of equal magnitude and opposite sign are never found: such a pair comes back as
 * not converged, and {@link Lanczos} finds both.
 */
public final class PowerIteration {
  private PowerIteration() {}

  /**
   * When to stop.
   *
   * @param tolerance largest residual over the magnitude of the eigenvalue, above 0
   * @param products most products with the matrix for one pair, at least 1
   */
  public record Stop(double tolerance, int products) {
    public Stop {
      if (!(tolerance > 0) || products < 1) {
        throw new IllegalArgumentException(
            "A tolerance of " + tolerance + " and " + products + " products");
      }
    }
  }

  /**
   * The eigenpairs of largest magnitude, largest first.
   *
   * @param count 1..dimension
   * @param seed of the start vectors
   */
  public static List<Eigenpair> largest(SymmetricOperator h, int count, Stop stop, long seed) {
    if (count < 1 || count > h.dimension()) {
      throw new IllegalArgumentException(
          count + " eigenpairs of a matrix of dimension " + h.dimension());
    }
    final List<Eigenpair> found = new ArrayList<>();
    final List<double[]> vectors = new ArrayList<>();
    for (int k = 0; k < count; k++) {
      final double[] start = Vectors.normal(h.dimension(), seed + k);
      found.add(next(h, start, vectors, stop, quotient -> {}));
      vectors.add(found.get(k).vector());
    }
    return found;
  }

  /**
   * The next pair.
   *
   * @param start start vector; overwritten
   * @param found vectors of the pairs found before, orthonormal
   * @param quotients gets lambda of each step
   */
  static Eigenpair next(
      SymmetricOperator h,
      double[] start,
      List<double[]> found,
      Stop stop,
      DoubleConsumer quotients) {
    double[] v = start;
    double[] u = new double[v.length];
    double lambda = 0;
    double residual = Double.POSITIVE_INFINITY;
    Vectors.orthogonalise(v, found);
    double norm = Vectors.norm(v);
    for (int step = 1; ; step++) {
      Vectors.scale(1 / norm, v);
      h.multiply(v, u);
      Vectors.orthogonalise(u, found);
      lambda = Vectors.dot(v, u);
      quotients.accept(lambda);
      norm = Vectors.norm(u);
      residual = Math.sqrt(Math.max(0, distance(u, lambda, v)));
      final boolean converged = residual <= stop.tolerance() * Math.abs(lambda);
      if (converged || step == stop.products() || norm == 0) {
        return new Eigenpair(lambda, v, residual, step, converged);
      }
      final double[] last = v;
      v = u;
      u = last;
    }
  }

  private static double distance(double[] u, double lambda, double[] v) {
    double squares = 0;
    for (int i = 0; i < u.length; i++) {
      final double d = u[i] - lambda * v[i];
      squares += d * d;
    }
    return squares;
  }
}
