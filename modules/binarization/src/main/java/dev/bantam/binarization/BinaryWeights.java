package dev.bantam.binarization;

import dev.bantam.tensor.Floats;

/**
 * {@code alpha sign(W - mu)} with {@code alpha} the mean magnitude of the weights <em>before</em>
 * the mean is taken off. The scale is held constant in the backward.
 *
 * <p>BiBERT (Qin et al. 2022): mean and scale of each row, clipped gradient. BiT (Liu et al. 2022):
 * mean and scale of the matrix for linear layers, scale of the row for the word table, identity
 * gradient. BWN (Rastegari et al. 2016): no mean.
 *
 * @param centre what the mean is taken over
 * @param scale what the scale is taken over
 * @param gradient what reaches the latent weight
 */
record BinaryWeights(Over centre, Over scale, Gradient gradient) implements WeightCoder {
  /** What a statistic is taken over. */
  enum Over {
    NOTHING,
    ROW,
    MATRIX
  }

  /** The estimator of the sign's derivative. */
  enum Gradient {
    /** {@code dW = dB}. */
    IDENTITY,
    /** {@code dW = dB [|W - mu| <= 1]}, less its mean over the row; no factor alpha. */
    CLIPPED_CENTRED
  }

  /** BiBERT's weights, word table included. */
  static final BinaryWeights BIBERT =
      new BinaryWeights(Over.ROW, Over.ROW, Gradient.CLIPPED_CENTRED);

  /** BiT's linear layers. */
  static final BinaryWeights BIT = new BinaryWeights(Over.MATRIX, Over.MATRIX, Gradient.IDENTITY);

  /** BiT's word table. */
  static final BinaryWeights BIT_TABLE =
      new BinaryWeights(Over.MATRIX, Over.ROW, Gradient.IDENTITY);

  /** Plain signs with a scale for each row. */
  static final BinaryWeights SIGN = new BinaryWeights(Over.NOTHING, Over.ROW, Gradient.IDENTITY);

  BinaryWeights {
    if (scale == Over.NOTHING) {
      throw new IllegalArgumentException("Signs need a scale");
    }
  }

  /** Mean and mean magnitude of the matrix. */
  @Override
  public double[] measure(Floats weight, int rows, int columns) {
    if (centre != Over.MATRIX && scale != Over.MATRIX) {
      return NOTHING;
    }
    final float[] row = new float[columns];
    double sum = 0;
    double magnitudes = 0;
    for (int r = 0; r < rows; r++) {
      weight.read(r * columns, row, 0, columns);
      sum += sum(row, columns);
      magnitudes += magnitudes(row, columns);
    }
    final double n = (double) rows * columns;
    return new double[] {sum / n, magnitudes / n};
  }

  private static double sum(float[] row, int columns) {
    double sum = 0;
    for (int c = 0; c < columns; c++) {
      sum += row[c];
    }
    return sum;
  }

  private static double magnitudes(float[] row, int columns) {
    double sum = 0;
    for (int c = 0; c < columns; c++) {
      sum += Math.abs(row[c]);
    }
    return sum;
  }

  private float mean(float[] row, int columns, double[] whole) {
    return switch (centre) {
      case NOTHING -> 0f;
      case ROW -> (float) (sum(row, columns) / columns);
      case MATRIX -> (float) whole[0];
    };
  }

  @Override
  public float encode(float[] row, int columns, double[] whole, float[] codes) {
    final float mean = mean(row, columns, whole);
    for (int c = 0; c < columns; c++) {
      codes[c] = Signs.of(row[c] - mean);
    }
    return (float) (scale == Over.MATRIX ? whole[1] : magnitudes(row, columns) / columns);
  }

  @Override
  public void backward(float[] row, int columns, double[] whole, float[] gradient) {
    if (gradient() == Gradient.IDENTITY) {
      return;
    }
    final float mean = mean(row, columns, whole);
    double sum = 0;
    for (int c = 0; c < columns; c++) {
      if (Math.abs(row[c] - mean) > 1f) {
        gradient[c] = 0f;
      }
      sum += gradient[c];
    }
    final double share = sum / columns;
    for (int c = 0; c < columns; c++) {
      gradient[c] = (float) (gradient[c] - share);
    }
  }

  @Override
  public int levels() {
    return 2;
  }

  @Override
  public boolean oneScale() {
    return scale == Over.MATRIX;
  }
}
