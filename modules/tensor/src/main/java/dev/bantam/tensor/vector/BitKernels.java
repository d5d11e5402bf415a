package dev.bantam.tensor.vector;

import dev.bantam.tensor.Kernels;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Counting of common bits: rows by a panel of columns, one vector of columns for four rows. */
final class BitKernels {
  /** The operation that counts the bits of each lane; the Vector API has it from JDK 19 on. */
  private static final VectorOperators.Unary BIT_COUNT = bitCount();

  /** Whether vectors can count bits here. */
  static final boolean AVAILABLE = BIT_COUNT != null;

  private static final VectorSpecies<Long> S =
      VectorKernels.WIDE ? LongVector.SPECIES_512 : LongVector.SPECIES_256;
  private static final int L = S.length();

  private BitKernels() {}

  private static VectorOperators.Unary bitCount() {
    try {
      return (VectorOperators.Unary) VectorOperators.class.getField("BIT_COUNT").get(null);
    } catch (ReflectiveOperationException e) {
      return null; // an earlier JDK
    }
  }

  static void commonBits(
      long[] a,
      int aFrom,
      int rows,
      int words,
      long[] b,
      int bFrom,
      int[] c,
      int cFrom,
      int stride) {
    final long[] lanes = new long[4 * L];
    for (int j = 0; j < Kernels.BIT_PANEL; j += L) {
      int r = 0;
      for (; r + 4 <= rows; r += 4) {
        four(a, aFrom + r * words, words, b, bFrom + j, lanes);
        for (int i = 0; i < 4 * L; i++) {
          c[cFrom + (r + i / L) * stride + j + i % L] = (int) lanes[i];
        }
      }
      for (; r < rows; r++) {
        one(a, aFrom + r * words, words, b, bFrom + j, lanes);
        for (int i = 0; i < L; i++) {
          c[cFrom + r * stride + j + i] = (int) lanes[i];
        }
      }
    }
  }

  private static void four(long[] a, int from, int words, long[] b, int bFrom, long[] lanes) {
    LongVector c0 = LongVector.zero(S);
    LongVector c1 = c0;
    LongVector c2 = c0;
    LongVector c3 = c0;
    for (int w = 0; w < words; w++) {
      final LongVector column = LongVector.fromArray(S, b, bFrom + w * Kernels.BIT_PANEL);
      c0 = c0.add(column.and(a[from + w]).lanewise(BIT_COUNT));
      c1 = c1.add(column.and(a[from + words + w]).lanewise(BIT_COUNT));
      c2 = c2.add(column.and(a[from + 2 * words + w]).lanewise(BIT_COUNT));
      c3 = c3.add(column.and(a[from + 3 * words + w]).lanewise(BIT_COUNT));
    }
    c0.intoArray(lanes, 0);
    c1.intoArray(lanes, L);
    c2.intoArray(lanes, 2 * L);
    c3.intoArray(lanes, 3 * L);
  }

  private static void one(long[] a, int from, int words, long[] b, int bFrom, long[] lanes) {
    LongVector sum = LongVector.zero(S);
    for (int w = 0; w < words; w++) {
      final LongVector column = LongVector.fromArray(S, b, bFrom + w * Kernels.BIT_PANEL);
      sum = sum.add(column.and(a[from + w]).lanewise(BIT_COUNT));
    }
    sum.intoArray(lanes, 0);
  }
}
