package dev.bantam.data;

import java.util.Locale;

/** Nouns of WordNet's data file, made by tests. */
final class WordnetNouns {
  /** The entry of the jar that holds the nouns. */
  static final String ENTRY = "net/sf/extjwnl/data/wordnet/wn31/data.noun";

  private WordnetNouns() {}

  /** A line of the data file; pointers are symbol and offset. */
  static String line(int offset, String file, String gloss, String... pointers) {
    final StringBuilder line = new StringBuilder();
    line.append(String.format(Locale.ROOT, "%08d %s n 02 a_thing 0 08000101 1 ", offset, file));
    line.append(String.format(Locale.ROOT, "%03d ", pointers.length));
    for (String pointer : pointers) {
      line.append(pointer).append(" n 0000 ");
    }
    return line.append("| ").append(gloss).append("  \n").toString();
  }

  /** A pair as a row: label, first and second text. */
  static String row(Example e) {
    return e.label() + "\t" + e.text() + "\t" + e.pair();
  }
}
