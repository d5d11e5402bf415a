package dev.bantam.mixedprecision;

import dev.bantam.mixedprecision.BitAllocation.Budget;
import dev.bantam.mixedprecision.BitAllocation.Option;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * Choices of widths that show what a sensitivity is worth: at the same budget, and not by it. The
 * options of every item are ordered by width.
 */
final class WidthControls {
  /** Smallest gain that still counts as one, as a share of the largest. */
  private static final double LEAST_GAIN = 1e-6;

  private WidthControls() {}

  /**
   * From the smallest widths on, one item after the other, drawn at random, gets the next width if
   * the budget allows it, until it allows none.
   *
   * @return index of each item's option
   */
  static List<Integer> random(List<List<Option>> items, Budget budget, long seed) {
    final Random random = new Random(seed);
    final List<Integer> choices = new ArrayList<>(Collections.nCopies(items.size(), 0));
    long left = budget.cost() - items.stream().mapToLong(item -> item.get(0).cost()).sum();
    long second = budget.second() - items.stream().mapToLong(item -> item.get(0).second()).sum();
    final List<Integer> open = new ArrayList<>();
    for (int i = 0; i < items.size(); i++) {
      open.add(i);
    }
    while (!open.isEmpty()) {
      final int drawn = random.nextInt(open.size());
      final int i = open.get(drawn);
      final int next = choices.get(i) + 1;
      final boolean any = next < items.get(i).size();
      final Option now = items.get(i).get(choices.get(i));
      final Option then = any ? items.get(i).get(next) : now;
      if (any && then.cost() - now.cost() <= left && then.second() - now.second() <= second) {
        left -= then.cost() - now.cost();
        second -= then.second() - now.second();
        choices.set(i, next);
      } else {
        open.remove(drawn); // what does not fit now never will
      }
    }
    return choices;
  }

  /**
   * Items whose gain from one width to the next is the reciprocal of what it was. Gains below a
   * millionth of the largest, and losses, count as that much.
   */
  static List<List<Option>> reversed(List<List<Option>> items) {
    double largest = 0;
    for (List<Option> item : items) {
      for (int o = 1; o < item.size(); o++) {
        largest = Math.max(largest, item.get(o - 1).omega() - item.get(o).omega());
      }
    }
    final double least = largest > 0 ? LEAST_GAIN * largest : 1;
    final List<List<Option>> all = new ArrayList<>();
    for (List<Option> item : items) {
      final Option[] options = new Option[item.size()];
      double omega = 0;
      for (int o = item.size() - 1; o >= 0; o--) {
        options[o] = new Option(item.get(o).cost(), item.get(o).second(), omega);
        if (o > 0) {
          omega += 1 / Math.max(least, item.get(o - 1).omega() - item.get(o).omega());
        }
      }
      all.add(List.of(options));
    }
    return all;
  }

  /** Of two options always the other one. */
  static List<Integer> complement(List<Integer> choices) {
    return choices.stream().map(c -> 1 - c).toList();
  }
}
