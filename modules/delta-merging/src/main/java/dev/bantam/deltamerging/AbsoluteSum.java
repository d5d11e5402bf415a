package dev.bantam.deltamerging;

/**
 * {@code sum_i |v_i|} in double, block by block. Eight sums side by side, since a chain of
 * additions is what takes time; the result does not depend on how the values are cut into blocks.
 */
final class AbsoluteSum {
  private static final int SUMS = 8;

  private final double[] sums = new double[SUMS];

  /** The sum over a whole array. */
  static double of(float[] values) {
    final AbsoluteSum sum = new AbsoluteSum();
    sum.add(values, 0, values.length);
    return sum.value();
  }

  /**
   * Adds a block.
   *
   * @param from a multiple of 8
   * @param n a multiple of 8 unless it is the last block
   */
  void add(float[] values, int from, int n) {
    double a = sums[0];
    double b = sums[1];
    double c = sums[2];
    double d = sums[3];
    double e = sums[4];
    double f = sums[5];
    double g = sums[6];
    double h = sums[7];
    final int end = from + n;
    int i = from;
    for (; i + SUMS - 1 < end; i += SUMS) {
      a += Math.abs(values[i]);
      b += Math.abs(values[i + 1]);
      c += Math.abs(values[i + 2]);
      d += Math.abs(values[i + 3]);
      e += Math.abs(values[i + 4]);
      f += Math.abs(values[i + 5]);
      g += Math.abs(values[i + 6]);
      h += Math.abs(values[i + 7]);
    }
    for (; i < end; i++) {
      a += Math.abs(values[i]);
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
    sums[4] = e;
    sums[5] = f;
    sums[6] = g;
    sums[7] = h;
  }

  double value() {
    return ((sums[0] + sums[1]) + (sums[2] + sums[3]))
        + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  }
}
