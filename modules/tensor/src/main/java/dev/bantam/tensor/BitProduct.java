package dev.bantam.tensor;

import java.util.Arrays;

/**
 * {@code X W^T} of codes, exact, by counting common bits. With {@code x = e + sum c_t a_t} and
 * {@code w = f + sum d_u b_u}
 *
 * <pre>
 * x . w = e sum(w) + f sum over t of c_t |a_t| + sum over t, u of c_t d_u |a_t and b_u|
 * </pre>
 *
 * which for signs is {@code K - 2 |a xor b|}, for bits and signs {@code 2 |a and b| - |a|}, for
 * codes of several bits the bit-serial product. One object belongs to one thread.
 */
public final class BitProduct {
  private static final ThreadLocal<BitProduct> OF_THREAD =
      ThreadLocal.withInitial(() -> new BitProduct(Kernels.best()));

  private final Kernels kernels;
  private int[] counts = new int[0];

  public BitProduct(Kernels kernels) {
    this.kernels = kernels;
  }

  /** The object of the calling thread, on {@link Kernels#best()}. */
  public static BitProduct ofThread() {
    return OF_THREAD.get();
  }

  /**
   * Multiplies.
   *
   * @param from first output, a multiple of {@value Kernels#BIT_PANEL}
   * @param to end of the outputs, a multiple of {@value Kernels#BIT_PANEL} or the last one
   * @param dots out: [rows, to - from]
   * @throws IllegalArgumentException if the widths differ, or {@code from} is within a panel
   */
  public void run(BitRows x, BitMatrix w, int from, int to, int[] dots) {
    if (x.columns() != w.inputs()) {
      throw new IllegalArgumentException(
          "Rows of " + x.columns() + " codes and a weight of " + w.inputs() + " inputs");
    }
    if (from % Kernels.BIT_PANEL != 0) {
      throw new IllegalArgumentException(
          "Outputs from " + from + " on, and panels begin at multiples of " + Kernels.BIT_PANEL);
    }
    final int columns = to - from;
    offsets(x, w, from, columns, dots);
    final int length = x.rows() * Kernels.BIT_PANEL;
    counts = counts.length < length ? new int[length] : counts;
    for (int column = from; column < to; column += Kernels.BIT_PANEL) {
      final int n = Math.min(Kernels.BIT_PANEL, to - column);
      for (int t = 0; t < x.set().planes(); t++) {
        for (int u = 0; u < w.set().planes(); u++) {
          kernels.countCommonBits(
              x.bits(),
              x.from(t),
              x.rows(),
              w.words(),
              w.panels(),
              w.from(u, column / Kernels.BIT_PANEL),
              counts,
              0,
              Kernels.BIT_PANEL);
          final int factor = x.set().coefficient(t) * w.set().coefficient(u);
          for (int r = 0; r < x.rows(); r++) {
            final int at = r * columns + column - from;
            for (int j = 0; j < n; j++) {
              dots[at + j] += factor * counts[r * Kernels.BIT_PANEL + j];
            }
          }
        }
      }
    }
  }

  /** What does not depend on common bits. */
  private static void offsets(BitRows x, BitMatrix w, int from, int columns, int[] dots) {
    final int[] line = new int[columns];
    Arrays.setAll(line, c -> x.set().offset() * w.sum(from + c));
    for (int r = 0; r < x.rows(); r++) {
      int ofRow = 0;
      for (int t = 0; t < x.set().planes() && w.set().offset() != 0; t++) {
        ofRow += w.set().offset() * x.set().coefficient(t) * x.count(t, r);
      }
      for (int c = 0; c < columns; c++) {
        dots[r * columns + c] = line[c] + ofRow;
      }
    }
  }
}
