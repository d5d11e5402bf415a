package dev.bantam.pruning;

import java.util.Arrays;

/** Selection of the groups of lowest score, exact in number and deterministic in ties. */
final class LowestScores {
  private LowestScores() {}

  /**
   * Marks the {@code count} lowest scores over all arrays. Of equal ones at the threshold the first
   * are left out (arrays in order, then elements in order), as SparseML does.
   *
   * @param scores no NaN
   * @param count 0 to the number of scores
   * @return marks of the shape of {@code scores}
   */
  static boolean[][] mark(double[][] scores, long count) {
    final boolean[][] marks = new boolean[scores.length][];
    int total = 0;
    for (int t = 0; t < scores.length; t++) {
      marks[t] = new boolean[scores[t].length];
      total = Math.addExact(total, scores[t].length);
    }
    if (count == 0) {
      return marks;
    }
    final double[] sorted = new double[total];
    int at = 0;
    for (double[] array : scores) {
      System.arraycopy(array, 0, sorted, at, array.length);
      at += array.length;
    }
    Arrays.parallelSort(sorted);
    final double threshold = sorted[Math.toIntExact(count - 1)];
    if (Double.isNaN(sorted[total - 1])) {
      throw new IllegalStateException("A score is no number");
    }
    long below = 0;
    long equal = 0;
    for (double[] array : scores) {
      for (double score : array) {
        below += score < threshold ? 1 : 0;
        equal += score == threshold ? 1 : 0;
      }
    }
    long leftOut = equal - (count - below);
    for (int t = 0; t < scores.length; t++) {
      for (int i = 0; i < scores[t].length; i++) {
        final double score = scores[t][i];
        marks[t][i] = score < threshold || (score == threshold && leftOut-- <= 0);
      }
    }
    return marks;
  }
}
