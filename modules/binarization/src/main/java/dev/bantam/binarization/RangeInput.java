package dev.bantam.binarization;

/**
 * Activations of more than one bit as BiBERT's code has them: clipped to [-clip, clip] first, then
 * at two bits ternary like {@link TernaryWeights}, otherwise {@code round(s x) / s} with {@code s =
 * (2^(bits-1) - 1) / max|x|}, halves to even. The gradient stops where {@code |x|} reaches the
 * clip.
 *
 * <p>The code takes range and threshold over the whole batch; here each row has its own.
 *
 * @param bits 2 to 8
 * @param clip above 0; {@link TernaryWeights#CLIP} as published
 */
record RangeInput(int bits, float clip) implements InputCoder {
  RangeInput {
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("2 to 8 bits, not " + bits);
    }
    if (!(clip > 0)) {
      throw new IllegalArgumentException("A clip above 0, not " + clip);
    }
  }

  @Override
  public void encode(float[] x, int rows, int columns, float[] codes, float[] scales) {
    final TernaryWeights ternary = new TernaryWeights(true, clip);
    final float[] row = new float[columns];
    final float[] coded = new float[columns];
    for (int r = 0; r < rows; r++) {
      System.arraycopy(x, r * columns, row, 0, columns);
      scales[r] =
          bits == 2
              ? ternary.encode(row, columns, WeightCoder.NOTHING, coded)
              : encode(row, columns, coded);
      System.arraycopy(coded, 0, codes, r * columns, columns);
    }
  }

  private float encode(float[] row, int columns, float[] codes) {
    float peak = 0f;
    for (int c = 0; c < columns; c++) {
      peak = Math.max(peak, Math.min(clip, Math.abs(row[c])));
    }
    final float top = (1 << (bits - 1)) - 1;
    final float inverse = peak == 0f ? 0f : top / peak;
    for (int c = 0; c < columns; c++) {
      codes[c] = (float) Math.rint(Math.max(-clip, Math.min(clip, row[c])) * inverse);
    }
    return peak / top;
  }

  @Override
  public void backward(
      float[] x, int rows, int column, int columns, float[] gradient, double[][] own) {
    for (int i = 0; i < rows * columns; i++) {
      gradient[i] = Math.abs(x[i]) < clip ? gradient[i] : 0f;
    }
  }

  @Override
  public Codes codes() {
    return bits == 2 ? new Codes(Kind.TERNARY, 1) : new Codes(Kind.SIGNED, bits);
  }
}
