package dev.bantam.tensor;

import java.util.Arrays;

/**
 * Rows of codes as planes of bits, the left side of a {@link BitProduct}. Bit j of word w is
 * element {@code 64 w + j}; bits beyond the width are 0. The memory is kept from one use to the
 * next.
 */
public final class BitRows {
  private final CodeSet set;
  private final int columns;
  private final int words;
  private long[] bits = new long[0];
  private int rows;

  /** Room for rows of a width, filled by {@link #pack}. */
  public BitRows(CodeSet set, int columns) {
    this.set = set;
    this.columns = columns;
    this.words = words(columns);
  }

  /** Words of 64 bits that a row of one plane takes. */
  public static int words(int columns) {
    return (columns + Long.SIZE - 1) / Long.SIZE;
  }

  /**
   * Takes rows of codes.
   *
   * @param codes whole numbers of the set, [rows, columns]
   */
  public void pack(float[] codes, int count) {
    rows = count;
    final int length = set.planes() * rows * words;
    if (bits.length < length) {
      bits = new long[length];
    }
    for (int t = 0; t < set.planes(); t++) {
      for (int r = 0; r < rows; r++) {
        packRow(codes, r * columns, t, (t * rows + r) * words);
      }
    }
  }

  private void packRow(float[] codes, int from, int plane, int at) {
    for (int w = 0; w < words; w++) {
      final int first = from + w * Long.SIZE;
      final int n = Math.min(Long.SIZE, from + columns - first);
      long word = 0;
      for (int j = 0; j < n; j++) {
        word |= (set.bit(plane, (int) codes[first + j]) ? 1L : 0L) << j;
      }
      bits[at + w] = word;
    }
  }

  /** The words, [planes, rows, words of a row]; a copy. */
  public long[] toArray() {
    return Arrays.copyOf(bits, set.planes() * rows * words);
  }

  /** What the codes are. */
  public CodeSet set() {
    return set;
  }

  /** Width of a row. */
  public int columns() {
    return columns;
  }

  /** Number of rows. */
  public int rows() {
    return rows;
  }

  long[] bits() {
    return bits;
  }

  int from(int plane) {
    return plane * rows * words;
  }

  /** Set bits of a row in a plane. */
  int count(int plane, int row) {
    int sum = 0;
    for (int w = 0; w < words; w++) {
      sum += Long.bitCount(bits[from(plane) + row * words + w]);
    }
    return sum;
  }
}
