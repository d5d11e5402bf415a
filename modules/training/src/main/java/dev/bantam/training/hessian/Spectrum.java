package dev.bantam.training.hessian;

import java.util.ArrayList;
import java.util.List;

/**
 * Density of the eigenvalues by stochastic Lanczos quadrature (Yao et al. 2020, PyHessian): for
 * Rademacher vectors v of unit length, {@code E[v^T f(H) v] = 1/n sum_i f(lambda_i)}, and q Lanczos
 * steps give {@code v^T f(H) v} as {@code sum_j tau_j f(theta_j)}, exactly for polynomials up to
 * degree 2 q - 1.
 */
public final class Spectrum {
  private final int dimension;
  private final List<Quadrature> probes;

  /**
   * The quadrature of one vector.
   *
   * @param nodes theta, ascending
   * @param weights tau, not negative, sum 1
   */
  @SuppressWarnings("ArrayRecordComponent") // a result handed over, not kept
  public record Quadrature(double[] nodes, double[] weights) {
    double mean() {
      double sum = 0;
      for (int j = 0; j < nodes.length; j++) {
        sum += weights[j] * nodes[j];
      }
      return sum;
    }
  }

  Spectrum(int dimension, List<Quadrature> probes) {
    this.dimension = dimension;
    this.probes = List.copyOf(probes);
  }

  /**
   * Estimates the spectrum.
   *
   * @param probes vectors, at least 1
   * @param steps Lanczos steps for each, 1..dimension
   */
  public static Spectrum estimate(SymmetricOperator h, int probes, int steps, long seed) {
    if (probes < 1) {
      throw new IllegalArgumentException("At least one vector is needed: " + probes);
    }
    final List<Quadrature> found = new ArrayList<>();
    for (int k = 0; k < probes; k++) {
      final double[] v = new double[h.dimension()];
      for (int i = 0; i < v.length; i++) {
        v[i] = Vectors.sign(seed + k, i);
      }
      found.add(of(Lanczos.run(h, v, steps)));
    }
    return new Spectrum(h.dimension(), found);
  }

  static Quadrature of(Lanczos process) {
    return new Quadrature(process.ritzValues(), process.weights());
  }

  /** The quadratures, one a vector. */
  public List<Quadrature> probes() {
    return probes;
  }

  /** The trace that they give: dimension times the mean of all eigenvalues. */
  public Estimate trace() {
    return Estimate.of(probes.stream().mapToDouble(p -> dimension * p.mean()).toArray());
  }

  /**
   * The density smoothed by a Gaussian.
   *
   * @param at eigenvalues to evaluate it at
   * @param variance of the Gaussian, above 0
   * @return one value for each, in units of one over an eigenvalue; its integral is 1
   */
  public double[] density(double[] at, double variance) {
    if (!(variance > 0)) {
      throw new IllegalArgumentException("variance " + variance);
    }
    final double height = 1 / Math.sqrt(2 * Math.PI * variance) / probes.size();
    final double[] density = new double[at.length];
    for (int i = 0; i < at.length; i++) {
      for (Quadrature probe : probes) {
        for (int j = 0; j < probe.nodes.length; j++) {
          final double d = at[i] - probe.nodes[j];
          density[i] += height * probe.weights[j] * Math.exp(-d * d / (2 * variance));
        }
      }
    }
    return density;
  }
}
