package dev.bantam.binarization;

import dev.bantam.tensor.Floats;

/**
 * Ternary weights (Li et al. 2016, as TernaryBERT and BiBERT use them): {@code alpha sign(w)} where
 * {@code |w| > 0.7 mean|w|}, else 0, with alpha the mean magnitude of the weights above the
 * threshold. Statistics are those of the clipped weights.
 *
 * @param perRow whether each row has its own threshold and scale
 * @param low weights up to this count as this and get no gradient; infinite for none
 * @param high weights from here on count as this and get no gradient; infinite for none
 */
record TernaryWeights(boolean perRow, float low, float high) implements WeightCoder {
  /** Share of the mean magnitude below which a weight is 0. */
  private static final float THRESHOLD = 0.7f;

  /** Where TernaryBERT and BiBERT clip. */
  static final float CLIP = 2.5f;

  TernaryWeights {
    if (!(low < high)) {
      throw new IllegalArgumentException("Clipped from " + low + " to " + high);
    }
  }

  /** Clips to {@code [-clip, clip]}. */
  TernaryWeights(boolean perRow, float clip) {
    this(perRow, -clip, clip);
  }

  /** Threshold and scale of the matrix. */
  @Override
  public double[] measure(Floats weight, int rows, int columns) {
    if (perRow) {
      return NOTHING;
    }
    final float[] row = new float[columns];
    double sum = 0;
    for (int r = 0; r < rows; r++) {
      weight.read(r * columns, row, 0, columns);
      sum += magnitudes(row, columns);
    }
    final float threshold = THRESHOLD * (float) (sum / ((double) rows * columns));
    double above = 0;
    long count = 0;
    for (int r = 0; r < rows; r++) {
      weight.read(r * columns, row, 0, columns);
      for (int c = 0; c < columns; c++) {
        final float w = Math.abs(clipped(row[c]));
        above += w > threshold ? w : 0;
        count += w > threshold ? 1 : 0;
      }
    }
    return new double[] {threshold, count == 0 ? 0 : above / count};
  }

  private float clipped(float w) {
    return Math.max(low, Math.min(high, w));
  }

  private double magnitudes(float[] row, int columns) {
    double sum = 0;
    for (int c = 0; c < columns; c++) {
      sum += Math.abs(clipped(row[c]));
    }
    return sum;
  }

  @Override
  public float encode(float[] row, int columns, double[] whole, float[] codes) {
    final float threshold =
        perRow ? THRESHOLD * (float) (magnitudes(row, columns) / columns) : (float) whole[0];
    double above = 0;
    int count = 0;
    for (int c = 0; c < columns; c++) {
      final float w = clipped(row[c]);
      codes[c] = w > threshold ? 1f : w < -threshold ? -1f : 0f;
      above += codes[c] * w;
      count += codes[c] == 0 ? 0 : 1;
    }
    if (!perRow) {
      return (float) whole[1];
    }
    return count == 0 ? 0f : (float) (above / count);
  }

  @Override
  public void backward(float[] row, int columns, double[] whole, float[] gradient) {
    for (int c = 0; c < columns; c++) {
      if (row[c] <= low || row[c] >= high) {
        gradient[c] = 0f;
      }
    }
  }

  @Override
  public int levels() {
    return 3;
  }

  @Override
  public boolean oneScale() {
    return !perRow;
  }
}
