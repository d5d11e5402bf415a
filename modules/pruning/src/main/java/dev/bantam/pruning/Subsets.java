package dev.bantam.pruning;

import java.util.ArrayList;
import java.util.List;

/** Subsets of small sets of positions. */
final class Subsets {
  private Subsets() {}

  /** All subsets of {@code size} of the positions 0 .. n-1, each ascending, in lexical order. */
  static int[][] of(int n, int size) {
    final List<int[]> found = new ArrayList<>();
    extend(new int[size], 0, 0, n, found);
    return found.toArray(int[][]::new);
  }

  private static void extend(int[] chosen, int count, int from, int n, List<int[]> found) {
    if (count == chosen.length) {
      found.add(chosen.clone());
      return;
    }
    for (int i = from; i < n; i++) {
      chosen[count] = i;
      extend(chosen, count + 1, i + 1, n, found);
    }
  }
}
