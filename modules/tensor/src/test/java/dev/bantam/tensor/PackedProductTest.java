package dev.bantam.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bantam.tensor.Blas.Matrix;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Products with packed weights against three nested loops of {@code fma}, bit by bit. */
class PackedProductTest {
  private static Stream<Arguments> shapes() {
    final int[][] shapes = {
      {1, 1, 1},
      {1, 384, 33},
      {3, 7, 5},
      {4, 16, 32},
      {12, 32, 64},
      {13, 100, 31},
      {23, 385, 70},
      {37, 769, 129},
      {133, 390, 48},
      {300, 20, 400},
      {90, 1600, 40}
    };
    return Stream.of(new ScalarKernels(), Kernels.best())
        .flatMap(kernels -> Stream.of(shapes).map(s -> Arguments.of(kernels.name(), kernels, s)));
  }

  @ParameterizedTest(name = "{0} {2}")
  @MethodSource("shapes")
  void everyElementIsOneChainOfFma(String name, Kernels kernels, int[] shape) {
    final int rows = shape[0];
    final int inner = shape[1];
    final int columns = shape[2];
    final Random random = new Random(31L * rows + inner);
    final int stride = inner + 3;
    final float[] x = values(random, rows * stride + 2);
    final float[] w = values(random, columns * inner);
    final Floats xs = Floats.of(Floats.tensor(x, x.length));
    final PackedWeight transposed = new PackedWeight(inner, columns, kernels);
    final Floats weight = Floats.of(Floats.tensor(w, columns, inner));
    transposed.packTransposed(weight, columns / 2, columns);
    transposed.packTransposed(weight, 0, columns / 2);
    final PackedWeight plain = new PackedWeight(columns, inner, kernels);
    plain.pack(weight, 0, columns);

    // X W^T over all columns, and over those from 16 on
    for (int from = 0; from < Math.min(columns, 17); from += 16) {
      final float[] y = product(kernels, new Matrix(xs, 2, stride), rows, transposed, from);
      for (int r = 0; r < rows; r++) {
        for (int c = from; c < columns; c++) {
          float sum = 0;
          for (int k = 0; k < inner; k++) {
            sum = Math.fma(x[2 + r * stride + k], w[c * inner + k], sum);
          }
          assertSame(sum, y[r * columns + c], r, c);
        }
      }
    }

    // D W with D [rows, columns]
    final float[] d = values(random, rows * columns);
    final Floats ds = Floats.of(Floats.tensor(d, d.length));
    final float[] dx = product(kernels, new Matrix(ds, 0, columns), rows, plain, 0);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < inner; c++) {
        float sum = 0;
        for (int k = 0; k < columns; k++) {
          sum = Math.fma(d[r * columns + k], w[k * inner + c], sum);
        }
        assertSame(sum, dx[r * inner + c], r, c);
      }
    }
  }

  /** Within a stage, packed rows are used again; from stage to stage and outside, they are not. */
  @Test
  void rowsArePackedOnceForAStage() {
    final PackedProduct product = new PackedProduct(Kernels.best());
    final Floats x = Floats.of(Floats.tensor(new float[] {1, 2, 3, 4}, 2, 2));
    final PackedWeight weight = new PackedWeight(2, 1, Kernels.best());
    weight.packTransposed(Floats.of(Floats.tensor(new float[] {1, 10}, 1, 2)), 0, 1);
    product.stage(1);
    assertArrayEquals(new float[] {21, 43}, column(product, x, weight));
    x.write(0, new float[] {5}, 0, 1);
    assertArrayEquals(new float[] {21, 43}, column(product, x, weight), "packed twice");
    product.stage(2);
    assertArrayEquals(new float[] {25, 43}, column(product, x, weight));
    product.stage(0);
    x.write(0, new float[] {6}, 0, 1);
    assertArrayEquals(new float[] {26, 43}, column(product, x, weight));
    x.write(0, new float[] {7}, 0, 1);
    assertArrayEquals(new float[] {27, 43}, column(product, x, weight));
  }

  private static float[] column(PackedProduct product, Floats x, PackedWeight weight) {
    final float[] y = new float[2];
    product.run(
        new Matrix(x, 0, 2),
        2,
        weight,
        0,
        1,
        (values, row, n, c, width) -> System.arraycopy(values, 0, y, row, n));
    return y;
  }

  private static float[] product(
      Kernels kernels, Matrix x, int rows, PackedWeight weight, int from) {
    final float[] y = new float[rows * weight.columns()];
    new PackedProduct(kernels)
        .run(
            x,
            rows,
            weight,
            from,
            weight.columns(),
            (values, row, n, column, width) -> {
              for (int r = 0; r < n; r++) {
                System.arraycopy(
                    values, r * width, y, (row + r) * weight.columns() + column, width);
              }
            });
    return y;
  }

  private static float[] values(Random random, int n) {
    final float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static void assertSame(float expected, float actual, int r, int c) {
    assertEquals(
        Float.floatToRawIntBits(expected),
        Float.floatToRawIntBits(actual),
        () -> "[" + r + ", " + c + "]: " + expected + " and " + actual);
  }
}
