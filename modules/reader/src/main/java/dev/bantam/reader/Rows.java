package dev.bantam.reader;

import java.io.IOException;

/** Codes in which every row is a stream of its own and starts on a byte. */
final class Rows {
  /** What an element is worth, given its code and its group. */
  @FunctionalInterface
  interface Value {
    float of(int code, int group);
  }

  private Rows() {}

  static Entry entry(Parts parts, Matrix matrix, int bits) throws PackedModelException {
    return parts.bytes(".codes", matrix.rows(), matrix.rowBytes(bits));
  }

  static float[] restore(Entry codes, int bits, Groups groups, Place place, Value value)
      throws IOException {
    final Matrix matrix = groups.matrix();
    final byte[] bytes = codes.bytes();
    final float[] restored = new float[matrix.elements()];
    final int columns = matrix.columns();
    final int rowBytes = matrix.rowBytes(bits);
    for (int r = 0; r < matrix.rows(); r++) {
      final BitStream row = new BitStream(bytes, r * rowBytes, (r + 1) * rowBytes);
      for (int c = 0; c < columns; c++) {
        restored[r * columns + c] = value.of(row.take(bits), groups.of(r, c));
      }
      if (!row.endsClean()) {
        throw place.refuse("bits are set in the padding of row %d of '%s'", r, codes.name());
      }
    }
    return restored;
  }
}
