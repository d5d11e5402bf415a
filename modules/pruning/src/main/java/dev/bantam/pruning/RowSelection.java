package dev.bantam.pruning;

import java.util.Arrays;

/** Selection of the lowest scores within a row or a part of it. */
final class RowSelection {
  private RowSelection() {}

  /**
   * What a row gives of a count over all rows: rows differ by one at most, and their sum is the
   * count.
   */
  static int share(long count, int row, int rows) {
    return Math.toIntExact(upTo(count, row + 1, rows) - upTo(count, row, rows));
  }

  /** What the first parts of equal size give together, rounded half to even. */
  static long upTo(long count, int parts, int all) {
    return (long) Math.rint((double) count * parts / all);
  }

  /**
   * Takes out the {@code count} lowest scores; of equal ones the first, as Wanda does.
   *
   * @param scores of which {@code n} from position {@code from} compete; no NaN
   * @param count up to {@code n}
   * @param kept false is written for those taken out, at the same distance from {@code at}
   */
  static void lowest(double[] scores, int from, int n, int count, boolean[] kept, int at) {
    if (count == 0) {
      return;
    }
    final double[] sorted = Arrays.copyOfRange(scores, from, from + n);
    Arrays.sort(sorted);
    final double threshold = sorted[count - 1];
    int equal = count;
    for (int i = 0; i < n; i++) {
      equal -= scores[from + i] < threshold ? 1 : 0;
    }
    for (int i = 0; i < n; i++) {
      final double score = scores[from + i];
      if (score < threshold || (score == threshold && equal-- > 0)) {
        kept[at + i] = false;
      }
    }
  }
}
