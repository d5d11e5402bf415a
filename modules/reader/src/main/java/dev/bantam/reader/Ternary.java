package dev.bantam.reader;

import java.io.IOException;

/** Codes -1, 0 and 1 with a scale a group; five codes a byte, every row from a byte on. */
record Ternary(Groups groups, Entry codes, Entry scales, Place place) implements Stored {
  private static final int A_BYTE = 5;
  private static final int BYTES = 243; // 3^5

  static Ternary of(Matrix matrix, Attributes attributes, Parts parts, Place place)
      throws PackedModelException {
    final Groups groups = Groups.of(matrix, attributes, place);
    final Entry codes = parts.bytes(".codes", matrix.rows(), rowBytes(matrix));
    return new Ternary(groups, codes, groups.entry(parts, ".scales"), place);
  }

  private static int rowBytes(Matrix matrix) {
    return (matrix.columns() - 1) / A_BYTE + 1;
  }

  @Override
  public Form form() {
    return Form.TERNARY;
  }

  @Override
  public long[] shape() {
    return groups.matrix().shape().clone();
  }

  @Override
  public float[] restore() throws IOException {
    final Matrix matrix = groups.matrix();
    final float[] scale = groups.read(scales);
    final byte[] bytes = codes.bytes();
    final float[] restored = new float[matrix.elements()];
    final int columns = matrix.columns();
    final int rowBytes = rowBytes(matrix);
    for (int i = 0; i < bytes.length; i++) {
      int rest = bytes[i] & 0xff;
      if (rest >= BYTES) {
        throw place.refuse(
            "byte %d of '%s' is %d, and five codes are at most 242", i, codes.name(), rest);
      }
      final int row = i / rowBytes;
      final int from = i % rowBytes * A_BYTE;
      for (int c = from; c < Math.min(from + A_BYTE, columns); c++) {
        restored[row * columns + c] = (rest % 3 - 1) * scale[groups.of(row, c)];
        rest /= 3;
      }
      if (rest != 0) {
        throw place.refuse("codes are set in the padding of row %d of '%s'", row, codes.name());
      }
    }
    return restored;
  }
}
