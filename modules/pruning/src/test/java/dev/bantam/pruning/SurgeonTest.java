package dev.bantam.pruning;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.compression.BlockFisher;
import dev.bantam.pruning.Surgeon.UpdateRule;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The surgeon against cases solved by hand, laws it must keep, and plain dense algebra. */
class SurgeonTest {
  private static final Workers WORKERS = new Workers(2);

  @AfterAll
  static void close() {
    WORKERS.close();
  }

  private static BlockFisher fisher(int block, float[]... gradients) {
    final BlockFisher fisher = new BlockFisher(gradients[0].length, block, 3);
    for (float[] g : gradients) {
      fisher.buffer(Floats.of(Floats.tensor(g, g.length)));
      if (fisher.isFull()) {
        fisher.flush(WORKERS);
      }
    }
    fisher.flush(WORKERS);
    return fisher;
  }

  private static Surgeon surgeon(BlockFisher fisher, double lambda, UpdateRule rule) {
    return new Surgeon("w", fisher, lambda, fisher.added(), rule);
  }

  private static boolean[] all(int n) {
    final boolean[] all = new boolean[n];
    Arrays.fill(all, true);
    return all;
  }

  private static boolean[] at(int n, int... positions) {
    final boolean[] marks = new boolean[n];
    for (int p : positions) {
      marks[p] = true;
    }
    return marks;
  }

  private static double[] scores(Surgeon surgeon, float[] w, int size) {
    final double[] scores = new double[w.length / size];
    surgeon.scores(size, w, all(w.length), scores, WORKERS);
    return scores;
  }

  private static float[][] random(int count, int n, long seed) {
    final Random random = new Random(seed);
    final float[][] rows = new float[count][n];
    for (float[] row : rows) {
      double previous = 0;
      for (int i = 0; i < n; i++) {
        previous = 0.6 * previous + random.nextGaussian();
        row[i] = (float) previous;
      }
    }
    return rows;
  }

  /** F = [[2, 1], [1, 2]], w = (1, 3). */
  @Test
  void twoWeightsByHand() {
    final Surgeon surgeon = surgeon(fisher(2, new float[] {1, 1}), 1, UpdateRule.JOINT);
    final float[] w = {1, 3};
    assertArrayEquals(new double[] {0.75, 6.75}, scores(surgeon, w, 1), 1e-12);
    assertArrayEquals(new double[] {13}, scores(surgeon, w, 2), 1e-12);
    assertEquals(0.75, surgeon.remove(1, w, all(2), at(2, 0), WORKERS), 1e-12);
    assertArrayEquals(new float[] {0, 3.5f}, w);
  }

  /** F = [[2, 1, 0], [1, 2, 1], [0, 1, 2]], w = (1, 1, 4). */
  @Test
  void theSumOfPartsIsNotTheWhole() {
    final float root = (float) Math.sqrt(2);
    final float[][] gradients = {{root, root, 0}, {0, root, root}, {root, 0, 0}, {0, 0, root}};
    final BlockFisher fisher = fisher(3, gradients);
    final float[] w = {1, 1, 4};
    // half of the sum of the four is F
    final double tiny = 1e-300;
    final Surgeon joint = new Surgeon("w", fisher, tiny, 2, UpdateRule.JOINT);
    assertArrayEquals(new double[] {2.0 / 3, 0.5, 32.0 / 3}, scores(joint, w, 1), 1e-6);
    final float[] together = w.clone();
    assertEquals(2.75, joint.remove(1, together, all(3), at(3, 0, 1), WORKERS), 1e-6);
    assertArrayEquals(new float[] {0, 0, 4.5f}, together, 1e-6f);
    final float[] added = w.clone();
    final Surgeon summed = new Surgeon("w", fisher, tiny, 2, UpdateRule.SUMMED);
    assertEquals(2.8611, summed.remove(1, added, all(3), at(3, 0, 1), WORKERS), 1e-4);
    assertEquals(25.0 / 6, added[2], 1e-5);
  }

  /** F = diag(1, 2, 3, 4): half the sum of F w^2 for the group, and nothing to make up for it. */
  @Test
  void aGroupOfADiagonal() {
    final float[][] gradients = new float[4][4];
    for (int i = 0; i < 4; i++) {
      gradients[i][i] = (float) Math.sqrt(4 * i);
    }
    final Surgeon surgeon = surgeon(fisher(4, gradients), 1, UpdateRule.JOINT);
    assertArrayEquals(new double[] {5}, scores(surgeon, new float[] {1, 1, 1, 1}, 4), 1e-6);
  }

  @Test
  void withoutGradientsItIsMagnitude() {
    final float[] w = random(1, 30, 1)[0];
    final Surgeon surgeon =
        surgeon(fisher(7, new float[30], new float[30]), 0.01, UpdateRule.JOINT);
    final double[] scores = scores(surgeon, w, 1);
    for (int i = 0; i < w.length; i++) {
      assertEquals(0.01 * w[i] * w[i] / 2, scores[i], 1e-12);
    }
    final float[] after = w.clone();
    surgeon.remove(1, after, all(30), at(30, 3, 4, 20), WORKERS);
    for (int i = 0; i < w.length; i++) {
      assertEquals(i == 3 || i == 4 || i == 20 ? 0 : w[i], after[i]);
    }
  }

  @Test
  void blocksOfOneCompensateNothing() {
    final float[][] g = random(9, 12, 2);
    final float[] w = random(1, 12, 3)[0];
    final double[] scores = scores(surgeon(fisher(1, g), 0.1, UpdateRule.JOINT), w, 1);
    for (int i = 0; i < w.length; i++) {
      double sum = 0;
      for (float[] row : g) {
        sum += (double) row[i] * row[i];
      }
      assertEquals(0.5 * w[i] * w[i] * (0.1 + sum / 9), scores[i], 1e-10);
    }
  }

  /** With one block for everything: dense algebra written out, and no better choice of the rest. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void aWholeBlockIsOptimalBrainSurgery(long seed) {
    final int n = 11;
    final float[][] g = random(25, n, seed);
    final float[] w = random(1, n, seed + 10)[0];
    final double[][] f = dense(g, 0.05);
    final boolean[] removed = at(n, 1, 4, 5, 9);
    final float[] after = w.clone();
    final double loss =
        surgeon(fisher(n, g), 0.05, UpdateRule.JOINT).remove(1, after, all(n), removed, WORKERS);
    final double[] change = new double[n];
    for (int i = 0; i < n; i++) {
      change[i] = (double) after[i] - w[i];
    }
    assertEquals(quadratic(f, change), loss, 1e-5 * loss);
    for (int i = 0; i < n; i++) {
      double slope = 0;
      for (int j = 0; j < n; j++) {
        slope += f[i][j] * change[j];
      }
      assertTrue(removed[i] || Math.abs(slope) < 1e-5, "slope " + slope + " at " + i);
    }
    final float[] summed = w.clone();
    assertTrue(
        surgeon(fisher(n, g), 0.05, UpdateRule.SUMMED).remove(1, summed, all(n), removed, WORKERS)
            >= loss * (1 - 1e-9));
  }

  private static double[][] dense(float[][] g, double lambda) {
    final int n = g[0].length;
    final double[][] f = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (float[] row : g) {
          sum += (double) row[i] * row[j];
        }
        f[i][j] = sum / g.length + (i == j ? lambda : 0);
      }
    }
    return f;
  }

  private static double quadratic(double[][] f, double[] x) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < x.length; j++) {
        sum += x[i] * f[i][j] * x[j] / 2;
      }
    }
    return sum;
  }

  @Test
  void gradientsTimesCAndDampeningTimesItsSquareChangeNothing() {
    final float[][] g = random(20, 24, 5);
    final float[][] scaled = new float[g.length][];
    for (int r = 0; r < g.length; r++) {
      scaled[r] = g[r].clone();
      for (int i = 0; i < scaled[r].length; i++) {
        scaled[r][i] *= 4;
      }
    }
    final float[] w = random(1, 24, 6)[0];
    final float[] a = w.clone();
    final float[] b = w.clone();
    final boolean[] removed = at(24, 0, 5, 6, 7, 13, 22);
    final double loss =
        surgeon(fisher(8, g), 0.01, UpdateRule.JOINT).remove(1, a, all(24), removed, WORKERS);
    final double larger =
        surgeon(fisher(8, scaled), 0.16, UpdateRule.JOINT).remove(1, b, all(24), removed, WORKERS);
    assertArrayEquals(a, b, 1e-6f);
    assertEquals(16 * loss, larger, 1e-9 * larger);
  }

  /** What is gone has no gradients and takes no part. */
  @Test
  void goneWeightsStayGone() {
    final float[][] g = random(20, 10, 7);
    final float[] w = random(1, 10, 8)[0];
    final boolean[] kept = all(10);
    kept[2] = false;
    w[2] = 0;
    final BlockFisher fisher = new BlockFisher(10, 5, 20);
    for (float[] row : g) {
      fisher.buffer(Floats.of(Floats.tensor(row, 10)), kept);
    }
    fisher.flush(WORKERS);
    final Surgeon surgeon = surgeon(fisher, 0.01, UpdateRule.JOINT);
    final double[] scores = new double[10];
    surgeon.scores(1, w, kept, scores, WORKERS);
    assertEquals(Double.NEGATIVE_INFINITY, scores[2]);
    surgeon.remove(1, w, kept, at(10, 0, 3), WORKERS);
    assertEquals(0f, w[2]);
  }

  /** Of every quad the pair of least loss, found by trying all six with dense algebra. */
  @ParameterizedTest
  @CsvSource({"2, 4", "1, 4", "4, 8", "3, 4"})
  void patternsTakeTheBestChoice(int n, int m) {
    final float[][] g = random(40, 16, 9);
    final float[] w = random(1, 16, 12)[0];
    final boolean[] removed = new boolean[16];
    surgeon(fisher(8, g), 0.05, UpdateRule.JOINT).choose(n, m, w, all(16), removed, WORKERS);
    for (int q = 0; q < 16; q += m) {
      double least = Double.POSITIVE_INFINITY;
      int best = 0;
      for (int choice = 0; choice < 1 << m; choice++) {
        if (Integer.bitCount(choice) == m - n) {
          final double loss = alone(g, w, q, choice);
          if (loss < least) {
            least = loss;
            best = choice;
          }
        }
      }
      for (int i = 0; i < m; i++) {
        assertEquals((best >> i & 1) != 0, removed[q + i], "weight " + (q + i));
      }
    }
  }

  /** Loss of removing some weights of a group alone, the others of its block of 8 moving. */
  private static double alone(float[][] g, float[] w, int q, int choice) {
    final int start = q / 8 * 8;
    final float[][] part = new float[g.length][];
    for (int r = 0; r < g.length; r++) {
      part[r] = Arrays.copyOfRange(g[r], start, start + 8);
    }
    final float[] of = Arrays.copyOfRange(w, start, start + 8);
    final boolean[] removed = new boolean[8];
    for (int i = 0; i < 8; i++) {
      removed[i] = i >= q - start && (choice >> (i - (q - start)) & 1) != 0 && i - (q - start) < 8;
    }
    return surgeon(fisher(8, part), 0.05, UpdateRule.JOINT).remove(1, of, all(8), removed, WORKERS);
  }

  @Test
  void numbersThatAreNoneAreRefused() {
    final float[] g = {1, Float.NaN, 1, 1};
    final Surgeon surgeon = surgeon(fisher(4, g), 1e-7, UpdateRule.JOINT);
    final BantamException refused =
        assertThrows(BantamException.class, () -> scores(surgeon, new float[] {1, 1, 1, 1}, 1));
    assertTrue(refused.getMessage().contains("dampening"), refused.getMessage());
  }
}
