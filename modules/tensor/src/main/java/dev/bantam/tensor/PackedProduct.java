package dev.bantam.tensor;

import dev.bantam.tensor.Blas.Matrix;
import java.util.Arrays;

/**
 * {@code X B} for a packed B, block of rows by block of rows: rows of X are packed into tiles once,
 * sections of them that stay in the second-level cache meet each panel, and the finished block is
 * handed over while it is still near the core.
 *
 * <p>An element of the result is one chain of {@code fma} in order of the inner index: its bits
 * depend on its row and column alone, not on blocks, vectors or threads. One object belongs to one
 * thread.
 */
public final class PackedProduct {
  /** Inner steps between two visits of a block of the result. */
  private static final int SECTION = 384;

  /** Columns of a block of the result. */
  private static final int BLOCK_COLUMNS = 384;

  /** Most floats of the packed rows of a block, half a megabyte. */
  private static final int PACKED = 1 << 17;

  /** Tallest block of rows. */
  private static final int BLOCK_ROWS = 132;

  private static final ThreadLocal<PackedProduct> OF_THREAD =
      ThreadLocal.withInitial(() -> new PackedProduct(Kernels.best()));

  private final Kernels kernels;
  private final int[] heights;
  private float[] lines = new float[0];
  private float[] packed = new float[0];
  private float[] block = new float[0];

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
    final int most =
        Math.max(1, Math.min(BLOCK_ROWS, PACKED / Math.max(1, b.inner())) / tallest) * tallest;
    final int blocks = (rows + most - 1) / most;
    final int tiles = (rows + tallest - 1) / tallest;
    int row = 0;
    for (int i = 0; i < blocks; i++) {
      final int end = Math.min(rows, (int) ((long) tiles * (i + 1) / blocks) * tallest);
      pack(x, row, end - row, b.inner());
      for (int column = from; column < to; column = nextBlock(column, b.width())) {
        final int columns = Math.min(to, nextBlock(column, b.width())) - column;
        multiply(b, end - row, column, columns);
        sink.accept(block, row, end - row, column, columns);
      }
      row = end;
    }
  }

  private static int nextBlock(int column, int width) {
    return column / width * width + BLOCK_COLUMNS;
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

  /** Packs rows of X: sections of the inner index, in them tiles, in them columns of the tile. */
  private void pack(Matrix x, int first, int rows, int inner) {
    final int padded = padded(rows);
    packed = atLeast(packed, padded * inner);
    lines = atLeast(lines, heights[0] * inner);
    for (int row = 0; row < rows; ) {
      final int height = height(rows - row);
      final int n = Math.min(height, rows - row);
      readRows(x, first + row, n, inner);
      if (n < height) {
        Arrays.fill(lines, n * inner, height * inner, 0f);
      }
      for (int from = 0; from < inner; from += SECTION) {
        final int steps = Math.min(SECTION, inner - from);
        transpose(from, inner, height, steps, from * padded + row * steps);
      }
      row += height;
    }
  }

  private void readRows(Matrix x, int row, int n, int inner) {
    if (x.stride() == inner) {
      x.data().read(x.from() + row * inner, lines, 0, n * inner);
      return;
    }
    for (int r = 0; r < n; r++) {
      x.data().read(x.from() + (row + r) * x.stride(), lines, r * inner, inner);
    }
  }

  /** {@code packed[at + k * height + r] = lines[r * inner + from + k]}, some rows at a time. */
  private void transpose(int from, int inner, int height, int steps, int at) {
    int r = 0;
    for (; r + 6 <= height; r += 6) {
      six(lines, r * inner + from, inner, packed, at + r, height, steps);
    }
    for (; r + 4 <= height; r += 4) {
      four(lines, r * inner + from, inner, packed, at + r, height, steps);
    }
    for (; r < height; r++) {
      final int line = r * inner + from;
      for (int k = 0; k < steps; k++) {
        packed[at + k * height + r] = lines[line + k];
      }
    }
  }

  private static void six(
      float[] lines, int line, int inner, float[] packed, int at, int height, int steps) {
    final int line1 = line + inner;
    final int line2 = line1 + inner;
    final int line3 = line2 + inner;
    final int line4 = line3 + inner;
    final int line5 = line4 + inner;
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

  private static void four(
      float[] lines, int line, int inner, float[] packed, int at, int height, int steps) {
    final int line1 = line + inner;
    final int line2 = line1 + inner;
    final int line3 = line2 + inner;
    for (int k = 0; k < steps; k++) {
      final int to = at + k * height;
      packed[to] = lines[line + k];
      packed[to + 1] = lines[line1 + k];
      packed[to + 2] = lines[line2 + k];
      packed[to + 3] = lines[line3 + k];
    }
  }

  private int padded(int rows) {
    final int whole = rows / heights[0] * heights[0];
    return rows == whole ? rows : whole + height(rows - whole);
  }

  private void multiply(PackedWeight b, int rows, int column, int columns) {
    final int width = b.width();
    final int firstPanel = column / width;
    final int endPanel = (column + columns + width - 1) / width;
    final int stride = (endPanel - firstPanel) * width;
    final int padded = padded(rows);
    block = atLeast(block, padded * stride);
    Arrays.fill(block, 0, padded * stride, 0f);
    for (int from = 0; from < b.inner(); from += SECTION) {
      final int steps = Math.min(SECTION, b.inner() - from);
      for (int panel = firstPanel; panel < endPanel; panel++) {
        for (int row = 0; row < rows; ) {
          final int height = height(rows - row);
          kernels.multiply(
              packed,
              from * padded + row * steps,
              height,
              b.values(),
              b.panelFrom(panel, from),
              steps,
              block,
              row * stride + (panel - firstPanel) * width,
              stride);
          row += height;
        }
      }
    }
    final int skipped = column - firstPanel * width;
    if (stride != columns) {
      for (int row = 0; row < rows; row++) {
        System.arraycopy(block, row * stride + skipped, block, row * columns, columns);
      }
    }
  }

  private static float[] atLeast(float[] array, int length) {
    return array.length >= length ? array : new float[length];
  }
}
