package dev.bantam.binarization;

import java.util.Arrays;

/**
 * {@code sign(x)} without scale or threshold (BiBERT, Qin et al. 2022). The gradient passes where
 * {@code |x| < 1}, the ends not included.
 */
record SignInput() implements InputCoder {
  @Override
  public void encode(float[] x, int rows, int columns, float[] codes, float[] scales) {
    for (int i = 0; i < rows * columns; i++) {
      codes[i] = Signs.of(x[i]);
    }
    Arrays.fill(scales, 0, rows, 1f);
  }

  @Override
  public void backward(
      float[] x, int rows, int column, int columns, float[] gradient, double[][] own) {
    for (int i = 0; i < rows * columns; i++) {
      gradient[i] = Signs.passes(x[i]) ? gradient[i] : 0f;
    }
  }

  @Override
  public Codes codes() {
    return new Codes(Kind.SIGNS, 1);
  }
}
