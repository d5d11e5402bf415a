package dev.bantam.outliersuppression;

/** Rounds matrices to the values of integer codes whose range is that of the data itself. */
final class FakeQuantization {
  private FakeQuantization() {}

  /**
   * One range for consecutive runs of elements: a row, a group of columns of a row, or everything.
   *
   * @param x in and out, a whole number of runs
   * @param run elements that share a range
   */
  static void runs(float[] x, int length, int run, Codes codes, int bits) {
    for (int from = 0; from < length; from += run) {
      codes.of(Range.of(x, from, run), bits).round(x, from, run);
    }
  }
}
