package dev.bantam.tensor;

import dev.bantam.tensor.Blas.Matrix;
import java.util.Arrays;

/**
 * {@code X B} for a packed B, block of rows by block of rows. A section of the inner index of a
 * block is packed into tiles that stay in the second-level cache while B streams past, and a
 * finished block is handed over while it is still near the core. The taller a block, the less often
 * B streams.
 *
 * <p>An element of the result is one chain of {@code fma} in order of the inner index: its bits
 * depend on its row and column alone, not on blocks, vectors or threads. One object belongs to one
 * thread.
 */
public final class PackedProduct {
  /** Inner steps of a section. */
  private static final int SECTION = 384;

  /** Columns of a block that takes several sections: it may have to pack its rows again. */
  private static final int MANY_SECTIONS = 384;

  /** Columns of a block that takes one section. */
  private static final int ONE_SECTION = 128;

  /** Tallest block of rows: with {@value #SECTION} inner steps, 400 kB. */
  private static final int BLOCK_ROWS = 264;

  private static final ThreadLocal<PackedProduct> OF_THREAD =
      ThreadLocal.withInitial(() -> new PackedProduct(Kernels.best()));

  /** Most floats of rows that are packed whole, so that they can be used again: a megabyte. */
  private static final int WHOLE = 1 << 18;

  private final Kernels kernels;
  private final int[] heights;
  private float[] lines = new float[0];
  private float[] packed = new float[0];
  private float[] block = new float[0];
  private long stage;
  private Packed last;

  /** Which rows {@link #packed} holds, and for which stage of work. */
  private record Packed(Floats data, int from, int stride, int rows, int inner, long stage) {}

  /** Where finished blocks go. */
  @FunctionalInterface
  public interface BlockSink {
    /**
     * Takes a block of the result, [rows, columns] and contiguous, which it may change.
     *
     * @param row number of its first row in X
     * @param column number of its first column in B
     */
    void accept(float[] values, int row, int rows, int column, int columns);
  }

  PackedProduct(Kernels kernels) {
    this.kernels = kernels;
    this.heights = kernels.tileHeights();
  }

  /** The object of the calling thread, for weights packed for {@link Kernels#best()}. */
  public static PackedProduct ofThread() {
    return OF_THREAD.get();
  }

  /**
   * Says that inputs do not change until the next call of this method, so that rows packed for one
   * product serve the next one of the same rows too.
   *
   * @param number of the stage of work, another one for each; 0 when inputs may change at any time
   */
  public void stage(long number) {
    stage = number;
  }

  /** Forgets packed rows: for inputs that are written anew within a stage. */
  public void forget() {
    last = null;
  }

  /**
   * Multiplies.
   *
   * @param x [rows, inner]
   * @param from first column of B, a multiple of 16
   * @param to end of the columns of B, a multiple of 16 or the last one
   */
  public void run(Matrix x, int rows, PackedWeight b, int from, int to, BlockSink sink) {
    if (rows == 0 || from >= to) {
      return;
    }
    final int tallest = heights[0];
    final int most = BLOCK_ROWS / tallest * tallest;
    final int blocks = (rows + most - 1) / most;
    final int tiles = (rows + tallest - 1) / tallest;
    int row = 0;
    for (int i = 0; i < blocks; i++) {
      final int end = Math.min(rows, (int) ((long) tiles * (i + 1) / blocks) * tallest);
      block(x, row, end - row, b, from, to, sink);
      row = end;
    }
  }

  /** All columns of a block of rows. */
  private void block(
      Matrix x, int row, int rows, PackedWeight b, int from, int to, BlockSink sink) {
    final int padded = padded(rows);
    final boolean whole = b.inner() <= SECTION || (long) padded * b.inner() <= WHOLE;
    final int most = b.inner() <= SECTION ? ONE_SECTION : MANY_SECTIONS;
    if (whole) {
      packWhole(x, row, rows, b.inner());
    }
    int column = from;
    while (column < to) {
      final int end = Math.min(to, column / b.width() * b.width() + most);
      final int firstPanel = column / b.width();
      final int endPanel = (end + b.width() - 1) / b.width();
      final int stride = (endPanel - firstPanel) * b.width();
      block = atLeast(block, padded * stride);
      Arrays.fill(block, 0, padded * stride, 0f);
      for (int k = 0; k < b.inner(); k += SECTION) {
        final int steps = Math.min(SECTION, b.inner() - k);
        if (!whole) {
          last = null;
          pack(x, row, rows, k, steps, 0);
        }
        multiply(b, rows, firstPanel, endPanel, k, steps, whole ? k * padded : 0);
      }
      final int columns = end - column;
      if (stride != columns) {
        final int skipped = column - firstPanel * b.width();
        for (int r = 0; r < rows; r++) {
          System.arraycopy(block, r * stride + skipped, block, r * columns, columns);
        }
      }
      sink.accept(block, row, rows, column, columns);
      column = end;
    }
  }

  /** Height of the tile that takes the next rows. */
  private int height(int rows) {
    int height = heights[0];
    for (int h : heights) {
      if (h >= rows) {
        height = h;
      }
    }
    return height;
  }

  /** Packs all sections of some rows, one behind the other, unless they are packed already. */
  private void packWhole(Matrix x, int first, int rows, int inner) {
    final Packed wanted =
        new Packed(x.data(), x.from() + first * x.stride(), x.stride(), rows, inner, stage);
    if (stage != 0 && wanted.equals(last)) {
      return;
    }
    packed = atLeast(packed, padded(rows) * inner);
    for (int k = 0; k < inner; k += SECTION) {
      pack(x, first, rows, k, Math.min(SECTION, inner - k), k * padded(rows));
    }
    last = wanted;
  }

  /** Packs some inner steps of rows of X: tile by tile, in them one step after the other. */
  private void pack(Matrix x, int first, int rows, int from, int steps, int at) {
    packed = atLeast(packed, at + padded(rows) * steps);
    lines = atLeast(lines, heights[0] * steps);
    for (int row = 0; row < rows; ) {
      final int height = height(rows - row);
      final int n = Math.min(height, rows - row);
      for (int r = 0; r < n; r++) {
        x.data().read(x.from() + (first + row + r) * x.stride() + from, lines, r * steps, steps);
      }
      if (n < height) {
        Arrays.fill(lines, n * steps, height * steps, 0f);
      }
      transpose(height, steps, at + row * steps);
      row += height;
    }
  }

  /** {@code packed[at + k * height + r] = lines[r * steps + k]}, some rows at a time. */
  private void transpose(int height, int steps, int at) {
    int r = 0;
    for (; r + 6 <= height; r += 6) {
      six(lines, r * steps, packed, at + r, height, steps);
    }
    for (; r < height; r++) {
      for (int k = 0; k < steps; k++) {
        packed[at + k * height + r] = lines[r * steps + k];
      }
    }
  }

  private static void six(float[] lines, int line, float[] packed, int at, int height, int steps) {
    final int line1 = line + steps;
    final int line2 = line1 + steps;
    final int line3 = line2 + steps;
    final int line4 = line3 + steps;
    final int line5 = line4 + steps;
    for (int k = 0; k < steps; k++) {
      final int to = at + k * height;
      packed[to] = lines[line + k];
      packed[to + 1] = lines[line1 + k];
      packed[to + 2] = lines[line2 + k];
      packed[to + 3] = lines[line3 + k];
      packed[to + 4] = lines[line4 + k];
      packed[to + 5] = lines[line5 + k];
    }
  }

  private int padded(int rows) {
    final int whole = rows / heights[0] * heights[0];
    return rows == whole ? rows : whole + height(rows - whole);
  }

  /** Adds a section to the block. */
  private void multiply(
      PackedWeight b, int rows, int firstPanel, int endPanel, int from, int steps, int at) {
    final int stride = (endPanel - firstPanel) * b.width();
    for (int panel = firstPanel; panel < endPanel; panel++) {
      for (int row = 0; row < rows; ) {
        final int height = height(rows - row);
        kernels.multiply(
            packed,
            at + row * steps,
            height,
            b.values(),
            b.panelFrom(panel, from),
            steps,
            block,
            row * stride + (panel - firstPanel) * b.width(),
            stride);
        row += height;
      }
    }
  }

  private static float[] atLeast(float[] array, int length) {
    return array.length >= length ? array : new float[length];
  }
}
