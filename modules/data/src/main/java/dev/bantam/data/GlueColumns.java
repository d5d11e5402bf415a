package dev.bantam.data;

import java.util.List;
import java.util.Optional;

/**
 * Where the texts and the label stand in a line of a GLUE file.
 *
 * @param names columns of the label and of the one or two texts by the header line; empty where a
 *     file has none
 * @param fixed where they are without a header line; empty with one
 */
record GlueColumns(List<String> names, Optional<Places> fixed) {

  /**
   * Numbers of columns, from 0.
   *
   * @param width number of cells in a line
   * @param pair of the second text, -1 if there is none
   */
  record Places(int width, int label, int text, int pair) {}

  /** Columns that the header line names. */
  static GlueColumns named(String label, String... texts) {
    final String[] names = new String[1 + texts.length];
    names[0] = label;
    System.arraycopy(texts, 0, names, 1, texts.length);
    return new GlueColumns(List.of(names), Optional.empty());
  }

  /** Columns of a file of single texts without a header line. */
  static GlueColumns numbered(int width, int label, int text) {
    return new GlueColumns(List.of(), Optional.of(new Places(width, label, text, -1)));
  }

  boolean hasHeader() {
    return fixed.isEmpty();
  }

  /** What a header line says about the places; all names are in it. */
  Places in(List<String> header) {
    final List<Integer> at = names.stream().map(header::indexOf).toList();
    return new Places(header.size(), at.get(0), at.get(1), at.size() > 2 ? at.get(2) : -1);
  }
}
