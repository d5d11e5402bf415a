package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.mixedprecision.BitAllocation.Budget;
import dev.bantam.mixedprecision.BitAllocation.Option;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WidthControlsTest {
  /** Items of one or four units a bit, with gains 1, 2, 3, ... from 2 to 3 bits. */
  private static List<List<Option>> items(int count) {
    final List<List<Option>> items = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      final long unit = i % 3 == 2 ? 4 : 1;
      items.add(List.of(new Option(2 * unit, i + 11), new Option(3 * unit, 10)));
    }
    return items;
  }

  private static long cost(List<List<Option>> items, List<Integer> choices) {
    long cost = 0;
    for (int i = 0; i < choices.size(); i++) {
      cost += items.get(i).get(choices.get(i)).cost();
    }
    return cost;
  }

  @Test
  void randomUsesTheBudgetAndDependsOnTheSeed() {
    final List<List<Option>> items = items(36);
    final long budget = 180; // 72 units at 2.5 bits
    final List<Integer> first = WidthControls.random(items, Budget.of(budget), 1);
    assertEquals(budget, cost(items, first));
    assertEquals(first, WidthControls.random(items, Budget.of(budget), 1));
    int differences = 0;
    int[] upgraded = new int[36];
    for (int seed = 2; seed < 202; seed++) {
      final List<Integer> other = WidthControls.random(items, Budget.of(budget), seed);
      assertEquals(budget, cost(items, other));
      differences += other.equals(first) ? 0 : 1;
      for (int i = 0; i < 36; i++) {
        upgraded[i] += other.get(i);
      }
    }
    assertTrue(differences >= 199, "differences " + differences);
    for (int i = 0; i < 36; i++) {
      assertTrue(upgraded[i] > 40 && upgraded[i] < 160, "item " + i + ": " + upgraded[i]);
    }
    assertEquals(
        cost(items, WidthControls.random(items, Budget.of(144), 1)), 144, "nothing left to give");
    assertEquals(
        216, cost(items, WidthControls.random(items, Budget.of(1000), 1)), "all at the largest");
  }

  /** With equal sizes the least gains are served, the largest not. */
  @Test
  void reversedServesTheLeastGains() {
    final List<List<Option>> items = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      items.add(List.of(new Option(2, i + 1.0), new Option(3, 0)));
    }
    assertEquals(List.of(0, 0, 0, 1, 1, 1), BitAllocation.best(items, 15).choices());
    assertEquals(
        List.of(1, 1, 1, 0, 0, 0), BitAllocation.best(WidthControls.reversed(items), 15).choices());
    // gains of nothing and losses are numbers, too
    final List<List<Option>> flat =
        List.of(
            List.of(new Option(2, 5), new Option(3, 5), new Option(4, 1)),
            List.of(new Option(2, 0), new Option(3, 1), new Option(4, 1)));
    for (List<Option> item : WidthControls.reversed(flat)) {
      for (Option option : item) {
        assertTrue(Double.isFinite(option.omega()), option.toString());
      }
    }
  }

  @Test
  void complementTakesTheOtherWidth() {
    final List<List<Option>> items = items(36);
    final List<Integer> best = BitAllocation.best(items, 180).choices();
    final List<Integer> other = WidthControls.complement(best);
    for (int i = 0; i < 36; i++) {
      assertNotEquals(best.get(i), other.get(i));
    }
    assertEquals(2 * 180, cost(items, best) + cost(items, other));
  }
}
