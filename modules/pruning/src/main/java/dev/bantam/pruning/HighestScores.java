package dev.bantam.pruning;

/**
 * Selection of the highest of many float scores, exact in number, in time proportional to theirs.
 */
final class HighestScores {
  private static final int BUCKETS = 1 << 16;

  private HighestScores() {}

  /**
   * Marks the {@code count} highest scores; of equal ones at the threshold the first.
   *
   * <p>Bits of floats can be turned into integers of the same order: two passes over their high and
   * low halves find the threshold without sorting.
   *
   * @param scores no NaN
   * @param count 0 to the number of scores
   * @param marks out
   */
  static void mark(float[] scores, int count, boolean[] marks) {
    if (count == 0) {
      java.util.Arrays.fill(marks, false);
      return;
    }
    final int[] high = new int[BUCKETS];
    for (float score : scores) {
      high[order(score) >>> 16]++;
    }
    int above = 0;
    int bucket = BUCKETS - 1;
    while (above + high[bucket] < count) {
      above += high[bucket--];
    }
    final int[] low = new int[BUCKETS];
    for (float score : scores) {
      final int order = order(score);
      if (order >>> 16 == bucket) {
        low[order & 0xffff]++;
      }
    }
    int rest = BUCKETS - 1;
    while (above + low[rest] < count) {
      above += low[rest--];
    }
    final int threshold = bucket << 16 | rest;
    int equal = count - above;
    for (int i = 0; i < scores.length; i++) {
      final int compared = Integer.compareUnsigned(order(scores[i]), threshold);
      marks[i] = compared > 0 || (compared == 0 && equal-- > 0);
    }
  }

  /** An unsigned integer of the same order; both zeros are one. */
  private static int order(float score) {
    final int bits = Float.floatToRawIntBits(score + 0f);
    return bits ^ (bits >> 31 | Integer.MIN_VALUE);
  }
}
