package dev.bantam.tensor.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of a tile of packed rows with a panel of packed columns. Each height has a loop of its
 * own, written out so that all sums stay in registers: 12 rows of two vectors where there are 32
 * registers, 6 where there are 16.
 */
final class TileKernels {
  private static final VectorSpecies<Float> F = VectorKernels.F;
  private static final int L = F.length();

  /** Columns of a panel. */
  static final int NR = 2 * L;

  private static final int[] HEIGHTS = VectorKernels.WIDE ? new int[] {12, 8, 4} : new int[] {6, 4};

  private TileKernels() {}

  static int[] heights() {
    return HEIGHTS.clone();
  }

  static void multiply(
      float[] a,
      int aFrom,
      int height,
      float[] b,
      int bFrom,
      int inner,
      float[] c,
      int cFrom,
      int stride) {
    switch (height) {
      case 12 -> tile12(a, aFrom, b, bFrom, inner, c, cFrom, stride);
      case 8 -> tile8(a, aFrom, b, bFrom, inner, c, cFrom, stride);
      case 6 -> tile6(a, aFrom, b, bFrom, inner, c, cFrom, stride);
      case 4 -> tile4(a, aFrom, b, bFrom, inner, c, cFrom, stride);
      default -> throw new IllegalArgumentException("No kernel for tiles of " + height + " rows");
    }
  }

  private static void tile12(
      float[] a, int aFrom, float[] b, int bFrom, int inner, float[] c, int cFrom, int stride) {
    FloatVector x0 = FloatVector.fromArray(F, c, cFrom);
    FloatVector y0 = FloatVector.fromArray(F, c, cFrom + L);
    FloatVector x1 = FloatVector.fromArray(F, c, cFrom + stride);
    FloatVector y1 = FloatVector.fromArray(F, c, cFrom + stride + L);
    FloatVector x2 = FloatVector.fromArray(F, c, cFrom + 2 * stride);
    FloatVector y2 = FloatVector.fromArray(F, c, cFrom + 2 * stride + L);
    FloatVector x3 = FloatVector.fromArray(F, c, cFrom + 3 * stride);
    FloatVector y3 = FloatVector.fromArray(F, c, cFrom + 3 * stride + L);
    FloatVector x4 = FloatVector.fromArray(F, c, cFrom + 4 * stride);
    FloatVector y4 = FloatVector.fromArray(F, c, cFrom + 4 * stride + L);
    FloatVector x5 = FloatVector.fromArray(F, c, cFrom + 5 * stride);
    FloatVector y5 = FloatVector.fromArray(F, c, cFrom + 5 * stride + L);
    FloatVector x6 = FloatVector.fromArray(F, c, cFrom + 6 * stride);
    FloatVector y6 = FloatVector.fromArray(F, c, cFrom + 6 * stride + L);
    FloatVector x7 = FloatVector.fromArray(F, c, cFrom + 7 * stride);
    FloatVector y7 = FloatVector.fromArray(F, c, cFrom + 7 * stride + L);
    FloatVector x8 = FloatVector.fromArray(F, c, cFrom + 8 * stride);
    FloatVector y8 = FloatVector.fromArray(F, c, cFrom + 8 * stride + L);
    FloatVector x9 = FloatVector.fromArray(F, c, cFrom + 9 * stride);
    FloatVector y9 = FloatVector.fromArray(F, c, cFrom + 9 * stride + L);
    FloatVector x10 = FloatVector.fromArray(F, c, cFrom + 10 * stride);
    FloatVector y10 = FloatVector.fromArray(F, c, cFrom + 10 * stride + L);
    FloatVector x11 = FloatVector.fromArray(F, c, cFrom + 11 * stride);
    FloatVector y11 = FloatVector.fromArray(F, c, cFrom + 11 * stride + L);
    for (int k = 0; k < inner; k++) {
      final FloatVector left = FloatVector.fromArray(F, b, bFrom + k * NR);
      final FloatVector right = FloatVector.fromArray(F, b, bFrom + k * NR + L);
      FloatVector v;
      v = FloatVector.broadcast(F, a[aFrom + k * 12]);
      x0 = v.fma(left, x0);
      y0 = v.fma(right, y0);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 1]);
      x1 = v.fma(left, x1);
      y1 = v.fma(right, y1);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 2]);
      x2 = v.fma(left, x2);
      y2 = v.fma(right, y2);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 3]);
      x3 = v.fma(left, x3);
      y3 = v.fma(right, y3);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 4]);
      x4 = v.fma(left, x4);
      y4 = v.fma(right, y4);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 5]);
      x5 = v.fma(left, x5);
      y5 = v.fma(right, y5);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 6]);
      x6 = v.fma(left, x6);
      y6 = v.fma(right, y6);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 7]);
      x7 = v.fma(left, x7);
      y7 = v.fma(right, y7);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 8]);
      x8 = v.fma(left, x8);
      y8 = v.fma(right, y8);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 9]);
      x9 = v.fma(left, x9);
      y9 = v.fma(right, y9);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 10]);
      x10 = v.fma(left, x10);
      y10 = v.fma(right, y10);
      v = FloatVector.broadcast(F, a[aFrom + k * 12 + 11]);
      x11 = v.fma(left, x11);
      y11 = v.fma(right, y11);
    }
    x0.intoArray(c, cFrom);
    y0.intoArray(c, cFrom + L);
    x1.intoArray(c, cFrom + stride);
    y1.intoArray(c, cFrom + stride + L);
    x2.intoArray(c, cFrom + 2 * stride);
    y2.intoArray(c, cFrom + 2 * stride + L);
    x3.intoArray(c, cFrom + 3 * stride);
    y3.intoArray(c, cFrom + 3 * stride + L);
    x4.intoArray(c, cFrom + 4 * stride);
    y4.intoArray(c, cFrom + 4 * stride + L);
    x5.intoArray(c, cFrom + 5 * stride);
    y5.intoArray(c, cFrom + 5 * stride + L);
    x6.intoArray(c, cFrom + 6 * stride);
    y6.intoArray(c, cFrom + 6 * stride + L);
    x7.intoArray(c, cFrom + 7 * stride);
    y7.intoArray(c, cFrom + 7 * stride + L);
    x8.intoArray(c, cFrom + 8 * stride);
    y8.intoArray(c, cFrom + 8 * stride + L);
    x9.intoArray(c, cFrom + 9 * stride);
    y9.intoArray(c, cFrom + 9 * stride + L);
    x10.intoArray(c, cFrom + 10 * stride);
    y10.intoArray(c, cFrom + 10 * stride + L);
    x11.intoArray(c, cFrom + 11 * stride);
    y11.intoArray(c, cFrom + 11 * stride + L);
  }

  private static void tile8(
      float[] a, int aFrom, float[] b, int bFrom, int inner, float[] c, int cFrom, int stride) {
    FloatVector x0 = FloatVector.fromArray(F, c, cFrom);
    FloatVector y0 = FloatVector.fromArray(F, c, cFrom + L);
    FloatVector x1 = FloatVector.fromArray(F, c, cFrom + stride);
    FloatVector y1 = FloatVector.fromArray(F, c, cFrom + stride + L);
    FloatVector x2 = FloatVector.fromArray(F, c, cFrom + 2 * stride);
    FloatVector y2 = FloatVector.fromArray(F, c, cFrom + 2 * stride + L);
    FloatVector x3 = FloatVector.fromArray(F, c, cFrom + 3 * stride);
    FloatVector y3 = FloatVector.fromArray(F, c, cFrom + 3 * stride + L);
    FloatVector x4 = FloatVector.fromArray(F, c, cFrom + 4 * stride);
    FloatVector y4 = FloatVector.fromArray(F, c, cFrom + 4 * stride + L);
    FloatVector x5 = FloatVector.fromArray(F, c, cFrom + 5 * stride);
    FloatVector y5 = FloatVector.fromArray(F, c, cFrom + 5 * stride + L);
    FloatVector x6 = FloatVector.fromArray(F, c, cFrom + 6 * stride);
    FloatVector y6 = FloatVector.fromArray(F, c, cFrom + 6 * stride + L);
    FloatVector x7 = FloatVector.fromArray(F, c, cFrom + 7 * stride);
    FloatVector y7 = FloatVector.fromArray(F, c, cFrom + 7 * stride + L);
    for (int k = 0; k < inner; k++) {
      final FloatVector left = FloatVector.fromArray(F, b, bFrom + k * NR);
      final FloatVector right = FloatVector.fromArray(F, b, bFrom + k * NR + L);
      FloatVector v;
      v = FloatVector.broadcast(F, a[aFrom + k * 8]);
      x0 = v.fma(left, x0);
      y0 = v.fma(right, y0);
      v = FloatVector.broadcast(F, a[aFrom + k * 8 + 1]);
      x1 = v.fma(left, x1);
      y1 = v.fma(right, y1);
      v = FloatVector.broadcast(F, a[aFrom + k * 8 + 2]);
      x2 = v.fma(left, x2);
      y2 = v.fma(right, y2);
      v = FloatVector.broadcast(F, a[aFrom + k * 8 + 3]);
      x3 = v.fma(left, x3);
      y3 = v.fma(right, y3);
      v = FloatVector.broadcast(F, a[aFrom + k * 8 + 4]);
      x4 = v.fma(left, x4);
      y4 = v.fma(right, y4);
      v = FloatVector.broadcast(F, a[aFrom + k * 8 + 5]);
      x5 = v.fma(left, x5);
      y5 = v.fma(right, y5);
      v = FloatVector.broadcast(F, a[aFrom + k * 8 + 6]);
      x6 = v.fma(left, x6);
      y6 = v.fma(right, y6);
      v = FloatVector.broadcast(F, a[aFrom + k * 8 + 7]);
      x7 = v.fma(left, x7);
      y7 = v.fma(right, y7);
    }
    x0.intoArray(c, cFrom);
    y0.intoArray(c, cFrom + L);
    x1.intoArray(c, cFrom + stride);
    y1.intoArray(c, cFrom + stride + L);
    x2.intoArray(c, cFrom + 2 * stride);
    y2.intoArray(c, cFrom + 2 * stride + L);
    x3.intoArray(c, cFrom + 3 * stride);
    y3.intoArray(c, cFrom + 3 * stride + L);
    x4.intoArray(c, cFrom + 4 * stride);
    y4.intoArray(c, cFrom + 4 * stride + L);
    x5.intoArray(c, cFrom + 5 * stride);
    y5.intoArray(c, cFrom + 5 * stride + L);
    x6.intoArray(c, cFrom + 6 * stride);
    y6.intoArray(c, cFrom + 6 * stride + L);
    x7.intoArray(c, cFrom + 7 * stride);
    y7.intoArray(c, cFrom + 7 * stride + L);
  }

  private static void tile6(
      float[] a, int aFrom, float[] b, int bFrom, int inner, float[] c, int cFrom, int stride) {
    FloatVector x0 = FloatVector.fromArray(F, c, cFrom);
    FloatVector y0 = FloatVector.fromArray(F, c, cFrom + L);
    FloatVector x1 = FloatVector.fromArray(F, c, cFrom + stride);
    FloatVector y1 = FloatVector.fromArray(F, c, cFrom + stride + L);
    FloatVector x2 = FloatVector.fromArray(F, c, cFrom + 2 * stride);
    FloatVector y2 = FloatVector.fromArray(F, c, cFrom + 2 * stride + L);
    FloatVector x3 = FloatVector.fromArray(F, c, cFrom + 3 * stride);
    FloatVector y3 = FloatVector.fromArray(F, c, cFrom + 3 * stride + L);
    FloatVector x4 = FloatVector.fromArray(F, c, cFrom + 4 * stride);
    FloatVector y4 = FloatVector.fromArray(F, c, cFrom + 4 * stride + L);
    FloatVector x5 = FloatVector.fromArray(F, c, cFrom + 5 * stride);
    FloatVector y5 = FloatVector.fromArray(F, c, cFrom + 5 * stride + L);
    for (int k = 0; k < inner; k++) {
      final FloatVector left = FloatVector.fromArray(F, b, bFrom + k * NR);
      final FloatVector right = FloatVector.fromArray(F, b, bFrom + k * NR + L);
      FloatVector v;
      v = FloatVector.broadcast(F, a[aFrom + k * 6]);
      x0 = v.fma(left, x0);
      y0 = v.fma(right, y0);
      v = FloatVector.broadcast(F, a[aFrom + k * 6 + 1]);
      x1 = v.fma(left, x1);
      y1 = v.fma(right, y1);
      v = FloatVector.broadcast(F, a[aFrom + k * 6 + 2]);
      x2 = v.fma(left, x2);
      y2 = v.fma(right, y2);
      v = FloatVector.broadcast(F, a[aFrom + k * 6 + 3]);
      x3 = v.fma(left, x3);
      y3 = v.fma(right, y3);
      v = FloatVector.broadcast(F, a[aFrom + k * 6 + 4]);
      x4 = v.fma(left, x4);
      y4 = v.fma(right, y4);
      v = FloatVector.broadcast(F, a[aFrom + k * 6 + 5]);
      x5 = v.fma(left, x5);
      y5 = v.fma(right, y5);
    }
    x0.intoArray(c, cFrom);
    y0.intoArray(c, cFrom + L);
    x1.intoArray(c, cFrom + stride);
    y1.intoArray(c, cFrom + stride + L);
    x2.intoArray(c, cFrom + 2 * stride);
    y2.intoArray(c, cFrom + 2 * stride + L);
    x3.intoArray(c, cFrom + 3 * stride);
    y3.intoArray(c, cFrom + 3 * stride + L);
    x4.intoArray(c, cFrom + 4 * stride);
    y4.intoArray(c, cFrom + 4 * stride + L);
    x5.intoArray(c, cFrom + 5 * stride);
    y5.intoArray(c, cFrom + 5 * stride + L);
  }

  private static void tile4(
      float[] a, int aFrom, float[] b, int bFrom, int inner, float[] c, int cFrom, int stride) {
    FloatVector x0 = FloatVector.fromArray(F, c, cFrom);
    FloatVector y0 = FloatVector.fromArray(F, c, cFrom + L);
    FloatVector x1 = FloatVector.fromArray(F, c, cFrom + stride);
    FloatVector y1 = FloatVector.fromArray(F, c, cFrom + stride + L);
    FloatVector x2 = FloatVector.fromArray(F, c, cFrom + 2 * stride);
    FloatVector y2 = FloatVector.fromArray(F, c, cFrom + 2 * stride + L);
    FloatVector x3 = FloatVector.fromArray(F, c, cFrom + 3 * stride);
    FloatVector y3 = FloatVector.fromArray(F, c, cFrom + 3 * stride + L);
    for (int k = 0; k < inner; k++) {
      final FloatVector left = FloatVector.fromArray(F, b, bFrom + k * NR);
      final FloatVector right = FloatVector.fromArray(F, b, bFrom + k * NR + L);
      FloatVector v;
      v = FloatVector.broadcast(F, a[aFrom + k * 4]);
      x0 = v.fma(left, x0);
      y0 = v.fma(right, y0);
      v = FloatVector.broadcast(F, a[aFrom + k * 4 + 1]);
      x1 = v.fma(left, x1);
      y1 = v.fma(right, y1);
      v = FloatVector.broadcast(F, a[aFrom + k * 4 + 2]);
      x2 = v.fma(left, x2);
      y2 = v.fma(right, y2);
      v = FloatVector.broadcast(F, a[aFrom + k * 4 + 3]);
      x3 = v.fma(left, x3);
      y3 = v.fma(right, y3);
    }
    x0.intoArray(c, cFrom);
    y0.intoArray(c, cFrom + L);
    x1.intoArray(c, cFrom + stride);
    y1.intoArray(c, cFrom + stride + L);
    x2.intoArray(c, cFrom + 2 * stride);
    y2.intoArray(c, cFrom + 2 * stride + L);
    x3.intoArray(c, cFrom + 3 * stride);
    y3.intoArray(c, cFrom + 3 * stride + L);
  }
}
