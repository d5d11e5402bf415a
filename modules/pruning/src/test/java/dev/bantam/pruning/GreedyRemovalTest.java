package dev.bantam.pruning;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Greedy removal against the definition: what is left of H is inverted anew before each step. */
class GreedyRemovalTest {
  private static double[] flat(double[][] a) {
    return Arrays.stream(a).flatMapToDouble(Arrays::stream).toArray();
  }

  /** By definition, with the group that goes at each step and half its cost. */
  private static void byDefinition(
      double[][] h,
      float[] w,
      boolean[] kept,
      int size,
      int stay,
      int of,
      List<Integer> order,
      List<Double> losses) {
    final int n = w.length;
    final double[] now = new double[n];
    final boolean[] live = kept.clone();
    for (int i = 0; i < n; i++) {
      now[i] = kept[i] ? w[i] : 0;
    }
    for (int g = 0; g < n / size; g++) {
      if (IntStream.range(g * size, (g + 1) * size).noneMatch(i -> live[i])) {
        order.add(g);
        losses.add(Double.NEGATIVE_INFINITY);
      }
    }
    while (true) {
      final int[] left = IntStream.range(0, n).filter(i -> live[i]).toArray();
      final double[][] inverse = Arithmetic.inverse(Arithmetic.part(h, left));
      double least = Double.POSITIVE_INFINITY;
      int best = -1;
      for (int g = 0; g < n / size; g++) {
        final int group = g;
        final int[] members =
            IntStream.range(0, left.length).filter(a -> left[a] / size == group).toArray();
        final int from = of == 0 ? 0 : g * size / of * of;
        final long gone =
            of == 0 ? 0 : IntStream.range(from, from + of).filter(i -> !live[i]).count();
        if (members.length == 0 || (of > 0 && gone >= of - stay)) {
          continue;
        }
        final double[][] q = Arithmetic.inverse(Arithmetic.part(inverse, members));
        final double[] wq = Arrays.stream(members).mapToDouble(a -> now[left[a]]).toArray();
        final double cost = Arithmetic.quadratic(q, wq);
        if (cost < least) {
          least = cost;
          best = g;
        }
      }
      if (best < 0) {
        return;
      }
      final int group = best;
      final int[] members =
          IntStream.range(0, left.length).filter(a -> left[a] / size == group).toArray();
      final double[][] q = Arithmetic.inverse(Arithmetic.part(inverse, members));
      final double[] moves = new double[left.length];
      for (int a = 0; a < left.length; a++) {
        for (int i = 0; i < members.length; i++) {
          for (int j = 0; j < members.length; j++) {
            moves[a] += inverse[a][members[i]] * q[i][j] * now[left[members[j]]];
          }
        }
      }
      for (int a = 0; a < left.length; a++) {
        now[left[a]] -= moves[a];
      }
      for (int a : members) {
        live[left[a]] = false;
        now[left[a]] = 0;
      }
      order.add(best);
      losses.add(least);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,0,0,0",
    "7,1,0,0,0",
    "13,1,0,0,3",
    "12,4,0,0,0",
    "12,3,0,0,4",
    "10,5,0,0,7",
    "12,1,2,4,0",
    "12,1,1,4,3",
    "16,1,4,8,2",
    "15,1,2,3,1",
    "12,12,0,0,0"
  })
  void everyStepIsTheCheapest(int n, int size, int stay, int of, int gone) {
    final float[] x = Arithmetic.rows(3 * n + 2, n, -1, n);
    final double[][] h = Arithmetic.hessian(x, n, 0.01);
    final float[] w = Arithmetic.gaussian(n, 100 + n);
    final boolean[] kept = Arithmetic.all(n);
    for (int i = 0; i < gone; i++) {
      kept[(5 * i) % n] = false;
    }
    final List<Integer> order = new ArrayList<>();
    final List<Double> losses = new ArrayList<>();
    byDefinition(h, w, kept, size, stay, of, order, losses);
    final int[] gotOrder = new int[n / size];
    final double[] got = new double[n / size];
    // memory for more, used twice: nothing of the run before is left
    final GreedyRemoval removal = new GreedyRemoval(n + 3 * size * Math.max(1, of), size, stay, of);
    final double[] inverse = flat(Arithmetic.inverse(h));
    removal.run(inverse, n, Arithmetic.gaussian(n, 9), 0, Arithmetic.all(n), gotOrder, got);
    final int steps = removal.run(inverse, n, w, 0, kept, gotOrder, got);
    assertEquals(order.size(), steps);
    assertTrue(steps > 0);
    for (int s = 0; s < steps; s++) {
      assertEquals(order.get(s), gotOrder[s], "step " + s);
      if (losses.get(s) > Double.NEGATIVE_INFINITY) {
        assertEquals(losses.get(s), got[s], 1e-9 * (1e-6 + losses.get(s)), "loss " + s);
      } else {
        assertEquals(losses.get(s), got[s]);
      }
    }
  }

  /**
   * 3 x 3 by hand: alone the weights cost 2/3, 1/2 and 32/3; greedily 1 goes for 0.5, 0 for 2.25.
   */
  @Test
  void theSumOfPartsIsNotTheWhole() {
    final double[][] h = {{2, 1, 0}, {1, 2, 1}, {0, 1, 2}};
    final int[] order = new int[3];
    final double[] losses = new double[3];
    final float[] w = {1, 1, 4};
    new GreedyRemoval(3, 1, 0, 0)
        .run(flat(Arithmetic.inverse(h)), 3, w, 0, Arithmetic.all(3), order, losses);
    assertArrayEquals(new int[] {1, 0, 2}, order);
    assertEquals(0.5, losses[0], 1e-12);
    assertEquals(2.25, losses[1], 1e-12);
  }

  @Test
  void ofEqualCostsTheFirstGoes() {
    final double[] one = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    final int[] order = new int[4];
    final float[] w = {2, -1, 1, 2};
    new GreedyRemoval(4, 1, 0, 0).run(one, 4, w, 0, Arithmetic.all(4), order, new double[4]);
    assertArrayEquals(new int[] {1, 2, 0, 3}, order);
  }

  @Test
  void whatIsNoInverseIsRefused() {
    final double[] wrong = {1, 2, 2, 1};
    assertThrows(
        ArithmeticException.class,
        () ->
            new GreedyRemoval(2, 1, 0, 0)
                .run(
                    wrong, 2, new float[] {1, 1}, 0, Arithmetic.all(2), new int[2], new double[2]));
  }
}
