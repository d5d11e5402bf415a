package dev.bantam.compression;

/**
 * How a matrix is cut into groups that share a scale: tiles of {@code height} rows and {@code
 * width} columns, shorter at the lower and the right edge where they do not divide the matrix.
 *
 * @param rows rows of the matrix, at least 1
 * @param columns columns of the matrix, at least 1
 * @param height rows of a group, 1..rows
 * @param width columns of a group, 1..columns
 */
public record Groups(int rows, int columns, int height, int width) {
  public Groups {
    if (rows < 1 || columns < 1) {
      throw new IllegalArgumentException("No matrix: [" + rows + ", " + columns + "]");
    }
    if (height < 1 || height > rows || width < 1 || width > columns) {
      throw new IllegalArgumentException(
          "Groups of " + height + " x " + width + " in [" + rows + ", " + columns + "]");
    }
  }

  /** One scale a row. */
  public static Groups perRow(int rows, int columns) {
    return new Groups(rows, columns, 1, columns);
  }

  /** One scale for {@code width} neighbouring columns of a row. */
  public static Groups ofColumns(int rows, int columns, int width) {
    return new Groups(rows, columns, 1, width);
  }

  /** One scale for {@code height} neighbouring rows. */
  public static Groups ofRows(int rows, int columns, int height) {
    return new Groups(rows, columns, height, columns);
  }

  /** One scale for all. */
  public static Groups whole(int rows, int columns) {
    return new Groups(rows, columns, rows, columns);
  }

  /** Number of groups one below the other. */
  public int down() {
    return (rows + height - 1) / height;
  }

  /** Number of groups side by side. */
  public int across() {
    return (columns + width - 1) / width;
  }

  /** Number of groups; they are numbered row by row. */
  public int count() {
    return down() * across();
  }

  /** Number of the group of an element. */
  public int at(int row, int column) {
    return row / height * across() + column / width;
  }
}
