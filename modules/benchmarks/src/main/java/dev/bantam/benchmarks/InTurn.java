package dev.bantam.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Measures several ways of doing the same work in turn, so that whatever changes on the machine
 * changes for all of them.
 *
 * <p>A round gives every side one turn of about a quarter of a second; the side that begins changes
 * from round to round. A turn begins when the process is {@linkplain Quiet quiet}, with one untimed
 * run that brings the side's data back into the caches; where a single run takes longer than half a
 * turn, it is timed as well.
 */
final class InTurn {
  private static final double TURN_SECONDS = 0.25;
  private static final int FEWEST_ROUNDS = 5;

  private InTurn() {}

  /**
   * How long to measure.
   *
   * @param warmUp seconds of untimed work, all sides together
   * @param timed seconds of rounds; at least {@value #FEWEST_ROUNDS} rounds are done
   */
  record Budget(double warmUp, double timed) {}

  /**
   * Measures.
   *
   * @param sides each does the whole work once
   * @return runs a second of each side in each round, [sides][rounds]
   */
  static double[][] rates(Budget budget, Runnable... sides) {
    warmUp(budget.warmUp(), sides);
    final List<double[]> rounds = new ArrayList<>();
    final long start = System.nanoTime();
    while (rounds.size() < FEWEST_ROUNDS || secondsSince(start) < budget.timed()) {
      final double[] rates = new double[sides.length];
      for (int i = 0; i < sides.length; i++) {
        final int side = (rounds.size() + i) % sides.length;
        rates[side] = turn(sides[side]);
      }
      rounds.add(rates);
    }
    final double[][] rates = new double[sides.length][];
    Arrays.setAll(rates, side -> rounds.stream().mapToDouble(round -> round[side]).toArray());
    return rates;
  }

  private static void warmUp(double seconds, Runnable[] sides) {
    final long start = System.nanoTime();
    do {
      for (Runnable side : sides) {
        final long from = System.nanoTime();
        do {
          side.run();
        } while (secondsSince(from) < TURN_SECONDS);
      }
    } while (secondsSince(start) < seconds);
  }

  private static double turn(Runnable side) {
    Quiet.await();
    long start = System.nanoTime();
    side.run();
    long runs = 1;
    if (secondsSince(start) < TURN_SECONDS / 2) {
      start = System.nanoTime();
      runs = 0;
    }
    while (secondsSince(start) < TURN_SECONDS) {
      side.run();
      runs++;
    }
    return runs / secondsSince(start);
  }

  private static double secondsSince(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }
}
