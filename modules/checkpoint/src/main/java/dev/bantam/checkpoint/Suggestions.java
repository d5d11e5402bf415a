package dev.bantam.checkpoint;

import java.util.Collection;
import java.util.Locale;

/** "Did you mean" for names that a user mistyped. */
final class Suggestions {
  private Suggestions() {}

  /** A text to append, such as {@code ; did you mean 'x'?}, or an empty one if nothing is near. */
  static String didYouMean(String typed, Collection<String> known) {
    String best = null;
    int bestDistance = Math.max(2, typed.length() / 3) + 1;
    for (final String name : known) {
      final int distance = distance(typed.toLowerCase(Locale.ROOT), name.toLowerCase(Locale.ROOT));
      if (distance < bestDistance) {
        best = name;
        bestDistance = distance;
      }
    }
    return best == null ? "" : "; did you mean '" + best + "'?";
  }

  /** Levenshtein distance. */
  private static int distance(String a, String b) {
    int[] above = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      above[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      final int[] row = new int[b.length() + 1];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        final int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        row[j] = Math.min(above[j - 1] + change, Math.min(above[j], row[j - 1]) + 1);
      }
      above = row;
    }
    return above[b.length()];
  }
}
