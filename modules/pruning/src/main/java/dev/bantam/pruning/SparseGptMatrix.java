package dev.bantam.pruning;

import dev.bantam.compression.LayerHessian;
import dev.bantam.tensor.Workers;

/**
 * SparseGPT (Frantar and Alistarh 2023, algorithm 1) for one matrix. Columns are treated from left
 * to right, all rows with the same factor U of {@code H^-1 = U^T U}. What removing w_j costs is
 * {@code w_j^2 / U_jj^2}, and what it changes at the output is made up for by the columns that are
 * still to come:
 *
 * <pre>
 * e_j = w_j / U_jj
 * w_k = w_k - e_j U_jk        k &gt; j
 * </pre>
 *
 * <p>Which weights go is decided for a block of columns when it is reached: the lowest costs of all
 * its rows, or, with a fixed pattern, of each group of a row when its first column is reached.
 */
final class SparseGptMatrix {
  /** Rows of a piece of work. */
  private static final int ROWS = 16;

  private final LayerHessian hessian;
  private final int block;
  private final int n;
  private final int rows;
  private final double[][] rest;
  private final boolean[] kept;
  private final Workers workers;

  /**
   * @param block columns of a block, at least 1
   * @param w [rows, columns]; not modified
   * @param kept weights that are still there; those that are gone stay so, and what making up for
   *     others adds to them is made up for by those behind them
   */
  SparseGptMatrix(LayerHessian hessian, int block, float[] w, boolean[] kept, Workers workers) {
    this.hessian = hessian;
    this.block = block;
    this.n = hessian.size();
    this.rows = w.length / n;
    this.kept = kept.clone();
    this.workers = workers;
    this.rest = new double[rows][n];
    for (int r = 0; r < rows; r++) {
      for (int j = 0; j < n; j++) {
        rest[r][j] = kept[r * n + j] && !hessian.isDead(j) ? w[r * n + j] : 0;
      }
    }
  }

  /** Bytes on the heap beside the matrix. */
  static long heapBytes(long rows, long columns, long block) {
    return rows * (columns + 4 * Math.min(block, columns)) * Double.BYTES;
  }

  /** Weights of each block to be gone so that so many are gone of all. */
  static long[] counts(int rows, int n, int block, long count) {
    final long[] counts = new long[(n + block - 1) / block];
    for (int b = 0; b < counts.length; b++) {
      counts[b] =
          RowSelection.upTo(count, Math.min(n, (b + 1) * block), n)
              - RowSelection.upTo(count, b * block, n);
    }
    return counts;
  }

  /**
   * Removes the weights of lowest cost.
   *
   * @param counts weights of each block to be gone, those gone already included
   * @return {@code 1/2 sum e_j^2}: the squared change at the output of a text, the dampening's
   *     included
   */
  double prune(long[] counts) {
    double error = 0;
    for (int start = 0; start < n; start += block) {
      final int from = start;
      final int to = Math.min(n, start + block);
      final double[][] costs = new double[rows][to - from];
      forEachRow(r -> costs(r, from, to, costs[r]));
      final boolean[][] marks = LowestScores.mark(costs, counts[start / block]);
      error += columns(from, to, (r, j) -> marks[r]);
    }
    return error / 2;
  }

  /**
   * Removes {@code of - stay} weights of every {@code of} columns.
   *
   * @return as {@link #prune(long[])}
   */
  double prune(int stay, int of) {
    double error = 0;
    for (int start = 0; start < n; start += block) {
      final int from = start;
      final int to = Math.min(n, start + block);
      final double[][] costs = new double[rows][to - from];
      final boolean[][] marks = new boolean[rows][to - from];
      error +=
          columns(
              from,
              to,
              (r, j) -> {
                if ((j - from) % of == 0) {
                  final int width = Math.min(of, to - j);
                  final boolean[] stays = new boolean[width];
                  java.util.Arrays.fill(stays, true);
                  costs(r, j, j + width, costs[r]);
                  RowSelection.lowest(costs[r], 0, width, Math.min(width, of - stay), stays, 0);
                  for (int i = 0; i < width; i++) {
                    marks[r][j - from + i] = !stays[i];
                  }
                }
                return marks[r];
              });
    }
    return error / 2;
  }

  /** Says which columns of a block go from a row, when its column j is reached. */
  @FunctionalInterface
  private interface Choice {
    boolean[] marks(int row, int j);
  }

  @FunctionalInterface
  private interface RowWork {
    void run(int row);
  }

  private void forEachRow(RowWork work) {
    workers.run(
        (rows + ROWS - 1) / ROWS,
        (piece, worker) -> {
          for (int r = piece * ROWS; r < Math.min(rows, (piece + 1) * ROWS); r++) {
            work.run(r);
          }
        });
  }

  private void costs(int r, int from, int to, double[] costs) {
    for (int j = from; j < to; j++) {
      final double e = rest[r][j] / hessian.upper(j, j);
      costs[j - from] = kept[r * n + j] ? e * e : Double.NEGATIVE_INFINITY;
    }
  }

  /** Treats the columns of a block; returns the sum of squared e. */
  private double columns(int from, int to, Choice choice) {
    final double[] errors = new double[rows];
    forEachRow(r -> errors[r] = columns(r, from, to, choice));
    double sum = 0;
    for (double error : errors) {
      sum += error;
    }
    return sum;
  }

  private double columns(int r, int from, int to, Choice choice) {
    final double[] w = rest[r];
    final double[] e = new double[to - from];
    double error = 0;
    for (int j = from; j < to; j++) {
      final boolean goes = choice.marks(r, j)[j - from] || !kept[r * n + j];
      if (goes) {
        e[j - from] = w[j] / hessian.upper(j, j);
        error += e[j - from] * e[j - from];
        hessian.spread(j, e[j - from], w, j + 1, to);
        w[j] = 0;
      }
      kept[r * n + j] = !goes && !hessian.isDead(j);
    }
    for (int j = from; j < to; j++) {
      if (e[j - from] != 0) {
        hessian.spread(j, e[j - from], w, to, n);
      }
    }
    return error;
  }

  /** Writes what is left of the matrix. */
  void write(float[] w, boolean[] stays) {
    for (int r = 0; r < rows; r++) {
      for (int j = 0; j < n; j++) {
        w[r * n + j] = (float) rest[r][j];
        stays[r * n + j] = kept[r * n + j];
      }
    }
  }
}
