package dev.bantam.reader;

import java.io.IOException;

/** Stored positions and their values: the forms bitmask-sparse and index-sparse. */
record Sparse(Form form, Matrix matrix, Positions positions, Entry values, Place place)
    implements Stored {
  static Sparse withMask(Matrix matrix, Attributes attributes, Parts parts, Place place)
      throws PackedModelException {
    final Positions positions = Positions.masked(attributes, parts, matrix, place);
    return new Sparse(Form.BITMASK_SPARSE, matrix, positions, parts.floatList(".values"), place);
  }

  static Sparse withGaps(Matrix matrix, Attributes attributes, Parts parts, Place place)
      throws PackedModelException {
    final Positions positions = Positions.gapped(attributes, parts, matrix, place);
    return new Sparse(Form.INDEX_SPARSE, matrix, positions, parts.floatList(".values"), place);
  }

  @Override
  public long[] shape() {
    return matrix.shape().clone();
  }

  @Override
  public float[] restore() throws IOException {
    final float[] kept = values.floats();
    final int[] at = positions.read(kept.length);
    final float[] restored = new float[matrix.elements()];
    for (int i = 0; i < kept.length; i++) {
      restored[at[i]] = kept[i];
    }
    return restored;
  }
}
