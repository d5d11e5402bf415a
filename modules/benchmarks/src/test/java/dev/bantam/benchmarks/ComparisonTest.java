package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/** The statistics against cases solved by hand. */
class ComparisonTest {
  private static final double EXACT = 1e-15;

  @Test
  void quantilesLieBetweenNeighboursOnAStraightLine() {
    final double[] sample = {4, 1, 3, 2};
    assertEquals(1, Comparison.quantile(sample, 0), EXACT);
    assertEquals(1.75, Comparison.quantile(sample, 0.25), EXACT);
    assertEquals(2.5, Comparison.quantile(sample, 0.5), EXACT);
    assertEquals(3.25, Comparison.quantile(sample, 0.75), EXACT);
    assertEquals(4, Comparison.quantile(sample, 1), EXACT);
    assertEquals(7, Comparison.quantile(new double[] {7}, 0.25), EXACT);
  }

  /** The ratios are 3, 3 and 1/2; the ratio of the medians would be 3/2. */
  @Test
  void theRatioIsTheMedianOfTheRoundsRatios() {
    final Comparison comparison = Comparison.of(new double[] {6, 3, 2}, new double[] {2, 1, 4});
    assertEquals(3, comparison.ours(), EXACT);
    assertEquals(2, comparison.theirs(), EXACT);
    assertEquals(3, comparison.ratio(), EXACT);
    assertEquals(3, comparison.runs());
    // quartiles 1.75 and 3
    assertEquals(0.625 / 3, comparison.spread(), EXACT);
  }

  @Test
  void equalRoundsHaveNoSpread() {
    final Comparison comparison = Comparison.of(new double[] {3, 6}, new double[] {2, 4});
    assertEquals(1.5, comparison.ratio(), EXACT);
    assertEquals(0, comparison.spread(), EXACT);
  }

  @Test
  void roundsComeInPairs() {
    assertThrows(
        IllegalArgumentException.class, () -> Comparison.of(new double[] {1, 2}, new double[] {1}));
    assertThrows(IllegalArgumentException.class, () -> Comparison.of(new double[0], new double[0]));
  }
}
