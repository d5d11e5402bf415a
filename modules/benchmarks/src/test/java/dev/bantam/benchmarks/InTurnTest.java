package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bantam.benchmarks.InTurn.Budget;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Turns and rates, on a clock that only the work itself moves. */
class InTurnTest {
  private static final double EXACT = 1e-9;

  private final StringBuilder order = new StringBuilder();
  private long millis;
  private boolean cold;

  /** Work of a number of milliseconds, and of more at the first time in a turn. */
  private Runnable work(char name, int warmMillis, int coldMillis) {
    return () -> {
      order.append(name);
      millis += cold ? coldMillis : warmMillis;
      cold = false;
    };
  }

  private InTurn inTurn(double warmUp, double timed) {
    return new InTurn(
        new Budget(warmUp, timed, 0.1),
        () -> millis * 1_000_000,
        () -> {
          order.append(' ');
          cold = true;
        });
  }

  private static double[] rounds(int count, double value) {
    final double[] values = new double[count];
    Arrays.fill(values, value);
    return values;
  }

  @Test
  void theFirstRunOfATurnIsNotTimed() {
    final double[][] rates = inTurn(0, 0).rates(work('a', 10, 45), work('b', 25, 25));
    assertArrayEquals(rounds(5, 100), rates[0], EXACT);
    assertArrayEquals(rounds(5, 40), rates[1], EXACT);
  }

  @Test
  void aRunOfHalfATurnIsTimed() {
    final double[][] rates = inTurn(0, 0).rates(work('a', 80, 120), work('b', 50, 50));
    assertArrayEquals(rounds(5, 1 / 0.12), rates[0], EXACT);
    assertArrayEquals(rounds(5, 20), rates[1], EXACT);
  }

  @Test
  void everySideBeginsInItsTurn() {
    inTurn(0, 0).rates(work('a', 100, 100), work('b', 100, 100), work('c', 100, 100));
    assertEquals(" a b c b c a c a b a b c b c a", order.toString());
  }

  @Test
  void roundsGoOnUntilTheTimeIsUp() {
    assertEquals(8, inTurn(0, 1.5).rates(work('a', 100, 100), work('b', 100, 100))[0].length);
  }

  @Test
  void warmsUpWithoutTiming() {
    inTurn(0.5, 0).rates(work('a', 50, 50), work('b', 100, 100));
    assertEquals("aabaabaab", order.substring(0, order.indexOf(" ")));
  }
}
