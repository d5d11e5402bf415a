package dev.bantam.mixedprecision;

import dev.bantam.compression.LayerHessian;
import java.util.function.Supplier;

/**
 * GPTQ (Frantar et al. 2023, algorithm 1) for rows of a matrix, which do not know each other.
 *
 * <p>Column after column is rounded, {@code q_j}, and what that changes at the layer's output is
 * made up for as well as possible by the columns that are still to come:
 *
 * <pre>
 * e_j = (w_j - q_j) / U_jj
 * w_k = w_k - e_j U_jk        k &gt; j
 * </pre>
 *
 * <p>Columns of a block see each other's changes at once, those behind it when the block is done.
 * That is more than a question of speed: the levels of a group are found when its first column is
 * reached, from weights as they were when the block began.
 */
final class GptqRows {
  private final LayerHessian hessian;
  private final int block;
  private final int width;
  private final int height;
  private final Groups groups;
  private final Supplier<GroupFit> fits;

  /** When the levels of a group are found, and which columns form it. */
  enum Groups {
    /** From the weights as they were, neighbouring columns: what a file can hold in any order. */
    STATIC,
    /** When its first column is reached, columns that are treated one after the other. */
    DYNAMIC,
    /** Before, by the caller: several rows may share one. */
    GIVEN
  }

  /**
   * @param block columns of a block, at least 1
   * @param width columns of a group; the last one may have fewer
   * @param height rows of a group, more than 1 only where groups are given
   * @param fits makes the rule of levels for a thread
   */
  GptqRows(
      LayerHessian hessian,
      int block,
      int width,
      int height,
      Groups groups,
      Supplier<GroupFit> fits) {
    this.hessian = hessian;
    this.block = block;
    this.width = width;
    this.height = height;
    this.groups = groups;
    this.fits = fits;
  }

  /** Groups of a row. */
  int across() {
    return (hessian.size() + width - 1) / width;
  }

  /**
   * Rounds rows {@code from..to}.
   *
   * @param w [rows x columns]; not modified
   * @param gone elements that are zero and stay so, [rows x columns]; empty if there are none. What
   *     making up for others adds to them is made up for by those behind them
   * @param codes out, [rows x columns]
   * @param grids by group, row by row; out, or in where groups are given
   * @return {@code 1/2 sum e_j^2}: the squared change at the output of a text, the dampening's
   *     included
   */
  double quantize(float[] w, boolean[] gone, int from, int to, byte[] codes, GroupGrid[] grids) {
    final Row row = new Row(gone);
    double error = 0;
    for (int r = from; r < to; r++) {
      error += row.quantize(w, r, codes, grids);
    }
    return error / 2;
  }

  /** Working memory of one row. */
  private final class Row {
    private final int n = hessian.size();
    private final GroupFit fit = fits.get();
    private final float[] group = new float[width];
    private final float[] plain = new float[n];
    private final double[] rest = new double[n]; // as of the beginning of the block
    private final double[] now = new double[n]; // within the block
    private final double[] errors = new double[block];
    private final boolean[] gone;

    Row(boolean[] gone) {
      this.gone = gone;
    }

    double quantize(float[] w, int r, byte[] codes, GroupGrid[] grids) {
      final int at = r * n;
      final int grid = r / height * across();
      for (int c = 0; c < n; c++) {
        // levels of a whole row see dead weights, those of its groups do not, as in published code
        plain[c] = hessian.isDead(c) && width < n ? 0f : w[at + c];
      }
      if (isStatic() && groups != Groups.GIVEN) {
        for (int g = 0; g < across(); g++) {
          grids[grid + g] = fit.fit(plain, g * width, Math.min(width, n - g * width));
        }
      }
      for (int j = 0; j < n; j++) {
        rest[j] = hessian.isDead(hessian.column(j)) ? 0 : w[at + hessian.column(j)];
      }
      double error = 0;
      for (int start = 0; start < n; start += block) {
        error += block(start, Math.min(n, start + block), at, codes, grid, grids);
      }
      return error;
    }

    /** Levels of whole rows are always found beforehand. */
    private boolean isStatic() {
      return groups != Groups.DYNAMIC || width >= n;
    }

    private double block(int start, int end, int at, byte[] codes, int grid, GroupGrid[] grids) {
      System.arraycopy(rest, start, now, start, end - start);
      double error = 0;
      for (int j = start; j < end; j++) {
        final int column = hessian.column(j);
        final int g = grid + (isStatic() ? column : j) / width;
        if (!isStatic() && j % width == 0) {
          grids[g] = fitted(j, Math.min(n, j + width));
        }
        final boolean stays = gone.length > 0 && gone[at + column];
        final int code = grids[g].code(stays ? 0f : (float) now[j]);
        codes[at + column] = (byte) code;
        final double e = (now[j] - grids[g].value(code)) / hessian.upper(j, j);
        errors[j - start] = e;
        hessian.spread(j, e, now, j + 1, end);
        error += e * e;
      }
      for (int j = start; j < end; j++) {
        hessian.spread(j, errors[j - start], rest, end, n);
      }
      return error;
    }

    private GroupGrid fitted(int from, int to) {
      for (int j = from; j < to; j++) {
        group[j - from] = (float) rest[j];
      }
      return fit.fit(group, 0, to - from);
    }
  }
}
