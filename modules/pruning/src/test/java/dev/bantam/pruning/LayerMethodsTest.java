package dev.bantam.pruning;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.compression.LayerHessian;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Matrices pruned by what they read, against definitions and cases solved by hand. */
class LayerMethodsTest {
  /** Columns one after the other, each with the inverse of what is left of H. */
  private static double[][] sparseGpt(
      double[][] h, float[] w, int rows, int block, long[] counts, int stay, int of) {
    final int n = h.length;
    final double[][] now = new double[rows][n];
    for (int i = 0; i < w.length; i++) {
      now[i / n][i % n] = w[i];
    }
    final double[][][] inverses = new double[n][][];
    for (int j = 0; j < n; j++) {
      inverses[j] = Arithmetic.inverse(Arithmetic.part(h, IntStream.range(j, n).toArray()));
    }
    for (int start = 0; start < n; start += block) {
      final int end = Math.min(n, start + block);
      final int from = start;
      final boolean[][] goes = new boolean[rows][n];
      if (of == 0) {
        IntStream.range(0, rows * (end - from))
            .boxed()
            .sorted(
                Comparator.comparingDouble(
                    i -> cost(now, inverses, i / (end - from), from + i % (end - from))))
            .limit(counts[start / block])
            .forEach(i -> goes[i / (end - from)][from + i % (end - from)] = true);
      }
      for (int j = start; j < end; j++) {
        for (int r = 0; r < rows; r++) {
          if (of > 0 && (j - start) % of == 0) {
            final int row = r;
            IntStream.range(j, j + of)
                .boxed()
                .sorted(Comparator.comparingDouble(k -> cost(now, inverses, row, k)))
                .limit(of - stay)
                .forEach(k -> goes[row][k] = true);
          }
          final double move = goes[r][j] ? now[r][j] / inverses[j][0][0] : 0;
          for (int k = j; k < n; k++) {
            now[r][k] -= move * inverses[j][0][k - j];
          }
          now[r][j] = goes[r][j] ? 0 : now[r][j];
        }
      }
    }
    return now;
  }

  private static double cost(double[][] now, double[][][] inverses, int r, int j) {
    return now[r][j] * now[r][j] / inverses[j][0][0];
  }

  @ParameterizedTest
  @CsvSource({
    "3,10,4,0,0,0.5",
    "5,12,128,0,0,0.6",
    "4,12,1,0,0,0.3",
    "4,16,8,2,4,0",
    "3,16,16,1,4,0",
    "3,16,8,5,8,0",
    "2,12,4,0,0,0",
    "2,12,4,0,0,0.95",
    "1,1,1,0,0,0"
  })
  void sparseGptByDefinition(int rows, int n, int block, int stay, int of, double sparsity) {
    final float[] x = Arithmetic.rows(3 * n, n, -1, rows + n);
    final float[] w = Arithmetic.gaussian(rows * n, n);
    final long count = (long) Math.rint(rows * n * sparsity);
    final long[] counts = SparseGptMatrix.counts(rows, n, block, count);
    assertEquals(count, Arrays.stream(counts).sum());
    final double[][] expected =
        sparseGpt(Arithmetic.hessian(x, n, 0.01), w, rows, block, counts, stay, of);
    final float[] one = new float[w.length];
    for (int threads = 1; threads <= 3; threads += 2) {
      final float[] got = new float[w.length];
      try (Workers workers = new Workers(threads)) {
        final SparseGptMatrix matrix =
            new SparseGptMatrix(
                Arithmetic.layer(x, n, 0.01), block, w, Arithmetic.all(w.length), workers);
        if (of > 0) {
          matrix.prune(stay, of);
        } else {
          matrix.prune(counts);
        }
        matrix.write(got, new boolean[w.length]);
      }
      for (int i = 0; i < w.length; i++) {
        assertEquals(expected[i / n][i % n], got[i], 1e-4, "weight " + i);
        assertEquals(expected[i / n][i % n] == 0, got[i] == 0f, "zero " + i);
      }
      if (threads == 1) {
        System.arraycopy(got, 0, one, 0, got.length);
      }
      assertArrayEquals(one, got, "threads");
    }
  }

  /** What is gone stays gone, counts, and takes no part. */
  @Test
  void sparseGptGoesOnFromAPrunedMatrix() {
    final int n = 12;
    final int rows = 4;
    final float[] x = Arithmetic.rows(40, n, 5, 3);
    final float[] w = Arithmetic.gaussian(rows * n, 3);
    final boolean[] kept = Arithmetic.all(w.length);
    for (int i = 0; i < w.length; i += 5) {
      kept[i] = false;
      w[i] = 0;
    }
    final boolean[] before = kept.clone();
    try (Workers workers = new Workers(2)) {
      final SparseGptMatrix matrix =
          new SparseGptMatrix(Arithmetic.layer(x, n, 0.01), 4, w, kept, workers);
      matrix.prune(SparseGptMatrix.counts(rows, n, 4, 30));
      matrix.write(w, kept);
    }
    int zeros = 0;
    for (int i = 0; i < w.length; i++) {
      assertTrue(before[i] || !kept[i]);
      assertTrue(i % n != 5 || w[i] == 0f, "an input that is always zero");
      assertEquals(kept[i], w[i] != 0f);
      zeros += kept[i] ? 0 : 1;
    }
    assertEquals(30, zeros);
  }

  /** With H = I nothing is to be made up for, and what goes is what is small. */
  @Test
  void withoutDependenceAllMethodsAreMagnitude() {
    final int n = 8;
    final int rows = 3;
    final float[] x = new float[n * n];
    for (int i = 0; i < n; i++) {
      x[i * n + i] = 1;
    }
    final float[] w = Arithmetic.gaussian(rows * n, 8);
    final boolean[] expected = Arithmetic.all(w.length);
    for (int j = 0; j < w.length; j += 4) {
      IntStream.range(j, j + 4)
          .boxed()
          .sorted(Comparator.comparingDouble(i -> Math.abs(w[i])))
          .limit(2)
          .forEach(i -> expected[i] = false);
    }
    try (Workers workers = new Workers(2)) {
      final var h = Arithmetic.layer(x, n, 0);
      final float[] sparse = new float[w.length];
      final SparseGptMatrix matrix =
          new SparseGptMatrix(h, 8, w, Arithmetic.all(w.length), workers);
      matrix.prune(2, 4);
      matrix.write(sparse, new boolean[w.length]);
      final float[] exact = new float[w.length];
      new ExactObsMatrix(h, 1, 2, 4, w, Arithmetic.all(w.length), workers)
          .write(0, exact, new boolean[w.length]);
      for (int i = 0; i < w.length; i++) {
        assertEquals(expected[i] ? w[i] : 0f, sparse[i], 1e-6f);
        assertEquals(expected[i] ? w[i] : 0f, exact[i], 1e-6f);
      }
    }
  }

  /** The weights are the best for their zeros: the gradient of those that stay is zero. */
  @ParameterizedTest
  @CsvSource({"3,12,1,0.2,-1", "3,12,1,0.7,4", "2,12,4,0.5,-1", "2,12,3,0.25,2", "1,7,1,0.5,-1"})
  void exactObsLeavesTheBestWeights(int rows, int n, int size, double sparsity, int dead) {
    final float[] x = Arithmetic.rows(4 * n, n, dead, 17 + n);
    final double[][] h = Arithmetic.hessian(x, n, 0);
    final float[] w = Arithmetic.gaussian(rows * n, 5);
    final boolean[] kept = Arithmetic.all(w.length);
    kept[1] = false;
    w[1] = 0;
    final float[] after = new float[w.length];
    final boolean[] stays = new boolean[w.length];
    final int groups = w.length / size;
    final long count = (long) Math.rint(groups * sparsity);
    try (Workers workers = new Workers(2)) {
      new ExactObsMatrix(
              LayerHessian.dampenedFirst(Arithmetic.moments(x, n, 1), 0),
              size,
              0,
              0,
              w,
              kept,
              workers)
          .write(count, after, stays);
    }
    double scale = 0;
    int zeros = 0;
    for (int i = 0; i < w.length; i++) {
      scale = Math.max(scale, h[i % n][i % n]);
      zeros += after[i] == 0f ? 1 : 0;
    }
    assertEquals(0f, after[1]);
    assertTrue(zeros >= count * size, zeros + " zeros");
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < n; i++) {
        double gradient = 0;
        for (int j = 0; j < n; j++) {
          gradient += h[i][j] * ((double) after[r * n + j] - (j == dead ? 0 : w[r * n + j]));
        }
        if (after[r * n + i] != 0f) {
          assertEquals(0, gradient, 1e-5 * scale, "row " + r + " weight " + i);
        }
      }
    }
  }

  /** Norms of the inputs are sqrt(5) and 8 sqrt(2): column 0 goes, magnitude would differ. */
  @Test
  void wandaByHand() {
    final InputNorms norms = new InputNorms(2);
    norms.add(Floats.of(Floats.tensor(new float[] {1, 8, 2, 8}, 2, 2)), 2, 1);
    final float[] w = {4, -1, 2, 3};
    final double[] scores =
        IntStream.range(0, 4)
            .mapToDouble(i -> Wanda.score(w[i], norms.meanSquare(i % 2), true))
            .toArray();
    assertEquals(8.944, scores[0], 1e-3);
    assertEquals(11.314, scores[1], 1e-3);
    assertEquals(4.472, scores[2], 1e-3);
    assertEquals(33.941, scores[3], 1e-3);
    final boolean[] kept = Arithmetic.all(4);
    RowSelection.lowest(scores, 0, 2, 1, kept, 0);
    RowSelection.lowest(scores, 2, 2, 1, kept, 2);
    assertArrayEquals(new boolean[] {false, true, false, true}, kept);
    assertEquals(Double.NEGATIVE_INFINITY, Wanda.score(3f, 1, false));
  }

  @Test
  void ofEqualScoresTheFirstGo() {
    final double[] scores = {9, 1, 2, 1, 1, 0, 9};
    final boolean[] kept = Arithmetic.all(7);
    RowSelection.lowest(scores, 1, 5, 3, kept, 1);
    assertArrayEquals(new boolean[] {true, false, true, false, true, false, true}, kept);
  }

  /** Rows get the whole or the next number, and together what was asked for. */
  @ParameterizedTest
  @CsvSource({"0,5", "5,5", "7,5", "1234,97", "589824,1536", "353894,384"})
  void rowsShareACount(long count, int rows) {
    long sum = 0;
    for (int r = 0; r < rows; r++) {
      final int share = RowSelection.share(count, r, rows);
      assertTrue(share >= count / rows && share <= count / rows + 1, share + "");
      sum += share;
    }
    assertEquals(count, sum);
  }
}
