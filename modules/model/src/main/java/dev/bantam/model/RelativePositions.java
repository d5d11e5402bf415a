package dev.bantam.model;

import dev.bantam.checkpoint.Architecture.RelativeBias;
import dev.bantam.checkpoint.EncoderParameters;
import dev.bantam.tensor.Floats;
import java.util.function.Function;

/**
 * The bias on scaled scores by distance of key and query, {@code s[i, j] += table[bucket(p_j -
 * p_i), head]}, and its backward. One table serves all layers.
 */
final class RelativePositions {
  static final String NAME = EncoderParameters.RELATIVE_BIAS;

  private final int heads;
  private final int farthest;
  private final int[] buckets;
  private final float[] table;
  private final Function<String, Floats> parameters;

  /**
   * @param heads of every layer; the table has a column for each
   */
  RelativePositions(RelativeBias bias, int heads, Function<String, Floats> parameters) {
    this.heads = heads;
    this.farthest = bias.farthest();
    this.parameters = parameters;
    this.table = new float[bias.buckets() * heads];
    this.buckets = new int[2 * farthest + 1];
    for (int r = -farthest; r <= farthest; r++) {
      buckets[r + farthest] = bias.bucket(r);
    }
  }

  /** Takes the table's current values. */
  void refresh() {
    parameters.apply(NAME).read(0, table, 0, table.length);
  }

  /** Number of elements of the table. */
  int size() {
    return table.length;
  }

  /**
   * Adds the bias to rows of scores.
   *
   * @param tile rows {@code first} to {@code first + rows} of the sequence's scores, [rows, n]
   * @param positions of the batch's tokens, the sequence's from {@code row} on
   */
  void add(float[] tile, int first, int rows, int n, int[] positions, int row, int head) {
    for (int i = 0; i < rows; i++) {
      final int query = positions[row + first + i];
      for (int j = 0; j < n; j++) {
        tile[i * n + j] += table[element(positions[row + j] - query, head)];
      }
    }
  }

  /** Adds the gradient of rows of scores to that of the table. */
  void backward(
      float[] gradient,
      int first,
      int rows,
      int n,
      int[] positions,
      int row,
      int head,
      float[] sums) {
    for (int i = 0; i < rows; i++) {
      final int query = positions[row + first + i];
      for (int j = 0; j < n; j++) {
        sums[element(positions[row + j] - query, head)] += gradient[i * n + j];
      }
    }
  }

  private int element(int distance, int head) {
    final int clipped = Math.max(-farthest, Math.min(farthest, distance));
    return buckets[clipped + farthest] * heads + head;
  }
}
