package dev.bantam.reader;

import java.io.IOException;

/**
 * Blocks of elements that share a scale, row of blocks after row of blocks; those at the right and
 * lower edge may be smaller.
 *
 * @param height rows of a block
 * @param width columns of a block
 */
record Groups(Matrix matrix, int height, int width, Place place) {
  static Groups of(Matrix matrix, Attributes attributes, Place place) throws PackedModelException {
    final long[] block = attributes.integers("group", 1);
    if (block.length != 2) {
      throw place.refuse(
          "the attribute 'group' is rows and columns, and has %d numbers", block.length);
    }
    if (block[0] > matrix.rows() || block[1] > matrix.columns()) {
      throw place.refuse(
          "groups of %d rows and %d columns do not fit into %d rows and %d columns",
          block[0], block[1], matrix.rows(), matrix.columns());
    }
    return new Groups(matrix, (int) block[0], (int) block[1], place);
  }

  int down() {
    return (matrix.rows() - 1) / height + 1;
  }

  int across() {
    return (matrix.columns() - 1) / width + 1;
  }

  int count() {
    return down() * across();
  }

  /** The entry with one number a group. */
  Entry entry(Parts parts, String suffix) throws PackedModelException {
    return parts.floats(suffix, down(), across());
  }

  /** The numbers of such an entry, all finite and none of them 0. */
  float[] readScales(Entry entry) throws IOException {
    final float[] scales = read(entry);
    for (int i = 0; i < scales.length; i++) {
      if (scales[i] == 0f) {
        throw place.refuse("number %d of its entry '%s' is 0", i, entry.name());
      }
    }
    return scales;
  }

  /** The numbers of such an entry, all finite. */
  float[] read(Entry entry) throws IOException {
    final float[] numbers = entry.floats();
    for (int i = 0; i < numbers.length; i++) {
      if (!Float.isFinite(numbers[i])) {
        throw place.refuse("number %d of its entry '%s' is %s", i, entry.name(), numbers[i]);
      }
    }
    return numbers;
  }

  /** The group of an element, given by its number in C order. */
  int of(int element) {
    return of(element / matrix.columns(), element % matrix.columns());
  }

  int of(int row, int column) {
    return row / height * across() + column / width;
  }
}
