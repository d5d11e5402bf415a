package dev.bantam.pruning;

import dev.bantam.compression.LayerHessian;
import dev.bantam.tensor.Workers;
import java.util.Arrays;

/**
 * ExactOBS (Frantar et al. 2022) for one matrix: {@link GreedyRemoval} for each row, whose H is the
 * same, and the cheapest removals of all rows.
 *
 * <p>Where {@code r} rows have {@code g} groups each, the losses are those of single removals, not
 * sums up to them, and a row makes as many of its removals as are among the {@code count} smallest
 * of all {@code r g}.
 */
final class ExactObsMatrix {
  private final LayerHessian hessian;
  private final double[] inverse;
  private final int size;
  private final int stay;
  private final int of;
  private final int n;
  private final int rows;
  private final float[] w;
  private final boolean[] kept;
  private final Workers workers;
  private final int[][] orders;
  private final double[][] losses;
  private final int[] steps;

  /**
   * Finds the order of all rows.
   *
   * @param size weights of a group
   * @param stay of every {@code of} weights at least so many stay; {@code of} 0 for no such rule
   * @param w [rows, columns]; not modified
   * @param kept weights that are still there; not modified
   * @throws ArithmeticException if H is not positive definite
   */
  ExactObsMatrix(
      LayerHessian hessian,
      int size,
      int stay,
      int of,
      float[] w,
      boolean[] kept,
      Workers workers) {
    this.hessian = hessian;
    this.inverse = hessian.inverse();
    this.size = size;
    this.stay = stay;
    this.of = of;
    this.n = hessian.size();
    this.rows = w.length / n;
    this.w = w.clone();
    this.kept = kept.clone();
    this.workers = workers;
    for (int i = 0; i < w.length; i++) {
      this.w[i] = kept[i] && !hessian.isDead(i % n) ? w[i] : 0f;
    }
    orders = new int[rows][n / size];
    losses = new double[rows][n / size];
    steps = new int[rows];
    order();
  }

  /**
   * Bytes on the heap beside the matrix.
   *
   * @param threads that work on rows
   */
  static long heapBytes(long rows, long columns, long size, long threads) {
    return rows * (columns / size) * (2L * Double.BYTES + Integer.BYTES)
        + rows * columns * (Float.BYTES + 1)
        + columns * columns * Double.BYTES
        + threads * Math.max(GreedyRemoval.heapBytes(columns), KeptWeights.heapBytes(columns));
  }

  private void order() {
    final GreedyRemoval[] memory = new GreedyRemoval[workers.threads()];
    workers.run(
        rows,
        (r, worker) -> {
          if (memory[worker] == null) {
            memory[worker] = new GreedyRemoval(n, size, stay, of);
          }
          steps[r] = memory[worker].run(inverse, n, w, r * n, kept, orders[r], losses[r]);
        });
  }

  /** Half the cost of each removal of a row, in their order; its first {@link #steps} count. */
  double[] losses(int row) {
    return Arrays.copyOf(losses[row], steps[row]);
  }

  /**
   * Weights after the cheapest removals.
   *
   * @param count groups to be gone of all rows; of no effect where a pattern says it
   * @param target out, [rows, columns]
   * @param stays out: weights that are still there
   */
  void write(long count, float[] target, boolean[] stays) {
    final int[] removals = of > 0 ? steps : removals(count);
    System.arraycopy(w, 0, target, 0, w.length);
    for (int i = 0; i < w.length; i++) {
      stays[i] = kept[i] && !hessian.isDead(i % n);
    }
    final KeptWeights[] memory = new KeptWeights[workers.threads()];
    workers.run(
        rows,
        (r, worker) -> {
          for (int s = 0; s < removals[r]; s++) {
            final int first = r * n + orders[r][s] * size;
            Arrays.fill(stays, first, first + size, false);
          }
          if (memory[worker] == null) {
            memory[worker] = new KeptWeights(hessian, inverse);
          }
          memory[worker].move(target, r * n, stays);
        });
  }

  private int[] removals(long count) {
    final boolean[][] marks = LowestScores.mark(losses, count);
    final int[] removals = new int[rows];
    for (int r = 0; r < rows; r++) {
      for (boolean mark : marks[r]) {
        removals[r] += mark ? 1 : 0;
      }
    }
    return removals;
  }
}
