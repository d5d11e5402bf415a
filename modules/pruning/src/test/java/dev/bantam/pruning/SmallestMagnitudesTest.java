package dev.bantam.pruning;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Against torch's and SparseML's masks, and against sorting. */
class SmallestMagnitudesTest {
  static List<Path> torch() {
    return GoldenCase.folders("pruning", "magnitude-torch");
  }

  static List<Path> sparseml() {
    return GoldenCase.folders("pruning", "masks-sparseml");
  }

  private static boolean[] mask(byte[] bytes) {
    final boolean[] kept = new boolean[bytes.length];
    for (int i = 0; i < kept.length; i++) {
      kept[i] = bytes[i] != 0;
    }
    return kept;
  }

  private static void assertKept(boolean[] expected, float[] before, float[] after, String what) {
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i] ? before[i] : 0f, after[i], what + " element " + i);
    }
  }

  /** The count that torch and SparseML mean: a share is rounded half to even. */
  private static long count(String amount, long n) {
    final double value = Double.parseDouble(amount);
    return amount.contains(".") ? (long) Math.rint(n * value) : (long) value;
  }

  @ParameterizedTest
  @MethodSource("torch")
  void prunesWhatTorchPrunes(Path folder) {
    int checked = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      final float[] a = c.floats("in.a");
      final float[] b = c.floats("in.b");
      for (String name : c.names()) {
        if (name.startsWith("out.a_l1_") && !name.contains("then")) {
          final float[] pruned = a.clone();
          SmallestMagnitudes.zero(
              new float[][] {pruned}, count(name.substring("out.a_l1_".length()), a.length));
          assertKept(mask(c.bytes(name)), a, pruned, name);
          checked++;
        } else if (name.startsWith("out.a_global_")) {
          final String amount = name.substring("out.a_global_".length());
          final float[][] both = {a.clone(), b.clone()};
          SmallestMagnitudes.zero(both, count(amount, a.length + b.length));
          assertKept(mask(c.bytes(name)), a, both[0], name);
          assertKept(mask(c.bytes("out.b_global_" + amount)), b, both[1], name);
          checked++;
        } else if (name.contains("then")) {
          // torch prunes half of what is left, so the total is computed, not a share of all
          final float[] pruned = a.clone();
          SmallestMagnitudes.zero(new float[][] {pruned}, count("0.4", a.length));
          final float[] once = pruned.clone();
          SmallestMagnitudes.zero(
              new float[][] {pruned}, c.expected().path("a_l1_0.4_then_0.5_zeros").asLong());
          assertKept(mask(c.bytes(name)), a, pruned, name);
          for (int i = 0; i < a.length; i++) {
            assertTrue(once[i] != 0 || pruned[i] == 0, "masks are nested");
          }
          checked++;
        }
      }
      for (String amount : List.of("0.0", "0.3", "0.5", "0.77", "5")) {
        final float[] ties = c.floats("in.ties");
        final long zeros = c.expected().path("ties_l1_" + amount + "_zeros").asLong(-1);
        assertEquals(zeros, count(amount, ties.length), "the rule of the count");
        final long already = zeros(ties); // count as pruned
        SmallestMagnitudes.zero(new float[][] {ties}, zeros);
        assertEquals(Math.max(already, zeros), zeros(ties));
      }
    }
    assertTrue(checked >= 9, "checked " + checked);
  }

  private static long zeros(float[] values) {
    long zeros = 0;
    for (float v : values) {
      zeros += v == 0f ? 1 : 0;
    }
    return zeros;
  }

  /**
   * Scores as magnitudes of the same order: 0 for "pruned already" (-inf), otherwise the rank. So a
   * mask of scores is one of magnitudes.
   */
  private static float[] ranks(double[] scores) {
    final double[] distinct = Arrays.stream(scores).distinct().sorted().toArray();
    final float[] ranks = new float[scores.length];
    for (int i = 0; i < ranks.length; i++) {
      ranks[i] =
          scores[i] == Double.NEGATIVE_INFINITY ? 0f : 1 + Arrays.binarySearch(distinct, scores[i]);
    }
    return ranks;
  }

  @ParameterizedTest
  @MethodSource("sparseml")
  void countsAndTiesAreThoseOfSparseMl(Path folder) {
    int masks = 0;
    int counts = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      for (String name : c.names()) {
        if (!name.matches("out\\.(distinct|ties|low_ties|neg_inf)_s.*")) {
          continue;
        }
        final String set = name.substring("out.".length(), name.indexOf("_s", 8));
        final double[] scores = c.doubles("in." + set);
        final float[] before = ranks(scores);
        final long asked = count(name.substring(name.indexOf("_s", 8) + 2), before.length);
        final long zeros = c.expected().path(name.substring(4) + "_zeros").asLong(-1);
        assertEquals(zeros, asked, "count of " + name);
        if (asked < zeros(before)) {
          continue; // SparseML revives pruned weights; here zeros stay zeros
        }
        final float[] after = before.clone();
        SmallestMagnitudes.zero(new float[][] {after}, asked);
        assertEquals(zeros, zeros(after), name);
        counts++;
        final double[] sorted = scores.clone();
        Arrays.sort(sorted);
        if (asked == 0 || sorted[(int) asked - 1] > sorted[0]) { // else chosen by a shuffle
          assertKept(mask(c.bytes(name)), before, after, name);
          masks++;
        }
      }
      final float[][] both = {ranks(c.doubles("in.a")), ranks(c.doubles("in.b"))};
      assertTrue(both[0].length > 0 && both[1].length > 0);
    }
    assertTrue(counts >= 10 && masks >= 8, counts + " counts, " + masks + " masks");
  }

  /** By sorting magnitudes, the last position first among equals. */
  @Test
  void prunesTheSmallestOfManyArrays() {
    final Random random = new Random(3);
    for (int round = 0; round < 200; round++) {
      final float[][] before = new float[1 + random.nextInt(4)][];
      final List<int[]> order = new ArrayList<>();
      for (int a = 0; a < before.length; a++) {
        before[a] = new float[1 + random.nextInt(50)];
        for (int i = 0; i < before[a].length; i++) {
          before[a][i] = value(random, round);
          order.add(new int[] {a, i});
        }
      }
      order.sort(
          Comparator.<int[]>comparingDouble(p -> Math.abs(before[p[0]][p[1]]))
              .thenComparing(p -> -p[0])
              .thenComparing(p -> -p[1]));
      final int count = random.nextInt(order.size() + 1);
      final float[][] after = new float[before.length][];
      final float[][] expected = new float[before.length][];
      for (int a = 0; a < before.length; a++) {
        after[a] = before[a].clone();
        expected[a] = before[a].clone();
      }
      order.subList(0, count).forEach(p -> expected[p[0]][p[1]] = 0f);
      SmallestMagnitudes.zero(after, count);
      for (int a = 0; a < before.length; a++) {
        for (int i = 0; i < before[a].length; i++) {
          assertTrue(expected[a][i] == after[a][i], "round " + round + " " + a + " " + i);
        }
      }
    }
  }

  /** Ties, zeros of both signs, subnormals, extremes. */
  private static float value(Random random, int round) {
    return switch (round % 4) {
      case 0 -> random.nextInt(5) - 2;
      case 1 -> (float) random.nextGaussian();
      case 2 -> Float.intBitsToFloat(random.nextInt(0x7f800000)) * (random.nextBoolean() ? 1 : -1);
      default -> random.nextBoolean() ? -0f : random.nextInt(3) * Float.MIN_VALUE;
    };
  }
}
