package dev.bantam.benchmarks;

import dev.bantam.compression.BlockFisher;
import dev.bantam.compression.EmpiricalFisher;
import dev.bantam.tensor.Doubles;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;

/**
 * Sums of outer products of gradients, blocks outermost and {@link EmpiricalFisher#BUFFERED}
 * gradients inside, against the same arithmetic with gradients outermost and blocks inside: the
 * same kernel, threads and memory, one gradient at a time.
 */
final class FisherBench {
  /** Numbers that a thread copies at a time when bandwidth is measured. */
  private static final int COPY = 1 << 16;

  private static final int COPIES = 5;
  private static final long SEED = 1;

  private FisherBench() {}

  /**
   * Measures.
   *
   * @param elements weights of the tensor; its sums should be larger than the caches
   * @param block weights of a block
   */
  static BenchLine measure(int elements, int block, Workers workers, InTurn inTurn) {
    final int count = EmpiricalFisher.BUFFERED;
    final Floats gradient = gradient(elements);
    try (BlockFisher ours = new BlockFisher(elements, block, count);
        BlockFisher theirs = new BlockFisher(elements, block, 1)) {
      final Runnable blocksOutside = () -> add(ours, gradient, count, workers);
      final Runnable gradientsOutside = () -> add(theirs, gradient, count, workers);
      blocksOutside.run();
      gradientsOutside.run();
      requireSame(ours, theirs);
      final double[][] rates = inTurn.rates(blocksOutside, gradientsOutside);
      for (double[] side : rates) {
        for (int i = 0; i < side.length; i++) {
          side[i] *= count;
        }
      }
      final Comparison comparison = Comparison.of(rates[0], rates[1]);
      final double bytes =
          2.0 * (BlockFisher.bytes(elements, block, 0)) / count + 3.0 * Float.BYTES * elements;
      // a fused multiply and add counts as two, and float64 at half the rate of float32
      final double operations = 2.0 * BlockFisher.bytes(elements, block, 0) / Double.BYTES;
      final double ofMemory = comparison.ours() * bytes / bandwidth(workers);
      final double ofProducts = comparison.ours() * 2 * operations / SgemmPeak.measure(workers);
      return new BenchLine(
          "fisher",
          elements + " weights, blocks of " + block,
          "gradients outermost, same kernel",
          "gradients/s",
          comparison,
          Map.of("bound_fraction", Math.max(ofMemory, ofProducts)));
    } finally {
      gradient.close();
    }
  }

  private static Floats gradient(int elements) {
    final Random random = new Random(SEED);
    final float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return Floats.of(Floats.tensor(values, elements));
  }

  private static void add(BlockFisher fisher, Floats gradient, int count, Workers workers) {
    for (int i = 0; i < count; i++) {
      fisher.buffer(gradient);
      if (fisher.isFull()) {
        fisher.flush(workers);
      }
    }
    fisher.flush(workers);
  }

  private static void requireSame(BlockFisher a, BlockFisher b) {
    final int n = a.block();
    final double[] one = new double[n * n];
    final double[] other = new double[n * n];
    for (int number = 0; number < a.blocks(); number += 1 + a.blocks() / 100) {
      a.matrix(number, 0, 1, a.scratch(), one);
      b.matrix(number, 0, 1, b.scratch(), other);
      if (!Arrays.equals(one, other)) {
        throw new IllegalStateException("Both orders must give the same sums, block " + number);
      }
    }
  }

  /** Bytes a second that all threads read and write together, copying. */
  private static double bandwidth(Workers workers) {
    final int pieces = 512;
    double best = 0;
    try (Doubles from = Doubles.zeros((long) pieces * COPY);
        Doubles to = Doubles.zeros((long) pieces * COPY)) {
      final double[][] scratch = new double[workers.threads()][COPY];
      for (int i = 0; i < COPIES; i++) {
        final long start = System.nanoTime();
        workers.run(
            pieces,
            (piece, worker) -> {
              from.read((long) piece * COPY, scratch[worker], COPY);
              to.write((long) piece * COPY, scratch[worker], COPY);
            });
        final double seconds = (System.nanoTime() - start) / 1e9;
        best = Math.max(best, 2.0 * pieces * COPY * Double.BYTES / seconds);
      }
    }
    return best;
  }
}
