package dev.bantam.compression;

import dev.bantam.tensor.BantamException;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The shape of a tensor that is stored row by row: the last dimension is a row's length, all others
 * together count the rows. A vector is one row.
 */
final class MatrixShape {
  /** Most elements of a tensor, the reach of one float buffer. */
  private static final long MAX_ELEMENTS = (1L << 29) - 1;

  private static final int MAX_RANK = 8;

  private final long[] shape;
  private final int rows;
  private final int columns;

  private MatrixShape(long[] shape) {
    this.shape = shape.clone();
    this.columns = (int) shape[shape.length - 1];
    long product = 1;
    for (int d = 0; d < shape.length - 1; d++) {
      product *= shape[d];
    }
    this.rows = (int) product;
  }

  /**
   * @throws IllegalArgumentException unless every dimension is at least 1 and there is at least one
   */
  static MatrixShape of(long... shape) {
    problem(shape)
        .ifPresent(
            problem -> {
              throw new IllegalArgumentException("Shape " + Arrays.toString(shape) + problem);
            });
    return new MatrixShape(shape);
  }

  /** Reads {@link #text}. */
  static MatrixShape parse(String text) {
    final long[] shape;
    try {
      shape = Arrays.stream(text.split(",", MAX_RANK + 1)).mapToLong(Long::parseLong).toArray();
    } catch (NumberFormatException e) {
      throw BantamException.badInput(
          "its shape '" + text + "' is not a list of whole numbers such as '384,1536'.", e);
    }
    problem(shape)
        .ifPresent(
            problem -> {
              throw BantamException.badInput("its shape '" + text + "'" + problem + ".");
            });
    return new MatrixShape(shape);
  }

  private static Optional<String> problem(long[] shape) {
    if (shape.length == 0 || shape.length > MAX_RANK) {
      return Optional.of(" has " + shape.length + " dimensions, 1 to " + MAX_RANK + " can be kept");
    }
    long product = 1;
    for (long size : shape) {
      if (size < 1) {
        return Optional.of(" has a dimension below 1");
      }
      if (size > MAX_ELEMENTS / product) {
        return Optional.of(" has more than " + MAX_ELEMENTS + " elements");
      }
      product *= size;
    }
    return Optional.empty();
  }

  /** All dimensions; a copy. */
  long[] dimensions() {
    return shape.clone();
  }

  int rows() {
    return rows;
  }

  int columns() {
    return columns;
  }

  /** Number of elements. */
  int length() {
    return rows * columns;
  }

  /** The dimensions as they stand in a file, e.g. {@code 384,1536}. */
  String text() {
    return Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(","));
  }

  @Override
  public String toString() {
    return Arrays.toString(shape);
  }
}
