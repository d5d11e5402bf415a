package dev.bantam.tensor.vector;

import static dev.bantam.tensor.Kernels.TILE;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sums of outer products in tiles of 8 x 8 that stay in registers: 8 vectors of 8 where there are
 * 32 registers, half a tile in 8 vectors of 4 where there are 16.
 */
final class OuterKernels {
  private static final VectorSpecies<Double> D =
      VectorKernels.WIDE ? DoubleVector.SPECIES_512 : DoubleVector.SPECIES_256;
  private static final int L = D.length();

  private OuterKernels() {}

  static void add(double[] p, int count, int n, double[] tiles) {
    int at = 0;
    for (int row = 0; row < n; row += TILE) {
      for (int column = row; column < n; column += TILE, at += TILE * TILE) {
        if (VectorKernels.WIDE) {
          tile(p, count * n, n, row, column, tiles, at);
        } else {
          half(p, count * n, n, row, column, tiles, at);
          half(p, count * n, n, row + TILE / 2, column, tiles, at + TILE / 2 * TILE);
        }
      }
    }
  }

  private static void tile(
      double[] p, int end, int n, int row, int column, double[] tiles, int at) {
    DoubleVector s0 = DoubleVector.fromArray(D, tiles, at);
    DoubleVector s1 = DoubleVector.fromArray(D, tiles, at + TILE);
    DoubleVector s2 = DoubleVector.fromArray(D, tiles, at + 2 * TILE);
    DoubleVector s3 = DoubleVector.fromArray(D, tiles, at + 3 * TILE);
    DoubleVector s4 = DoubleVector.fromArray(D, tiles, at + 4 * TILE);
    DoubleVector s5 = DoubleVector.fromArray(D, tiles, at + 5 * TILE);
    DoubleVector s6 = DoubleVector.fromArray(D, tiles, at + 6 * TILE);
    DoubleVector s7 = DoubleVector.fromArray(D, tiles, at + 7 * TILE);
    for (int k = 0; k < end; k += n) {
      final DoubleVector v = DoubleVector.fromArray(D, p, k + column);
      s0 = DoubleVector.broadcast(D, p[k + row]).fma(v, s0);
      s1 = DoubleVector.broadcast(D, p[k + row + 1]).fma(v, s1);
      s2 = DoubleVector.broadcast(D, p[k + row + 2]).fma(v, s2);
      s3 = DoubleVector.broadcast(D, p[k + row + 3]).fma(v, s3);
      s4 = DoubleVector.broadcast(D, p[k + row + 4]).fma(v, s4);
      s5 = DoubleVector.broadcast(D, p[k + row + 5]).fma(v, s5);
      s6 = DoubleVector.broadcast(D, p[k + row + 6]).fma(v, s6);
      s7 = DoubleVector.broadcast(D, p[k + row + 7]).fma(v, s7);
    }
    s0.intoArray(tiles, at);
    s1.intoArray(tiles, at + TILE);
    s2.intoArray(tiles, at + 2 * TILE);
    s3.intoArray(tiles, at + 3 * TILE);
    s4.intoArray(tiles, at + 4 * TILE);
    s5.intoArray(tiles, at + 5 * TILE);
    s6.intoArray(tiles, at + 6 * TILE);
    s7.intoArray(tiles, at + 7 * TILE);
  }

  /** Four rows of a tile. */
  private static void half(
      double[] p, int end, int n, int row, int column, double[] tiles, int at) {
    DoubleVector s0 = DoubleVector.fromArray(D, tiles, at);
    DoubleVector t0 = DoubleVector.fromArray(D, tiles, at + L);
    DoubleVector s1 = DoubleVector.fromArray(D, tiles, at + TILE);
    DoubleVector t1 = DoubleVector.fromArray(D, tiles, at + TILE + L);
    DoubleVector s2 = DoubleVector.fromArray(D, tiles, at + 2 * TILE);
    DoubleVector t2 = DoubleVector.fromArray(D, tiles, at + 2 * TILE + L);
    DoubleVector s3 = DoubleVector.fromArray(D, tiles, at + 3 * TILE);
    DoubleVector t3 = DoubleVector.fromArray(D, tiles, at + 3 * TILE + L);
    for (int k = 0; k < end; k += n) {
      final DoubleVector v = DoubleVector.fromArray(D, p, k + column);
      final DoubleVector w = DoubleVector.fromArray(D, p, k + column + L);
      DoubleVector a;
      a = DoubleVector.broadcast(D, p[k + row]);
      s0 = a.fma(v, s0);
      t0 = a.fma(w, t0);
      a = DoubleVector.broadcast(D, p[k + row + 1]);
      s1 = a.fma(v, s1);
      t1 = a.fma(w, t1);
      a = DoubleVector.broadcast(D, p[k + row + 2]);
      s2 = a.fma(v, s2);
      t2 = a.fma(w, t2);
      a = DoubleVector.broadcast(D, p[k + row + 3]);
      s3 = a.fma(v, s3);
      t3 = a.fma(w, t3);
    }
    s0.intoArray(tiles, at);
    t0.intoArray(tiles, at + L);
    s1.intoArray(tiles, at + TILE);
    t1.intoArray(tiles, at + TILE + L);
    s2.intoArray(tiles, at + 2 * TILE);
    t2.intoArray(tiles, at + 2 * TILE + L);
    s3.intoArray(tiles, at + 3 * TILE);
    t3.intoArray(tiles, at + 3 * TILE + L);
  }
}
