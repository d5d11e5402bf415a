package dev.bantam.binarization;

/**
 * From products of codes to values: {@code y = dot (s_row a_column) + shift a_column sum_column}
 * with s the scales of the inputs, a those of the weights and sum the sums of each output's weight
 * codes. One place, so that products in float and in bits give the same bits.
 */
@SuppressWarnings("ArrayRecordComponent") // read in hot loops
record Rescale(float[] rowScales, float[] weightScales, float[] weightSums, float shift) {
  /**
   * Changes a block in place.
   *
   * @param values products, [rows, columns]
   * @param row number of the first row in {@code rowScales}
   * @param column number of the first output
   */
  void apply(float[] values, int row, int rows, int column, int columns) {
    for (int r = 0, i = 0; r < rows; r++) {
      final float s = rowScales[row + r];
      for (int c = column; c < column + columns; c++, i++) {
        values[i] *= s * weightScales[c];
      }
    }
    if (shift == 0f) {
      return;
    }
    for (int r = 0, i = 0; r < rows; r++) {
      for (int c = column; c < column + columns; c++, i++) {
        values[i] += shift * weightScales[c] * weightSums[c];
      }
    }
  }
}
