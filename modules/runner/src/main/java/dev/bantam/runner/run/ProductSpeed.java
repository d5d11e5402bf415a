package dev.bantam.runner.run;

import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.PackedProduct;
import dev.bantam.tensor.PackedWeight;
import dev.bantam.tensor.Workers;
import java.util.function.IntFunction;

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

  private static final long PROBE_NANOS = 200_000_000L;

  /** Inner steps of a product that stays in the first-level cache. */
  private static final int SHORT = 64;

  private static final int SHORT_CALLS = 1_000;

  private ProductSpeed() {}

  /** Products as the linear layers of an encoder run them. */
  public static double layers(Workers workers) {
    final double operations = 2.0 * ROWS * COLUMNS * INNER;
    return rate(
        workers,
        operations,
        piece -> {
          final Floats x = filled(ROWS, INNER);
          final Floats y = filled(ROWS, COLUMNS);
          final PackedWeight weight = new PackedWeight(INNER, COLUMNS, Kernels.best());
          weight.packTransposed(filled(COLUMNS, INNER), 0, COLUMNS);
          return () ->
              PackedProduct.ofThread()
                  .run(
                      new Matrix(x, 0, INNER),
                      ROWS,
                      weight,
                      0,
                      COLUMNS,
                      (values, row, rows, column, columns) -> {
                        for (int r = 0; r < rows; r++) {
                          y.write((row + r) * COLUMNS + column, values, r * columns, columns);
                        }
                      });
        });
  }

  /** The innermost loop of these products on operands in the first-level cache: their bound. */
  public static double innermostLoop(Workers workers) {
    final Kernels kernels = Kernels.best();
    final int height = kernels.tileHeights()[0];
    final int width = kernels.panelColumns();
    return rate(
        workers,
        2.0 * SHORT_CALLS * height * width * SHORT,
        piece -> {
          final float[] a = new float[height * SHORT];
          final float[] b = new float[width * SHORT];
          final float[] c = new float[height * width];
          return () -> {
            for (int i = 0; i < SHORT_CALLS; i++) {
              kernels.multiply(a, 0, height, b, 0, SHORT, c, 0, width);
            }
          };
        });
  }

  /** Products of OpenBLAS, which weights' gradients and attention use. */
  public static double blas(Workers workers) {
    return rate(
        workers,
        2.0 * ROWS * COLUMNS * INNER,
        piece -> {
          final Matrix x = new Matrix(filled(ROWS, INNER), 0, INNER);
          final Matrix w = new Matrix(filled(COLUMNS, INNER), 0, INNER);
          final Matrix y = new Matrix(filled(ROWS, COLUMNS), 0, COLUMNS);
          return () -> Blas.gemm(false, true, ROWS, COLUMNS, INNER, 1f, x, w, 0f, y);
        });
  }

  private static Floats filled(int rows, int columns) {
    final Floats floats = Floats.zeros(rows, columns);
    floats.fill(0, rows * columns, 0.5f);
    return floats;
  }

  private static double rate(Workers workers, double operations, IntFunction<Runnable> maker) {
    final int pieces = workers.threads();
    final Runnable[] products = new Runnable[pieces];
    for (int i = 0; i < pieces; i++) {
      products[i] = maker.apply(i);
    }
    final long[] done = new long[pieces];
    final Workers.Piece probe =
        (index, worker) -> {
          final long until = System.nanoTime() + PROBE_NANOS;
          while (System.nanoTime() < until) {
            products[index].run();
            done[index]++;
          }
        };
    workers.run(pieces, probe); // wakes the processor up
    java.util.Arrays.fill(done, 0);
    final long start = System.nanoTime();
    workers.run(pieces, probe);
    final double seconds = (System.nanoTime() - start) / 1e9;
    return operations * java.util.Arrays.stream(done).sum() / seconds / 1e9;
  }
}
