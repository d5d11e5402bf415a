package dev.bantam.pruning;

import dev.bantam.compression.Cholesky;
import java.util.Arrays;

/**
 * The exact greedy optimal brain surgeon (Frantar et al. 2022, algorithm 1) for weights with a
 * quadratic loss {@code 1/2 dw^T H dw}: again and again the group goes whose removal costs least,
 * {@code 1/2 w_Q^T ((H^-1)_QQ)^-1 w_Q}, the others move to make up for it, and H^-1 is downdated to
 * the inverse of what is left of H.
 *
 * <p>H^-1 itself is never changed. Removing the weights one after the other is a Cholesky factor of
 * H^-1 with pivots as they come, {@code H^-1 = V^T V + rest}: a column of the rest is computed when
 * its weight goes, and its diagonal blocks, which the costs need, are kept up to date. A group is
 * removed weight by weight, which comes to the same.
 *
 * <p>What is still there is kept at the front of all arrays. Equal costs: the first group goes. Not
 * safe for several threads; takes n^2 numbers.
 */
final class GreedyRemoval {
  private final int n;
  private final int size;
  private final int budget;
  private final int of;
  private final double[] factor; // V, [removed, n]
  private final double[] weights;
  private final double[] diagonal;
  private final double[] column;
  private final int[] index; // by place: the weight
  private final int[] place; // by weight
  private final double[] blocks; // diagonal blocks by group, for groups of several
  private final boolean[] gone; // by group
  private final int[] spent; // by bucket: weights gone
  private int left;
  private int removed;
  private double[] inverse;
  private int stride; // of the inverse

  /**
   * @param n weights at most
   * @param size weights of a group; divides the weights
   * @param stay of every {@code of} consecutive weights at least so many stay
   * @param of 0 if all may go
   */
  GreedyRemoval(int n, int size, int stay, int of) {
    this.n = n;
    this.size = size;
    this.budget = of - stay;
    this.of = of;
    this.factor = new double[n * n];
    this.weights = new double[n];
    this.diagonal = new double[n];
    this.column = new double[n];
    this.index = new int[n];
    this.place = new int[n];
    this.blocks = new double[size == 1 ? 0 : n * size];
    this.gone = new boolean[n];
    this.spent = new int[of == 0 ? 0 : (n + of - 1) / of];
  }

  /** Bytes on the heap. */
  static long heapBytes(long n) {
    return n * n * Double.BYTES;
  }

  /**
   * Finds the order in which groups go.
   *
   * @param h the inverse of H, [m, m] row-major, both triangles; not modified
   * @param m weights, at most n, a multiple of the group size
   * @param w of which m from position {@code from} are meant; not modified
   * @param kept weights that are still there, at the same positions; groups of which none is left
   *     go first, at no cost
   * @param order out: groups in the order in which they go
   * @param losses out: half the cost of each when it goes; minus infinity for those that are gone
   * @return how many go: all, or as many as the pattern allows
   * @throws ArithmeticException if H^-1 is not positive definite
   */
  int run(double[] h, int m, float[] w, int from, boolean[] kept, int[] order, double[] losses) {
    begin(h, m, w, from, kept);
    int steps = 0;
    for (int g = 0; g < m / size; g++) {
      boolean any = false;
      for (int i = g * size; i < (g + 1) * size; i++) {
        if (!kept[from + i]) {
          remove(i);
        }
        any |= kept[from + i];
      }
      if (!any) {
        gone[g] = true;
        order[steps] = g;
        losses[steps++] = Double.NEGATIVE_INFINITY;
      }
    }
    for (int next = cheapest(m); next >= 0; next = cheapest(m)) {
      double loss = 0;
      for (int i = next * size; i < (next + 1) * size; i++) {
        loss += kept[from + i] ? remove(i) : 0;
      }
      gone[next] = true;
      order[steps] = next;
      losses[steps++] = loss;
    }
    return steps;
  }

  private void begin(double[] h, int m, float[] w, int from, boolean[] kept) {
    inverse = h;
    stride = m;
    left = m;
    removed = 0;
    Arrays.fill(gone, false);
    Arrays.fill(spent, 0);
    for (int i = 0; i < m; i++) {
      index[i] = i;
      place[i] = i;
      weights[i] = kept[from + i] ? w[from + i] : 0;
      diagonal[i] = h[i * m + i];
    }
    for (int i = 0; size > 1 && i < m; i++) {
      System.arraycopy(h, i * m + i / size * size, blocks, i * size, size);
    }
  }

  /** The group that goes next, or -1 if none may. */
  private int cheapest(int m) {
    if (size > 1) {
      return cheapestGroup(m);
    }
    double least = Double.POSITIVE_INFINITY;
    int best = -1;
    for (int p = 0; p < left; p++) {
      final double cost = weights[p] * weights[p] / diagonal[p];
      if ((cost < least || (cost == least && (best < 0 || index[p] < index[best])))
          && (of == 0 || spent[index[p] / of] < budget)) {
        least = cost;
        best = p;
      }
    }
    return best < 0 ? -1 : index[best];
  }

  private int cheapestGroup(int m) {
    double least = Double.POSITIVE_INFINITY;
    int best = -1;
    final double[] a = new double[size * size];
    final double[] z = new double[size];
    for (int g = 0; g < m / size; g++) {
      if (gone[g]) {
        continue;
      }
      System.arraycopy(blocks, g * size * size, a, 0, a.length);
      double cost = 0;
      for (int i = 0; i < size; i++) {
        z[i] = weights[place[g * size + i]];
      }
      if (!Cholesky.factor(a, size)) {
        throw notPositive();
      }
      Cholesky.solve(a, size, z);
      for (int i = 0; i < size; i++) {
        cost += weights[place[g * size + i]] * z[i];
      }
      if (best < 0 || cost < least) {
        least = cost;
        best = g;
      }
    }
    return best;
  }

  private static ArithmeticException notPositive() {
    return new ArithmeticException("not positive definite");
  }

  /** Removes a weight and returns what it costs, halved. */
  private double remove(int i) {
    final int p = place[i];
    rest(i, p);
    final double pivot = column[p];
    if (!(pivot > 0 && pivot < Double.POSITIVE_INFINITY)) { // NaN does not pass
      throw notPositive();
    }
    final double move = weights[p] / pivot;
    final double loss = weights[p] * move / 2;
    final double root = Math.sqrt(pivot);
    final int row = removed * n;
    for (int q = 0; q < left; q++) {
      weights[q] -= move * column[q];
      final double v = column[q] / root;
      factor[row + q] = v;
      diagonal[q] -= v * v;
    }
    if (size > 1) {
      downdateBlocks(row);
      isolate(i);
    }
    removed++;
    takeOut(i, p);
    if (of > 0) {
      spent[i / of]++;
    }
    return loss;
  }

  /** Column i of the inverse of what is left of H, by place. */
  private void rest(int i, int p) {
    final int base = i * stride;
    for (int q = 0; q < left; q++) {
      column[q] = inverse[base + index[q]];
    }
    int t = 0;
    for (; t + 3 < removed; t += 4) {
      final int a = t * n;
      final int b = a + n;
      final int c = b + n;
      final int d = c + n;
      final double fa = factor[a + p];
      final double fb = factor[b + p];
      final double fc = factor[c + p];
      final double fd = factor[d + p];
      for (int q = 0; q < left; q++) {
        column[q] -=
            fa * factor[a + q] + fb * factor[b + q] + fc * factor[c + q] + fd * factor[d + q];
      }
    }
    for (; t < removed; t++) {
      final int a = t * n;
      final double fa = factor[a + p];
      for (int q = 0; q < left; q++) {
        column[q] -= fa * factor[a + q];
      }
    }
  }

  private void downdateBlocks(int row) {
    for (int q = 0; q < left; q++) {
      final int i = index[q];
      final int first = i / size * size;
      for (int k = 0; k < size; k++) {
        if (place[first + k] < left) {
          blocks[i * size + k] -= factor[row + q] * factor[row + place[first + k]];
        }
      }
    }
  }

  /** Leaves a removed weight in its group's block as one that costs nothing. */
  private void isolate(int i) {
    final int first = i / size * size;
    for (int k = 0; k < size; k++) {
      blocks[i * size + k] = 0;
      blocks[(first + k) * size + i - first] = 0;
    }
    blocks[i * size + i - first] = 1;
  }

  /** Puts the last weight in the place of a removed one. */
  private void takeOut(int i, int p) {
    final int last = --left;
    final int moved = index[last];
    for (int t = 0; t < removed; t++) {
      factor[t * n + p] = factor[t * n + last];
    }
    weights[p] = weights[last];
    diagonal[p] = diagonal[last];
    index[p] = moved;
    place[moved] = p;
    weights[last] = 0;
    index[last] = i;
    place[i] = last;
  }
}
