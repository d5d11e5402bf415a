package dev.bantam.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Measures several ways of doing the same work in turn, so that whatever changes on the machine
 * changes for all of them.
 *
 * <p>A round gives every side one turn; the side that begins changes from round to round. A turn
 * begins when the process is {@linkplain Quiet quiet}, with one untimed run that brings the side's
 * data back into the caches; where a single run takes half a turn or longer, it is timed as well.
 */
final class InTurn {
  private static final int FEWEST_ROUNDS = 5;

  private final Budget budget;
  private final LongSupplier nanos;
  private final Runnable quiet;

  /**
   * How long to measure, in seconds.
   *
   * @param warmUp untimed work before the first round, all sides together
   * @param timed rounds, pauses included; at least {@value #FEWEST_ROUNDS} rounds are done
   * @param turn shortest turn
   */
  record Budget(double warmUp, double timed, double turn) {}

  InTurn(Budget budget) {
    this(budget, System::nanoTime, Quiet::await);
  }

  /**
   * @param nanos the clock
   * @param quiet waits until a turn may begin
   */
  InTurn(Budget budget, LongSupplier nanos, Runnable quiet) {
    this.budget = budget;
    this.nanos = nanos;
    this.quiet = quiet;
  }

  /**
   * Measures.
   *
   * @param sides each does the whole work once
   * @return runs a second of each side in each round, [sides][rounds]
   */
  double[][] rates(Runnable... sides) {
    warmUp(sides);
    final List<double[]> rounds = new ArrayList<>();
    final long start = nanos.getAsLong();
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

  private void warmUp(Runnable[] sides) {
    final long start = nanos.getAsLong();
    while (secondsSince(start) < budget.warmUp()) {
      for (Runnable side : sides) {
        final long from = nanos.getAsLong();
        do {
          side.run();
        } while (secondsSince(from) < budget.turn());
      }
    }
  }

  private double turn(Runnable side) {
    quiet.run();
    long start = nanos.getAsLong();
    side.run();
    long runs = 1;
    if (secondsSince(start) < budget.turn() / 2) {
      start = nanos.getAsLong();
      runs = 0;
    }
    double seconds = secondsSince(start);
    while (seconds < budget.turn()) {
      side.run();
      runs++;
      seconds = secondsSince(start);
    }
    return runs / seconds;
  }

  private double secondsSince(long start) {
    return (nanos.getAsLong() - start) / 1e9;
  }
}
