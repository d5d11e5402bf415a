package dev.bantam.binarization;

import dev.bantam.tensor.Floats;

/**
 * How the rows of a latent weight become small integer codes times a scale, and what of the
 * gradient of the coded weight reaches the latent one. Pure: nothing is kept between calls.
 */
interface WeightCoder {
  /** What {@link #measure} gives if the rows need nothing of each other. */
  double[] NOTHING = {};

  /**
   * Numbers over the whole matrix that its rows need.
   *
   * @param weight [rows, columns]
   */
  double[] measure(Floats weight, int rows, int columns);

  /**
   * Codes one row.
   *
   * @param row latent weights, [columns]; not modified
   * @param whole of {@link #measure}
   * @param codes out: whole numbers, [columns]
   * @return the row's scale: the coded weight is {@code scale * codes}
   */
  float encode(float[] row, int columns, double[] whole, float[] codes);

  /**
   * Turns the gradient of a coded row into that of the latent one.
   *
   * @param row latent weights, [columns]; not modified
   * @param gradient in: derivative with respect to the coded row; out: to the latent row
   */
  void backward(float[] row, int columns, double[] whole, float[] gradient);

  /** How many values a code can take: 2 or 3. */
  int levels();

  /** Whether all rows have one scale. */
  boolean oneScale();
}
