package dev.bantam.reader;

import java.io.IOException;

/**
 * {@code n} stored elements in every {@code m} neighbours of a row.
 *
 * @param values [rows, columns / m * n]
 */
record NOfM(Matrix matrix, int n, int m, Positions.Mask mask, Entry values, Place place)
    implements Stored {
  private static final int MOST = 32;

  static NOfM of(Matrix matrix, Attributes attributes, Parts parts, Place place)
      throws PackedModelException {
    final int m = (int) attributes.integer("m", 2, MOST);
    final int n = (int) attributes.integer("n", 1, m - 1);
    if (matrix.columns() % m != 0) {
      throw place.refuse("its rows of %d do not divide into runs of %d", matrix.columns(), m);
    }
    return new NOfM(
        matrix,
        n,
        m,
        Positions.Mask.of(parts, matrix, place),
        parts.floats(".values", matrix.rows(), matrix.columns() / m * (long) n),
        place);
  }

  @Override
  public Form form() {
    return Form.N_OF_M;
  }

  @Override
  public long[] shape() {
    return matrix.shape().clone();
  }

  @Override
  public float[] restore() throws IOException {
    final float[] kept = values.floats();
    final int[] at = mask.read(kept.length);
    // m divides a row, so the runs follow one another through the whole tensor
    for (int i = 0; i < kept.length; i++) {
      if (at[i] / m != i / n) {
        throw place.refuse(
            "its mask does not have exactly %d bits in elements %d to %d",
            n, i / n * m, i / n * m + m - 1);
      }
    }
    final float[] restored = new float[matrix.elements()];
    for (int i = 0; i < kept.length; i++) {
      restored[at[i]] = kept[i];
    }
    return restored;
  }
}
