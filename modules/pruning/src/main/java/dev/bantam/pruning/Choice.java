package dev.bantam.pruning;

/** Which weights go when each has a cost of its own that does not depend on the others. */
final class Choice {
  private Choice() {}

  /**
   * The weights that go.
   *
   * @param costs of each weight; those of a group are added
   * @param weights what is gone already goes first
   * @param sparsity share of all groups to be gone; of no effect with a fixed pattern
   * @return by matrix, those that were there and shall go
   */
  static boolean[][] of(
      Scope scope, Pattern pattern, double[][] costs, PrunedWeights weights, double sparsity) {
    final boolean[][] goes = new boolean[costs.length][];
    if (pattern.isFixed()) {
      for (int t = 0; t < goes.length; t++) {
        goes[t] = fixed(pattern, costs[t], weights.kept(t));
      }
      return goes;
    }
    final double[][] groups = new double[costs.length][];
    for (int t = 0; t < goes.length; t++) {
      groups[t] = groups(pattern.size(), costs[t], weights.kept(t));
    }
    final boolean[][] marks = marks(scope, groups, sparsity);
    for (int t = 0; t < goes.length; t++) {
      goes[t] = new boolean[costs[t].length];
      for (int i = 0; i < goes[t].length; i++) {
        goes[t][i] = marks[t][i / pattern.size()] && weights.kept(t)[i];
      }
    }
    return goes;
  }

  /** Those that go from one matrix by a fixed pattern; of equal costs the first. */
  static boolean[] fixed(Pattern pattern, double[] costs, boolean[] kept) {
    final boolean[] goes = new boolean[costs.length];
    final boolean[] stays = kept.clone();
    final double[] scores = groups(1, costs, kept); // what is gone is minus infinity
    for (int from = 0; from < goes.length; from += pattern.of()) {
      RowSelection.lowest(scores, from, pattern.of(), pattern.of() - pattern.kept(), stays, from);
    }
    for (int i = 0; i < goes.length; i++) {
      goes[i] = kept[i] && !stays[i];
    }
    return goes;
  }

  private static double[] groups(int size, double[] costs, boolean[] kept) {
    final double[] sums = new double[costs.length / size];
    for (int g = 0; g < sums.length; g++) {
      boolean any = false;
      for (int i = g * size; i < (g + 1) * size; i++) {
        any |= kept[i];
        sums[g] += kept[i] ? costs[i] : 0;
      }
      sums[g] = any ? sums[g] : Double.NEGATIVE_INFINITY;
    }
    return sums;
  }

  /**
   * Marks the lowest of all scores, or of each array.
   *
   * @param sparsity share of them, rounded half to even
   */
  static boolean[][] marks(Scope scope, double[][] scores, double sparsity) {
    if (scope == Scope.GLOBAL) {
      long total = 0;
      for (double[] s : scores) {
        total += s.length;
      }
      return LowestScores.mark(scores, (long) Math.rint(total * sparsity));
    }
    final boolean[][] marks = new boolean[scores.length][];
    for (int t = 0; t < scores.length; t++) {
      final long count = (long) Math.rint(scores[t].length * sparsity);
      marks[t] = LowestScores.mark(new double[][] {scores[t]}, count)[0];
    }
    return marks;
  }
}
