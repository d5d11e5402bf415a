package dev.bantam.pruning;

import dev.bantam.tensor.Floats;

/** Sums of the squares of each input of a linear layer over calibration rows, in float64. */
final class InputNorms {
  private final double[] sums;
  private long texts;

  /**
   * @param n inputs of the layer
   */
  InputNorms(int n) {
    this.sums = new double[n];
  }

  /**
   * Adds a batch.
   *
   * @param x [rows, n] from position 0
   * @param count texts that the rows are of
   */
  void add(Floats x, int rows, int count) {
    texts += count;
    final float[] row = new float[sums.length];
    for (int r = 0; r < rows; r++) {
      x.read(r * row.length, row, 0, row.length);
      for (int j = 0; j < row.length; j++) {
        sums[j] += (double) row[j] * row[j];
      }
    }
  }

  /** The sum of an input's squares over the number of texts. */
  double meanSquare(int input) {
    return sums[input] / texts;
  }
}
