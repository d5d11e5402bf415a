package dev.bantam.reader;

import java.util.Arrays;

/**
 * The rows of a tensor: its last dimension is the length of a row, all others together count them.
 *
 * @param shape the tensor's dimensions, 1 to 8 of them, each at least 1
 */
@SuppressWarnings("ArrayRecordComponent") // handed on, compared nowhere
record Matrix(long[] shape, int rows, int columns) {
  private static final int MOST_DIMENSIONS = 8;
  private static final int MOST_ELEMENTS = (1 << 29) - 1;

  /** Reads the attribute {@code shape}. */
  static Matrix of(Attributes attributes, Place place) throws PackedModelException {
    final long[] shape = attributes.integers("shape", 1);
    if (shape.length > MOST_DIMENSIONS) {
      throw place.refuse(
          "its shape has %d dimensions, and may have %d", shape.length, MOST_DIMENSIONS);
    }
    long elements = 1;
    for (final long dimension : shape) {
      elements = place.times(elements, dimension);
    }
    if (elements > MOST_ELEMENTS) {
      throw place.refuse(
          "its shape %s has %d elements, and may have %d",
          Arrays.toString(shape), elements, MOST_ELEMENTS);
    }
    final int columns = (int) shape[shape.length - 1];
    return new Matrix(shape, (int) elements / columns, columns);
  }

  /**
   * The same with a run of neighbouring elements in place of each.
   *
   * @param width divides the columns
   */
  Matrix inRuns(int width) {
    return new Matrix(shape, rows, columns / width);
  }

  int elements() {
    return rows * columns;
  }

  /** Bytes of a row as a stream of codes of this width, 1 to 8 bits. */
  int rowBytes(int width) {
    return (int) BitStream.bytes(columns, width);
  }
}
