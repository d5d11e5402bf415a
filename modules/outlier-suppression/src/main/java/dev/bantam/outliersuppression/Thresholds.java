package dev.bantam.outliersuppression;

import java.util.Arrays;

/** Which thresholds a search tries, from "nothing is scaled" downwards. */
final class Thresholds {
  private static final int LEAST_STEPS = 100;

  private Thresholds() {}

  /**
   * The grid of the reference code: {@code hi, hi - step, ... >= lowest} with {@code hi} the
   * largest magnitude, {@code num = max(100, floor(max / 0.5))} and {@code step = (hi - lowest) /
   * num}, by repeated subtraction; empty if {@code hi < lowest}.
   *
   * @param lowest 1.0 in the code for OPT and BLOOM, 0.1 in that for LLaMA
   */
  static double[] code(Range range, double lowest) {
    final double top = Math.max(0f, range.max());
    final double hi = Math.max(-Math.min(0f, range.min()), top);
    final int num = Math.max(LEAST_STEPS, (int) (top / 0.5));
    final double step = (hi - lowest) / num;
    if (hi < lowest) {
      return new double[0];
    }
    if (step == 0) {
      return new double[] {hi};
    }
    final double[] grid = new double[num + 2];
    int n = 0;
    for (double t = hi; t >= lowest && n < grid.length; t -= step) {
      grid[n] = t;
      n++;
    }
    return Arrays.copyOf(grid, n);
  }

  /** The grid of the paper (algorithm 1): {@code hi k / K} for k = K, ..., 1; empty if hi is 0. */
  static double[] paper(Range range, int steps) {
    final double hi = range.peak();
    if (hi == 0) {
      return new double[0];
    }
    final double[] grid = new double[steps];
    for (int i = 0; i < steps; i++) {
      grid[i] = hi * (steps - i) / steps;
    }
    return grid;
  }
}
