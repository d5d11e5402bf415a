package dev.bantam.compression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sums of outer products against plain double loops; independent of buffer and threads. */
class BlockFisherTest {
  private static final int COUNT = 13;

  private static float[][] gradients(int n) {
    final Random random = new Random(n);
    final float[][] g = new float[COUNT][n];
    for (float[] row : g) {
      for (int i = 0; i < n; i++) {
        row[i] = (float) random.nextGaussian();
      }
    }
    return g;
  }

  private static BlockFisher sums(
      float[][] g, boolean[] kept, int block, int buffered, int threads) {
    final BlockFisher fisher = new BlockFisher(g[0].length, block, buffered);
    try (Workers workers = new Workers(threads)) {
      for (float[] row : g) {
        final Floats gradient = Floats.of(Floats.tensor(row, row.length));
        if (kept == null) {
          fisher.buffer(gradient);
        } else {
          fisher.buffer(gradient, kept);
        }
        if (fisher.isFull()) {
          fisher.flush(workers);
        }
      }
      fisher.flush(workers);
    }
    return fisher;
  }

  private static double[] matrix(BlockFisher fisher, int number, double lambda) {
    final int n = fisher.length(number);
    final double[] f = new double[n * n];
    fisher.matrix(number, lambda, fisher.added(), fisher.scratch(), f);
    return f;
  }

  @ParameterizedTest
  @CsvSource({"48, 480", "50, 201", "7, 55", "1, 9", "16, 16", "64, 20000"})
  void blocksAreMeansOfOuterProducts(int block, int elements) {
    final float[][] g = gradients(elements);
    try (BlockFisher fisher = sums(g, null, block, 4, 2)) {
      assertEquals(COUNT, fisher.added());
      assertEquals((elements + block - 1) / block, fisher.blocks());
      for (int b = 0; b < fisher.blocks(); b += Math.max(1, fisher.blocks() / 7)) {
        final double[] f = matrix(fisher, b, 0.25);
        final int n = fisher.length(b);
        for (int i = 0; i < n; i++) {
          for (int j = i; j < n; j++) {
            double sum = 0;
            for (float[] row : g) {
              sum += (double) row[b * block + i] * row[b * block + j];
            }
            assertEquals(sum / COUNT + (i == j ? 0.25 : 0), f[i * n + j], 1e-12);
          }
        }
      }
    }
  }

  @Test
  void bufferAndThreadsDoNotMatter() {
    final float[][] g = gradients(1_000);
    try (BlockFisher one = sums(g, null, 48, 1, 1);
        BlockFisher other = sums(g, null, 48, 5, 3)) {
      for (int b = 0; b < one.blocks(); b++) {
        assertArrayEquals(matrix(one, b, 0), matrix(other, b, 0));
      }
    }
  }

  @Test
  void elementsThatAreNotKeptCountAsZero() {
    final float[][] g = gradients(20);
    final boolean[] kept = new boolean[20];
    for (int i = 0; i < 20; i++) {
      kept[i] = i % 3 != 0;
    }
    try (BlockFisher fisher = sums(g, kept, 10, 4, 1)) {
      final double[] f = matrix(fisher, 1, 0.5);
      for (int i = 0; i < 10; i++) {
        for (int j = i; j < 10; j++) {
          final boolean counts = kept[10 + i] && kept[10 + j];
          assertTrue(counts ? f[i * 10 + j] != 0 : f[i * 10 + j] == (i == j ? 0.5 : 0));
        }
      }
    }
  }

  @Test
  void aFullBufferTakesNoMore() {
    final BlockFisher fisher = new BlockFisher(4, 4, 1);
    fisher.buffer(Floats.zeros(4));
    assertThrows(IllegalStateException.class, () -> fisher.buffer(Floats.zeros(4)));
    fisher.close();
  }
}
