package dev.bantam.runner.run;

import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.PackedProduct;
import dev.bantam.tensor.PackedWeight;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/**
 * How fast this machine multiplies matrices now, on all workers at once. Each figure takes about
 * half a second and is in 10^9 floating point operations a second over all threads together.
 */
public final class ProductSpeed {
  /** Rows of a product of the encoder's shape. */
  public static final int ROWS = 512;

  /** Its inner length. */
  public static final int INNER = 384;

  /** Its columns. */
  public static final int COLUMNS = 1536;

  /** Rows, columns and inner length of a large product. */
  public static final int LARGE = 1024;

  private static final long PROBE_NANOS = 200_000_000L;

  /** Inner steps of a product that stays in the first-level cache. */
  private static final int SHORT = 64;

  private static final int SHORT_CALLS = 1_000;

  private ProductSpeed() {}

  /** A product on matrices of its own, again and again. */
  private record Probe(double operations, Runnable product, List<Floats> matrices) {
    void close() {
      matrices.forEach(Floats::close);
    }
  }

  /** Products as the linear layers of an encoder run them. */
  public static double layers(Workers workers) {
    return rate(
        workers,
        () -> {
          final Floats x = filled(ROWS, INNER);
          final Floats y = filled(ROWS, COLUMNS);
          final Floats w = filled(COLUMNS, INNER);
          final PackedWeight packed = new PackedWeight(INNER, COLUMNS, Kernels.best());
          packed.packTransposed(w, 0, COLUMNS);
          return new Probe(
              2.0 * ROWS * COLUMNS * INNER,
              () ->
                  PackedProduct.ofThread()
                      .run(
                          new Matrix(x, 0, INNER),
                          ROWS,
                          packed,
                          0,
                          COLUMNS,
                          (values, row, rows, column, columns) -> {
                            for (int r = 0; r < rows; r++) {
                              y.write((row + r) * COLUMNS + column, values, r * columns, columns);
                            }
                          }),
              List.of(x, y, w));
        });
  }

  /** The innermost loop of these products on operands in the first-level cache: their bound. */
  public static double innermostLoop(Workers workers) {
    final Kernels kernels = Kernels.best();
    final int height = kernels.tileHeights()[0];
    final int width = kernels.panelColumns();
    return rate(
        workers,
        () -> {
          final float[] a = new float[height * SHORT];
          final float[] b = new float[width * SHORT];
          final float[] c = new float[height * width];
          return new Probe(
              2.0 * SHORT_CALLS * height * width * SHORT,
              () -> {
                for (int i = 0; i < SHORT_CALLS; i++) {
                  kernels.multiply(a, 0, height, b, 0, SHORT, c, 0, width);
                }
              },
              List.of());
        });
  }

  /** Products of OpenBLAS, which weights' gradients and attention use, of the encoder's shape. */
  public static double blas(Workers workers) {
    return blas(workers, ROWS, INNER, COLUMNS);
  }

  /** Products of OpenBLAS of {@value #LARGE} rows, columns and inner steps. */
  public static double largeBlas(Workers workers) {
    return blas(workers, LARGE, LARGE, LARGE);
  }

  private static double blas(Workers workers, int rows, int inner, int columns) {
    return rate(
        workers,
        () -> {
          final Floats x = filled(rows, inner);
          final Floats w = filled(columns, inner);
          final Floats y = filled(rows, columns);
          return new Probe(
              2.0 * rows * columns * inner,
              () ->
                  Blas.gemm(
                      false,
                      true,
                      rows,
                      columns,
                      inner,
                      1f,
                      new Matrix(x, 0, inner),
                      new Matrix(w, 0, inner),
                      0f,
                      new Matrix(y, 0, columns)),
              List.of(x, w, y));
        });
  }

  private static Floats filled(int rows, int columns) {
    final Floats floats = Floats.zeros(rows, columns);
    floats.fill(0, rows * columns, 0.5f);
    return floats;
  }

  private static double rate(Workers workers, Supplier<Probe> maker) {
    final List<Probe> probes = new ArrayList<>();
    for (int i = 0; i < workers.threads(); i++) {
      probes.add(maker.get());
    }
    final long[] done = new long[probes.size()];
    final Workers.Piece piece =
        (index, worker) -> {
          final long until = System.nanoTime() + PROBE_NANOS;
          while (System.nanoTime() < until) {
            probes.get(index).product().run();
            done[index]++;
          }
        };
    workers.run(probes.size(), piece); // wakes the processor up
    Arrays.fill(done, 0);
    final long start = System.nanoTime();
    workers.run(probes.size(), piece);
    final double seconds = (System.nanoTime() - start) / 1e9;
    probes.forEach(Probe::close);
    return probes.get(0).operations() * Arrays.stream(done).sum() / seconds / 1e9;
  }
}
