package dev.bantam.mixedprecision;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;

/**
 * Exact choice of one option for each item, with the least sum of omegas within one budget or two:
 * the multiple-choice knapsack problem of HAWQ-V3 (Yao et al. 2021, equation 8).
 *
 * <p>Dominance programming: item after item, every sum of costs that can be reached is kept with
 * its least sum of omegas, unless one that is cheaper in each cost is at least as good. What is
 * left at the end is the whole Pareto front, of which a budget picks one point. There are never
 * more states than sums of costs in units of their common divisor: 1,153 for the 72 matrices of
 * BERT-base at 2, 3, 4 or 8 bits. Equal sums go to the earlier option, so the result is unique.
 */
final class BitAllocation {
  private BitAllocation() {}

  /**
   * What an item may become.
   *
   * @param cost not negative, in any unit
   * @param second what counts against the second budget, not negative
   * @param omega what it adds to the sum that is made small; infinite if it is not allowed
   */
  record Option(long cost, long second, double omega) {
    Option {
      if (cost < 0 || second < 0 || Double.isNaN(omega)) {
        throw new IllegalArgumentException(
            "An option of costs " + cost + " and " + second + " and omega " + omega);
      }
    }

    /** Without a second cost. */
    Option(long cost, double omega) {
      this(cost, 0, omega);
    }
  }

  /**
   * Largest sums of costs.
   *
   * @param cost of the first
   * @param second of the second
   */
  record Budget(long cost, long second) {
    /** One that allows all. */
    static final Budget NONE = new Budget(Long.MAX_VALUE, Long.MAX_VALUE);

    /** Of the first cost alone. */
    static Budget of(long cost) {
      return new Budget(cost, Long.MAX_VALUE);
    }

    private boolean allows(long sum, long secondSum) {
      return sum <= cost && secondSum <= second;
    }
  }

  /**
   * A point of the front.
   *
   * @param cost sum of costs
   * @param second sum of second costs
   * @param omega least sum of omegas for it
   * @param choices index of each item's option
   */
  record Point(long cost, long second, double omega, List<Integer> choices) {
    Point {
      choices = List.copyOf(choices);
    }
  }

  /** A partial choice; the option of the last item and the choice before it. */
  private record State(long cost, long second, double omega, int choice, State before) {}

  /**
   * All points that no other one beats in all sums, cheapest first; empty if an item has no option
   * that is allowed.
   */
  static List<Point> front(List<List<Option>> items) {
    return front(items, Budget.NONE);
  }

  private static List<Point> front(List<List<Option>> items, Budget budget) {
    List<State> states = List.of(new State(0, 0, 0, -1, null));
    for (List<Option> item : items) {
      states = extended(states, item, budget);
    }
    return states.stream().map(state -> point(state, items.size())).toList();
  }

  private static List<State> extended(List<State> states, List<Option> item, Budget budget) {
    final List<State> all = new ArrayList<>(states.size() * item.size());
    for (State state : states) {
      for (int o = 0; o < item.size(); o++) {
        final Option option = item.get(o);
        final long cost = Math.addExact(state.cost, option.cost);
        final long second = Math.addExact(state.second, option.second);
        if (option.omega < Double.POSITIVE_INFINITY && budget.allows(cost, second)) {
          all.add(new State(cost, second, state.omega + option.omega, o, state));
        }
      }
    }
    all.sort( // stable
        Comparator.comparingLong(State::cost)
            .thenComparingLong(State::second)
            .thenComparingDouble(State::omega));
    return notBeaten(all);
  }

  /**
   * Those that none before them equals or beats in the second cost and in omega. Of what was kept
   * so far, the steps say for each second cost how small omega was at most at that cost.
   */
  private static List<State> notBeaten(List<State> byCost) {
    final List<State> kept = new ArrayList<>();
    final TreeMap<Long, Double> steps = new TreeMap<>();
    for (State state : byCost) {
      final Map.Entry<Long, Double> below = steps.floorEntry(state.second);
      if (below == null || state.omega < below.getValue()) {
        steps.put(state.second, state.omega);
        Map.Entry<Long, Double> above = steps.higherEntry(state.second);
        while (above != null && above.getValue() >= state.omega) {
          steps.remove(above.getKey());
          above = steps.higherEntry(state.second);
        }
        kept.add(state);
      }
    }
    return kept;
  }

  private static Point point(State last, int items) {
    final Integer[] choices = new Integer[items];
    State state = last;
    for (int i = items - 1; i >= 0; i--) {
      choices[i] = state.choice;
      state = state.before;
    }
    return new Point(last.cost, last.second, last.omega, List.of(choices));
  }

  /**
   * The point of least omega within a budget, and of those the cheapest.
   *
   * @throws IllegalArgumentException if there is none
   */
  static Point best(List<List<Option>> items, Budget budget) {
    Point best = null;
    for (Point point : front(items, budget)) {
      best = best == null || point.omega < best.omega ? point : best;
    }
    if (best == null) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "No choice for %d items within %s; the least sums of costs are %d and %d.",
              items.size(),
              budget,
              least(items, Option::cost),
              least(items, Option::second)));
    }
    return best;
  }

  /** Within a budget of the first cost. */
  static Point best(List<List<Option>> items, long budget) {
    return best(items, Budget.of(budget));
  }

  private static long least(List<List<Option>> items, ToLongFunction<Option> cost) {
    return items.stream()
        .mapToLong(
            item ->
                item.stream()
                    .filter(o -> o.omega < Double.POSITIVE_INFINITY)
                    .mapToLong(cost)
                    .min()
                    .orElse(0))
        .sum();
  }

  /**
   * Items that get the same choice made into one: costs and omegas of each option are added.
   *
   * @param items with the same number of options
   */
  static List<Option> together(List<List<Option>> items) {
    final List<Option> sum = new ArrayList<>();
    for (int o = 0; o < items.get(0).size(); o++) {
      long cost = 0;
      long second = 0;
      double omega = 0;
      for (List<Option> item : items) {
        cost += item.get(o).cost;
        second += item.get(o).second;
        omega += item.get(o).omega;
      }
      sum.add(new Option(cost, second, omega));
    }
    return sum;
  }
}
