package dev.bantam.model;

import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;

/** Memory of one worker: heap tiles for the kernels and off-heap squares for attention. */
final class Scratch {
  private static final int TILE = 8192;

  private final float[][] tiles = new float[5][];
  private final Floats[] squares = new Floats[5];

  /** Rows of a tile that stays near the core: at least one, about {@value #TILE} floats. */
  static int tileRows(int columns) {
    return Math.max(1, TILE / columns);
  }

  /** Heap tile number {@code i} with room for {@code length} floats; contents are left over. */
  float[] tile(int i, int length) {
    if (tiles[i] == null || tiles[i].length < length) {
      tiles[i] = new float[Math.max(length, TILE)];
    }
    return tiles[i];
  }

  /** Off-heap buffer number {@code i} with room for {@code length} floats. */
  Floats square(int i, int length) {
    if (squares[i] == null || squares[i].length() < length) {
      squares[i] = Floats.zeros(length);
    }
    return squares[i];
  }

  /** Copies {@code rows} rows of {@code columns} floats, starting at {@code matrix}, to a tile. */
  static void read(Matrix matrix, int rows, int columns, float[] tile) {
    if (matrix.stride() == columns) {
      matrix.data().read(matrix.from(), tile, 0, rows * columns);
      return;
    }
    for (int r = 0; r < rows; r++) {
      matrix.data().read(matrix.from() + r * matrix.stride(), tile, r * columns, columns);
    }
  }

  /** The opposite of {@link #read}. */
  static void write(Matrix matrix, int rows, int columns, float[] tile) {
    if (matrix.stride() == columns) {
      matrix.data().write(matrix.from(), tile, 0, rows * columns);
      return;
    }
    for (int r = 0; r < rows; r++) {
      matrix.data().write(matrix.from() + r * matrix.stride(), tile, r * columns, columns);
    }
  }
}
