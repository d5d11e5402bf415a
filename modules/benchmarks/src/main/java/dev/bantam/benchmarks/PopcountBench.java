package dev.bantam.benchmarks;

import dev.bantam.tensor.BitMatrix;
import dev.bantam.tensor.BitProduct;
import dev.bantam.tensor.BitRows;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.CodeSet;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.PackedProduct;
import dev.bantam.tensor.PackedWeight;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;

/**
 * Products of packed codes against the float product of the same numbers: same shape, same threads,
 * weights laid out beforehand on both sides, rows packed within the time on both sides.
 */
final class PopcountBench {
  private static final long SEED = 1;

  /** Rows that one piece of work packs and multiplies. */
  private static final int PIECE = 32;

  /** Column panels of the float product. */
  private static final int PANELS = 4;

  private final int rows;
  private final int inputs;
  private final int outputs;
  private final float[] x;
  private final Floats xs;
  private final Floats y;
  private final CodeSet set;
  private final BitMatrix bits;
  private final PackedWeight floats;
  private final int[] dots;

  private PopcountBench(int rows, int inputs, int outputs, int width) {
    this.rows = rows;
    this.inputs = inputs;
    this.outputs = outputs;
    this.set = width == 1 ? CodeSet.SIGNS : CodeSet.unsigned(width);
    final Random random = new Random(SEED);
    this.x = new float[rows * inputs];
    for (int i = 0; i < x.length; i++) {
      x[i] = width == 1 ? 2 * random.nextInt(2) - 1 : random.nextInt(1 << width);
    }
    final float[] w = new float[outputs * inputs];
    for (int i = 0; i < w.length; i++) {
      w[i] = 2 * random.nextInt(2) - 1;
    }
    this.xs = Floats.of(Floats.tensor(x, rows, inputs));
    this.y = Floats.zeros(rows, outputs);
    this.bits = new BitMatrix(CodeSet.SIGNS, outputs, inputs);
    for (int o = 0; o < outputs; o++) {
      final int from = o * inputs;
      bits.set(o, c -> (int) w[from + c]);
    }
    this.floats = new PackedWeight(inputs, outputs, Kernels.best());
    floats.packTransposed(Floats.of(Floats.tensor(w, outputs, inputs)), 0, outputs);
    this.dots = new int[rows * outputs];
  }

  /**
   * Measures [rows x inputs] x [inputs x outputs].
   *
   * @param width bits of an input; weights have one
   */
  static BenchLine measure(
      int rows, int inputs, int outputs, int width, Workers workers, InTurn inTurn) {
    final PopcountBench bench = new PopcountBench(rows, inputs, outputs, width);
    bench.onBits(workers);
    bench.inFloat(workers);
    bench.requireSame();
    final double[][] rates =
        inTurn.rates(() -> bench.onBits(workers), () -> bench.inFloat(workers));
    return new BenchLine(
        "popcount",
        String.format(java.util.Locale.ROOT, "%dx%dx%d %d bit", rows, inputs, outputs, width),
        "own sgemm, " + BenchLine.threads(workers),
        "products/s",
        Comparison.of(rates[0], rates[1]),
        Map.of());
  }

  private void onBits(Workers workers) {
    workers.run(
        (rows + PIECE - 1) / PIECE,
        (piece, worker) -> {
          final int first = piece * PIECE;
          final int n = Math.min(PIECE, rows - first);
          final BitRows packed = new BitRows(set, inputs);
          packed.pack(Arrays.copyOfRange(x, first * inputs, (first + n) * inputs), n);
          final int[] part = new int[n * outputs];
          BitProduct.ofThread().run(packed, bits, 0, outputs, part);
          System.arraycopy(part, 0, dots, first * outputs, part.length);
        });
  }

  private void inFloat(Workers workers) {
    workers.run(
        PANELS,
        (panel, worker) ->
            PackedProduct.ofThread()
                .run(
                    new Matrix(xs, 0, inputs),
                    rows,
                    floats,
                    cut(panel),
                    cut(panel + 1),
                    (values, row, n, column, columns) -> {
                      for (int r = 0; r < n; r++) {
                        y.write((row + r) * outputs + column, values, r * columns, columns);
                      }
                    }));
  }

  private int cut(int panel) {
    return panel == PANELS ? outputs : outputs * panel / PANELS / 32 * 32;
  }

  private void requireSame() {
    final float[] expected = Floats.toArray(y.array());
    for (int i = 0; i < expected.length; i++) {
      if (expected[i] != dots[i]) {
        throw new IllegalStateException(
            "Both products must be the same: " + dots[i] + " and " + expected[i] + " at " + i);
      }
    }
  }
}
