package dev.bantam.benchmarks;

import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;

/** What the matrix products of this machine can reach: one large product on every thread. */
final class SgemmPeak {
  private static final int SIZE = 1024;
  private static final int PROBES = 5;
  private static final long PROBE_NANOS = 200_000_000L;

  private SgemmPeak() {}

  /**
   * The best of {@value #PROBES} probes of a fifth of a second.
   *
   * @return floating point operations a second over all threads together
   */
  static double measure(Workers workers) {
    final Operands[] operands = new Operands[workers.threads()];
    for (int i = 0; i < operands.length; i++) {
      operands[i] = new Operands();
    }
    double best = 0;
    for (int probe = 0; probe < PROBES; probe++) {
      best = Math.max(best, probe(workers, operands));
    }
    for (Operands o : operands) {
      o.close();
    }
    return best;
  }

  private static double probe(Workers workers, Operands[] operands) {
    final double[] rates = new double[operands.length];
    workers.run(
        operands.length,
        (index, worker) -> {
          final long start = System.nanoTime();
          long products = 0;
          long nanos;
          do {
            operands[index].multiply();
            products++;
            nanos = System.nanoTime() - start;
          } while (nanos < PROBE_NANOS);
          rates[index] = 2.0 * SIZE * SIZE * SIZE * products / nanos * 1e9;
        });
    double sum = 0;
    for (double rate : rates) {
      sum += rate;
    }
    return sum;
  }

  /** Matrices of one thread. */
  private static final class Operands {
    private final Floats a = filled(0.5f);
    private final Floats b = filled(0.25f);
    private final Floats c = filled(0f);

    private static Floats filled(float value) {
      final Floats matrix = Floats.zeros(SIZE, SIZE);
      matrix.fill(0, matrix.length(), value);
      return matrix;
    }

    void multiply() {
      Blas.gemm(
          false,
          true,
          SIZE,
          SIZE,
          SIZE,
          1f,
          new Blas.Matrix(a, 0, SIZE),
          new Blas.Matrix(b, 0, SIZE),
          0f,
          new Blas.Matrix(c, 0, SIZE));
    }

    void close() {
      a.close();
      b.close();
      c.close();
    }
  }
}
