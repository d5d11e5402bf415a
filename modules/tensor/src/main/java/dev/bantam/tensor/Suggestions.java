package dev.bantam.tensor;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** Finds what a user probably meant by a misspelt word. */
public final class Suggestions {
  private Suggestions() {}

  /**
   * The candidate with the smallest edit distance to {@code word}, if it is near enough to be a
   * slip: at most one edit, or one in three characters of the longer of the two. Upper case and
   * {@code _} count as lower case and {@code -}. The first of several equally near ones wins.
   */
  public static Optional<String> closest(String word, Collection<String> candidates) {
    final String folded = fold(word);
    String best = null;
    int bestDistance = Integer.MAX_VALUE;
    for (String candidate : candidates) {
      final int distance = distance(folded, fold(candidate));
      final int allowed = Math.max(1, Math.max(word.length(), candidate.length()) / 3);
      if (distance <= allowed && distance < bestDistance) {
        best = candidate;
        bestDistance = distance;
      }
    }
    return Optional.ofNullable(best);
  }

  /** {@code Did you mean 'x'? } (with the blank), or nothing if no candidate is near. */
  public static String didYouMean(String word, Collection<String> candidates) {
    return closest(word, candidates).map(c -> "Did you mean '" + c + "'? ").orElse("");
  }

  private static String fold(String word) {
    return word.toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * Damerau-Levenshtein distance in its restricted form (optimal string alignment): the fewest
   * insertions, deletions, replacements and swaps of neighbours, no part edited twice.
   */
  public static int distance(String a, String b) {
    final int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      d[i][0] = i;
    }
    for (int j = 0; j <= b.length(); j++) {
      d[0][j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      for (int j = 1; j <= b.length(); j++) {
        final int replace = d[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        d[i][j] = Math.min(replace, Math.min(d[i - 1][j], d[i][j - 1]) + 1);
        final boolean swapped =
            i > 1
                && j > 1
                && a.charAt(i - 1) == b.charAt(j - 2)
                && a.charAt(i - 2) == b.charAt(j - 1);
        if (swapped) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }
}
