package dev.bantam.mixedprecision;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Exact choice of one option for each item, with the least sum of omegas within a budget: the
 * multiple-choice knapsack problem of HAWQ-V3 (Yao et al. 2021, equation 8 with one constraint).
 *
 * <p>Dominance programming: item after item, every sum of costs that can be reached is kept with
 * its least sum of omegas, unless a cheaper one is at least as good. What is left at the end is the
 * whole Pareto front, of which a budget picks one point. There are never more states than sums of
 * costs in units of their common divisor: 1,153 for the 72 matrices of BERT-base at 2, 3, 4 or 8
 * bits. Equal sums go to the earlier option, so the result is unique.
 */
final class BitAllocation {
  private BitAllocation() {}

  /**
   * What an item may become.
   *
   * @param cost not negative, in any unit
   * @param omega what it adds to the sum that is made small; infinite if it is not allowed
   */
  record Option(long cost, double omega) {
    Option {
      if (cost < 0 || Double.isNaN(omega)) {
        throw new IllegalArgumentException("An option of cost " + cost + " and omega " + omega);
      }
    }
  }

  /**
   * A point of the front.
   *
   * @param cost sum of costs
   * @param omega least sum of omegas for it
   * @param choices index of each item's option
   */
  record Point(long cost, double omega, List<Integer> choices) {
    Point {
      choices = List.copyOf(choices);
    }
  }

  /** A partial choice; the option of the last item and the choice before it. */
  private record State(long cost, double omega, int choice, State before) {}

  /**
   * All points that no other one beats in both sums, cheapest first; empty if an item has no option
   * that is allowed.
   */
  static List<Point> front(List<List<Option>> items) {
    return front(items, Long.MAX_VALUE);
  }

  private static List<Point> front(List<List<Option>> items, long budget) {
    List<State> states = List.of(new State(0, 0, -1, null));
    for (List<Option> item : items) {
      states = extended(states, item, budget);
    }
    return states.stream().map(state -> point(state, items.size())).toList();
  }

  private static List<State> extended(List<State> states, List<Option> item, long budget) {
    final List<State> all = new ArrayList<>(states.size() * item.size());
    for (State state : states) {
      for (int o = 0; o < item.size(); o++) {
        final Option option = item.get(o);
        final long cost = Math.addExact(state.cost, option.cost);
        if (option.omega < Double.POSITIVE_INFINITY && cost <= budget) {
          all.add(new State(cost, state.omega + option.omega, o, state));
        }
      }
    }
    all.sort(Comparator.comparingLong(State::cost).thenComparingDouble(State::omega)); // stable
    final List<State> kept = new ArrayList<>();
    double least = Double.POSITIVE_INFINITY;
    for (State state : all) {
      if (state.omega < least) {
        least = state.omega;
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
    return new Point(last.cost, last.omega, List.of(choices));
  }

  /**
   * The point of least omega that costs at most {@code budget}, and of those the cheapest.
   *
   * @throws IllegalArgumentException if there is none
   */
  static Point best(List<List<Option>> items, long budget) {
    final List<Point> front = front(items, budget);
    if (front.isEmpty()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "A budget of %d is less than the cheapest choice for %d items, %d.",
              budget,
              items.size(),
              front(items).stream().mapToLong(Point::cost).findFirst().orElse(-1)));
    }
    return front.get(front.size() - 1);
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
      double omega = 0;
      for (List<Option> item : items) {
        cost += item.get(o).cost;
        omega += item.get(o).omega;
      }
      sum.add(new Option(cost, omega));
    }
    return sum;
  }
}
