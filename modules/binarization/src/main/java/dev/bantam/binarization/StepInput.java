package dev.bantam.binarization;

import java.util.Arrays;

/**
 * 1 above one half, else 0: probabilities of a softmax without learned scale. The gradient passes
 * from 0 to 1.
 */
record StepInput() implements InputCoder {
  private static final float HALF = 0.5f;

  @Override
  public void encode(float[] x, int rows, int columns, float[] codes, float[] scales) {
    for (int i = 0; i < rows * columns; i++) {
      codes[i] = x[i] > HALF ? 1f : 0f;
    }
    Arrays.fill(scales, 0, rows, 1f);
  }

  @Override
  public void backward(
      float[] x, int rows, int column, int columns, float[] gradient, double[][] own) {
    for (int i = 0; i < rows * columns; i++) {
      gradient[i] = x[i] >= 0f && x[i] <= 1f ? gradient[i] : 0f;
    }
  }

  @Override
  public Codes codes() {
    return new Codes(Kind.UNSIGNED, 1);
  }
}
