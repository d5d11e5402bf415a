package dev.bantam.benchmarks;

import dev.bantam.runner.run.ProductSpeed;
import dev.bantam.tensor.Workers;

/** What the matrix products of this machine can reach: one large product on every thread. */
final class SgemmPeak {
  private static final int PROBES = 5;

  private SgemmPeak() {}

  /**
   * The best of {@value #PROBES} probes.
   *
   * @return floating point operations a second over all threads together
   */
  static double measure(Workers workers) {
    double best = 0;
    for (int probe = 0; probe < PROBES; probe++) {
      best = Math.max(best, 1e9 * ProductSpeed.largeBlas(workers));
    }
    return best;
  }
}
