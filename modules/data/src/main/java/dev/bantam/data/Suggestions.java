package dev.bantam.data;

import java.util.List;

/** "Did you mean": the known name closest to a misspelt one. */
final class Suggestions {
  private static final int SHOWN = 20;

  private Suggestions() {}

  /**
   * Sentences that start with a space: the closest name if one is within a third of the length, and
   * the names there are.
   */
  static String hint(String given, List<String> known) {
    String best = "";
    int least = Math.max(1, given.length() / 3) + 1;
    for (String name : known) {
      final int d = distance(given, name);
      if (d < least) {
        least = d;
        best = name;
      }
    }
    final String more = known.size() > SHOWN ? ", ... (" + known.size() + " in all)" : "";
    final String list = String.join(", ", known.subList(0, Math.min(SHOWN, known.size()))) + more;
    return (best.isEmpty() ? "" : " Did you mean '" + best + "'?") + " There are: " + list + ".";
  }

  /**
   * Insertions, deletions, replacements and swaps of neighbours that turn a into b, no character
   * being edited twice (optimal string alignment).
   */
  static int distance(String a, String b) {
    final int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          d[i][j] = i + j;
          continue;
        }
        final int replaced = d[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        d[i][j] = Math.min(replaced, Math.min(d[i - 1][j], d[i][j - 1]) + 1);
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }
}
