package dev.bantam.model;

/**
 * Some rows of a site, contiguous: element (r, c) is {@code values[r * columns + c]}. The array may
 * be longer than the tile and is reused afterwards.
 *
 * @param values the rows
 * @param rows number of rows
 * @param columns width of a row
 * @param sequence the sequence, for {@linkplain Site.Kind#square() square} sites; else -1
 * @param head the head, for square sites; else -1
 * @param row number of the first row: the query's position in its sequence at square sites, the
 *     sequence at pooled ones, the token of the batch at all others
 */
@SuppressWarnings("ArrayRecordComponent") // a view handed to kernels
public record Tile(float[] values, int rows, int columns, int sequence, int head, int row) {
  /** The same rows with other values, e.g. their gradients. */
  Tile with(float[] others) {
    return new Tile(others, rows, columns, sequence, head, row);
  }

  /** Number of elements. */
  public int length() {
    return rows * columns;
  }
}
