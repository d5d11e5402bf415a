package dev.bantam.benchmarks;

import java.util.Arrays;

/**
 * Two sides over a number of rounds.
 *
 * @param ours median of our rates
 * @param theirs median of the peer's rates
 * @param ratio median over the rounds of {@code our rate / their rate}
 * @param runs rounds
 * @param spread half the distance between the quartiles of those ratios, divided by their median
 */
record Comparison(double ours, double theirs, double ratio, int runs, double spread) {

  /**
   * Compares rates of the same rounds.
   *
   * @param ours rates above 0, one a round
   * @param theirs as many
   */
  static Comparison of(double[] ours, double[] theirs) {
    if (ours.length == 0 || ours.length != theirs.length) {
      throw new IllegalArgumentException(
          ours.length + " rounds of ours and " + theirs.length + " of theirs");
    }
    final double[] ratios = new double[ours.length];
    Arrays.setAll(ratios, round -> ours[round] / theirs[round]);
    final double median = quantile(ratios, 0.5);
    final double halfRange = (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / 2;
    return new Comparison(
        quantile(ours, 0.5), quantile(theirs, 0.5), median, ours.length, halfRange / median);
  }

  /**
   * The value below which a share {@code p} of the sample lies, between neighbours on a straight
   * line: definition 7 of Hyndman and Fan (1996), the default of R and NumPy.
   */
  static double quantile(double[] sample, double p) {
    final double[] sorted = sample.clone();
    Arrays.sort(sorted);
    final double at = p * (sorted.length - 1);
    final int below = (int) at;
    final int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }
}
