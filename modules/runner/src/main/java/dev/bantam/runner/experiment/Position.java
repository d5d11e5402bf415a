package dev.bantam.runner.experiment;

import java.util.Comparator;

/**
 * A place in a text file.
 *
 * @param file name of an included file, or empty: the file that is read
 * @param line from 1
 * @param column from 1, in Unicode code points
 */
record Position(String file, int line, int column) implements Comparable<Position> {
  /** The beginning of the file that is read. */
  static final Position START = new Position("", 1, 1);

  private static final Comparator<Position> ORDER =
      Comparator.comparing(Position::file)
          .thenComparingInt(Position::line)
          .thenComparingInt(Position::column);

  @Override
  public int compareTo(Position other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return (file.isEmpty() ? "" : file + ":") + line + ":" + column;
  }
}
