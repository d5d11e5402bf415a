package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.mixedprecision.BitAllocation.Budget;
import dev.bantam.mixedprecision.BitAllocation.Option;
import dev.bantam.mixedprecision.BitAllocation.Point;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Exact allocation against integer programs solved by HiGHS and CP-SAT, and by trying it all. */
class BitAllocationTest {
  static Stream<Path> cases() {
    return GoldenCase.folders("hessian", "alloc").stream();
  }

  /** Cases with one budget. */
  static Stream<Path> fronts() {
    return cases()
        .filter(
            folder -> {
              try (GoldenCase golden = new GoldenCase(folder)) {
                return golden.expected().path("solutions").get(0).path("budget").size() == 1;
              }
            });
  }

  private static Budget budget(JsonNode solution) {
    final JsonNode budget = solution.path("budget");
    return budget.size() == 1
        ? Budget.of(budget.get(0).longValue())
        : new Budget(budget.get(0).longValue(), budget.get(1).longValue());
  }

  /** The items of a case, tied ones merged; which merged item each belongs to. */
  private record Problem(List<List<Option>> items, int[] unit) {
    static Problem of(GoldenCase golden) {
      final int[] unit = units(golden);
      final List<List<List<Option>>> members = new ArrayList<>();
      final int choices = golden.parameters().path("bits").size();
      for (int i = 0; i < unit.length; i++) {
        if (unit[i] == members.size()) {
          members.add(new ArrayList<>());
        }
        final List<Option> options = new ArrayList<>();
        for (int o = 0; o < choices; o++) {
          final int at = i * choices + o;
          final long second = golden.has("in.bitops") ? golden.longs("in.bitops")[at] : 0;
          options.add(new Option(cost(golden, at), second, omega(golden, at)));
        }
        members.get(unit[i]).add(options);
      }
      return new Problem(members.stream().map(BitAllocation::together).toList(), unit);
    }

    private static int[] units(GoldenCase golden) {
      final int n = golden.parameters().path("items").intValue();
      final int[] first = IntStream.range(0, n).toArray();
      for (JsonNode group : golden.parameters().path("groups_equal_choice")) {
        for (JsonNode member : group) {
          first[member.intValue()] = group.get(0).intValue();
        }
      }
      final int[] unit = new int[n];
      int next = 0;
      for (int i = 0; i < n; i++) {
        unit[i] = first[i] == i ? next++ : unit[first[i]];
      }
      return unit;
    }

    private static long cost(GoldenCase golden, int at) {
      return golden.longs("in.bytes")[at];
    }

    private static double omega(GoldenCase golden, int at) {
      if (golden.has("in.allowed") && golden.bytes("in.allowed")[at] == 0) {
        return Double.POSITIVE_INFINITY;
      }
      return golden.doubles("in.omega")[at];
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void solutionsOfEveryBudget(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final Problem problem = Problem.of(golden);
      final JsonNode bits = golden.parameters().path("bits");
      int unique = 0;
      for (JsonNode solution : golden.expected().path("solutions")) {
        final Budget budget = budget(solution);
        if (!solution.path("feasible").booleanValue()) {
          final String message =
              assertThrows(
                      IllegalArgumentException.class,
                      () -> BitAllocation.best(problem.items(), budget))
                  .getMessage();
          assertTrue(message.contains(Long.toString(budget.cost())), message);
          continue;
        }
        final Point best = BitAllocation.best(problem.items(), budget);
        final double optimal = solution.path("optimal_omega").doubleValue();
        assertEquals(optimal, best.omega(), 1e-9 + 1e-9 * optimal);
        assertTrue(best.cost() <= budget.cost() && best.second() <= budget.second());
        if (solution.path("optimal_assignments").intValue() == 1) {
          unique++;
          final JsonNode expected = solution.path("one_optimal_choice_bits");
          for (int i = 0; i < expected.size(); i++) {
            assertEquals(
                expected.get(i).intValue(),
                bits.get(best.choices().get(problem.unit()[i])).intValue(),
                folder + " budget " + budget + " item " + i);
          }
        }
      }
      assertTrue(unique > 0, "no choice was compared");
    }
  }

  @ParameterizedTest
  @MethodSource("fronts")
  void theWholeFront(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final List<Point> front = BitAllocation.front(Problem.of(golden).items());
      for (int k = 1; k < front.size(); k++) {
        assertTrue(front.get(k).cost() > front.get(k - 1).cost());
        assertTrue(front.get(k).omega() < front.get(k - 1).omega());
      }
      if (golden.has("out.front_bytes")) {
        final long[] bytes = golden.longs("out.front_bytes");
        final double[] omega = golden.doubles("out.front_omega");
        assertEquals(bytes.length, front.size());
        for (int k = 0; k < bytes.length; k++) {
          assertEquals(bytes[k], front.get(k).cost());
          assertEquals(omega[k], front.get(k).omega(), 1e-9 + 1e-9 * omega[k]);
        }
      }
    }
  }

  @Test
  void frontsAreAmongTheCases() {
    assertTrue(
        cases()
                .filter(
                    folder -> {
                      try (GoldenCase golden = new GoldenCase(folder)) {
                        return golden.has("out.front_bytes");
                      }
                    })
                .count()
            >= 3);
  }

  /** Upgrades in the order of gain per byte, skipping what no longer fits, miss this optimum. */
  @Test
  void greedyIsNotExact() {
    final Path folder = GoldenCase.folders("hessian", "alloc-hawq-resnet18").get(0);
    try (GoldenCase golden = new GoldenCase(folder)) {
      final List<List<Option>> items = Problem.of(golden).items();
      final long budget = 9_762_816;
      long left = budget - items.stream().mapToLong(i -> i.get(0).cost()).sum();
      double omega = items.stream().mapToDouble(i -> i.get(0).omega()).sum();
      final List<List<Option>> byGain = new ArrayList<>(items);
      byGain.sort(
          java.util.Comparator.comparingDouble(
              i -> -(i.get(0).omega() - i.get(1).omega()) / (i.get(1).cost() - i.get(0).cost())));
      for (List<Option> item : byGain) {
        final long more = item.get(1).cost() - item.get(0).cost();
        if (more <= left) {
          left -= more;
          omega -= item.get(0).omega() - item.get(1).omega();
        }
      }
      assertEquals(1.307713 - 1.262440, omega, 1e-6);
      assertEquals(0.033441, BitAllocation.best(items, budget).omega(), 1e-6);
    }
  }

  /** Random items, awkward ones among them, against all choices. */
  @Test
  void equalsTryingItAll() {
    final Random random = new Random(5);
    for (int run = 0; run < 60; run++) {
      final List<List<Option>> items = new ArrayList<>();
      for (int i = 0; i < 7; i++) {
        final List<Option> options = new ArrayList<>();
        for (int o = 0; o < 3; o++) {
          final double omega =
              random.nextInt(8) == 0 ? Double.POSITIVE_INFINITY : random.nextInt(9);
          options.add(new Option(random.nextInt(12), omega));
        }
        options.set(0, new Option(random.nextInt(12), random.nextInt(9)));
        items.add(options);
      }
      final double[] least = new double[7 * 12];
      java.util.Arrays.fill(least, Double.POSITIVE_INFINITY);
      for (int code = 0; code < Math.pow(3, 7); code++) {
        long cost = 0;
        double omega = 0;
        int rest = code;
        for (List<Option> item : items) {
          cost += item.get(rest % 3).cost();
          omega += item.get(rest % 3).omega();
          rest /= 3;
        }
        for (int budget = (int) cost; budget < least.length; budget++) {
          least[budget] = Math.min(least[budget], omega);
        }
      }
      for (int budget = 0; budget < least.length; budget++) {
        final int b = budget;
        if (Double.isInfinite(least[budget])) {
          assertThrows(IllegalArgumentException.class, () -> BitAllocation.best(items, b));
        } else {
          final Point best = BitAllocation.best(items, budget);
          assertEquals(least[budget], best.omega());
          long cost = 0;
          double omega = 0;
          for (int i = 0; i < 7; i++) {
            cost += items.get(i).get(best.choices().get(i)).cost();
            omega += items.get(i).get(best.choices().get(i)).omega();
          }
          assertEquals(best.cost(), cost);
          assertEquals(best.omega(), omega);
        }
      }
    }
  }

  /** Both budgets at once, by trying it all. */
  @Test
  void twoBudgetsEqualTryingItAll() {
    final Random random = new Random(8);
    int feasible = 0;
    for (int run = 0; run < 40; run++) {
      final List<List<Option>> items = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        final List<Option> options = new ArrayList<>();
        for (int o = 0; o < 3; o++) {
          options.add(new Option(random.nextInt(9), random.nextInt(9), random.nextInt(20)));
        }
        items.add(options);
      }
      for (int trial = 0; trial < 10; trial++) {
        final Budget budget = new Budget(10 + random.nextInt(30), 10 + random.nextInt(30));
        double least = Double.POSITIVE_INFINITY;
        for (int code = 0; code < Math.pow(3, 6); code++) {
          long cost = 0;
          long second = 0;
          double omega = 0;
          int rest = code;
          for (List<Option> item : items) {
            cost += item.get(rest % 3).cost();
            second += item.get(rest % 3).second();
            omega += item.get(rest % 3).omega();
            rest /= 3;
          }
          if (cost <= budget.cost() && second <= budget.second()) {
            least = Math.min(least, omega);
          }
        }
        if (Double.isInfinite(least)) {
          assertThrows(IllegalArgumentException.class, () -> BitAllocation.best(items, budget));
        } else {
          final Point best = BitAllocation.best(items, budget);
          feasible++;
          assertEquals(least, best.omega());
          long second = 0;
          for (int i = 0; i < 6; i++) {
            second += items.get(i).get(best.choices().get(i)).second();
          }
          assertEquals(second, best.second());
          assertTrue(best.second() <= budget.second() && best.cost() <= budget.cost());
        }
      }
    }
    assertTrue(feasible > 100, feasible + " feasible");
  }

  /** Shifting an item's omegas, or scaling all, changes no choice. */
  @Test
  void invariances() {
    final Random random = new Random(6);
    final List<List<Option>> items = new ArrayList<>();
    final List<List<Option>> shifted = new ArrayList<>();
    final List<List<Option>> scaled = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      final List<Option> item = new ArrayList<>();
      for (long bits = 2; bits <= 5; bits++) {
        item.add(new Option((i % 3 + 1) * bits, random.nextInt(1000)));
      }
      items.add(item);
      final int shift = 64 * i;
      shifted.add(item.stream().map(o -> new Option(o.cost(), o.omega() + shift)).toList());
      scaled.add(item.stream().map(o -> new Option(o.cost(), o.omega() * 8)).toList());
    }
    for (int budget = 80; budget < 200; budget += 7) {
      final List<Integer> choices = BitAllocation.best(items, budget).choices();
      assertEquals(choices, BitAllocation.best(shifted, budget).choices());
      assertEquals(choices, BitAllocation.best(scaled, budget).choices());
    }
  }
}
