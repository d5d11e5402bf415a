package dev.bantam.binarization;

import dev.bantam.tensor.Floats;
import java.util.Arrays;

/**
 * Loss-aware quantization (Hou and Kwok 2018) with an identity Hessian, as BinaryBERT has it: from
 * {@code b = sign(w)}, eleven times {@code alpha = sum|b w| / sum|b|} and {@code b = round(n clip(w
 * / alpha, -1, 1)) / n} with {@code n = 2^(bits-1) - 1}. At one bit {@code mean|w| sign(w)}.
 *
 * <p>Codes are {@code n b}, so the scale is {@code alpha / n}. The gradient passes as it is.
 *
 * @param bits 1 to 8
 * @param perRow whether each row has its own scale
 */
record LossAwareWeights(int bits, boolean perRow) implements WeightCoder {
  private static final int ALTERNATIONS = 11;

  LossAwareWeights {
    if (bits < 1 || bits > 8) {
      throw new IllegalArgumentException("1 to 8 bits, not " + bits);
    }
  }

  private int top() {
    return bits == 1 ? 1 : (1 << (bits - 1)) - 1;
  }

  @Override
  public double[] measure(Floats weight, int rows, int columns) {
    if (perRow) {
      return NOTHING;
    }
    final float[] all = new float[rows * columns];
    weight.read(0, all, 0, all.length);
    return new double[] {scale(all, all.length)};
  }

  private double scale(float[] w, int n) {
    final double[] b = new double[n];
    Arrays.setAll(b, i -> Math.signum(w[i]));
    double alpha = 0;
    for (int round = 0; round < (bits == 1 ? 1 : ALTERNATIONS); round++) {
      double products = 0;
      double magnitudes = 0;
      for (int i = 0; i < n; i++) {
        products += Math.abs(b[i] * w[i]);
        magnitudes += Math.abs(b[i]);
      }
      alpha = magnitudes == 0 ? 0 : products / magnitudes;
      for (int i = 0; i < n && bits > 1; i++) {
        b[i] = code(w[i], alpha) / top();
      }
    }
    return alpha;
  }

  private double code(float w, double alpha) {
    return alpha == 0 ? 0 : Math.rint(Math.max(-1, Math.min(1, w / alpha)) * top());
  }

  @Override
  public float encode(float[] row, int columns, double[] whole, float[] codes) {
    final double alpha = perRow ? scale(row, columns) : whole[0];
    for (int c = 0; c < columns; c++) {
      codes[c] = bits == 1 ? Signs.of(row[c]) : (float) code(row[c], alpha);
    }
    return (float) (alpha / top());
  }

  @Override
  public void backward(float[] row, int columns, double[] whole, float[] gradient) {}

  @Override
  public int levels() {
    return 2 * top() + (bits == 1 ? 0 : 1);
  }

  @Override
  public boolean oneScale() {
    return !perRow;
  }
}
