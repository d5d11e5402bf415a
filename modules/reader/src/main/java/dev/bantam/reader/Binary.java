package dev.bantam.reader;

import java.io.IOException;

/** One sign an element: bit 1 for {@code +scale}, 0 for {@code -scale}. */
record Binary(Groups groups, Entry codes, Entry scales, Place place) implements Stored {
  static Binary of(Matrix matrix, Attributes attributes, Parts parts, Place place)
      throws PackedModelException {
    final Groups groups = Groups.of(matrix, attributes, place);
    return new Binary(groups, Rows.entry(parts, matrix, 1), groups.entry(parts, ".scales"), place);
  }

  @Override
  public Form form() {
    return Form.BINARY;
  }

  @Override
  public long[] shape() {
    return groups.matrix().shape().clone();
  }

  @Override
  public float[] restore() throws IOException {
    final float[] scale = groups.read(scales);
    return Rows.restore(codes, 1, groups, place, (bit, g) -> bit == 1 ? scale[g] : -scale[g]);
  }
}
