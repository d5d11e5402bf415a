package dev.bantam.binarization;

/**
 * Uniform quantization in a range that is clipped first, as BinaryBERT and TernaryBERT have it for
 * activations: {@code round(s x) / s} with {@code s = (2^(bits-1) - 1) / max|x|}, or with an offset
 * {@code round(t (2^bits - 1)) / (2^bits - 1)} of the position t between the smallest and the
 * largest value. Halves are rounded to even; the range is that of what is given, a row or a whole
 * tensor.
 *
 * @param bits 2 to 8
 * @param symmetric whether the levels are symmetric around 0
 * @param low everything up to this counts as this
 * @param high everything from here on counts as this
 */
record ClippedRange(int bits, boolean symmetric, float low, float high) {
  private static final float GUARD = 1e-8f;

  /** Replaces {@code n} values from {@code x[from]} by their levels. */
  void quantize(float[] x, int from, int n) {
    float least = Float.POSITIVE_INFINITY;
    float most = Float.NEGATIVE_INFINITY;
    for (int i = from; i < from + n; i++) {
      x[i] = Math.max(low, Math.min(high, x[i]));
      least = Math.min(least, x[i]);
      most = Math.max(most, x[i]);
    }
    if (symmetric) {
      symmetric(x, from, n, Math.max(Math.abs(least), Math.abs(most)));
    } else {
      offset(x, from, n, least, most - least + GUARD);
    }
  }

  private void symmetric(float[] x, int from, int n, float peak) {
    final float s = ((1 << (bits - 1)) - 1) / peak;
    for (int i = from; i < from + n && peak > 0; i++) {
      x[i] = (float) Math.rint(x[i] * s) / s;
    }
  }

  private void offset(float[] x, int from, int n, float least, float span) {
    final float s = (1 << bits) - 1;
    for (int i = from; i < from + n; i++) {
      x[i] = (float) Math.rint((x[i] - least) / span * s) / s * span + least;
    }
  }

  /**
   * The straight-through backward. What is clipped away is the gradient of the bounds (PACT, Choi
   * et al. 2018), the bounds themselves included.
   *
   * @param x values before {@link #quantize}
   * @param gradient in: derivative with respect to the levels; out: to the values
   * @param bounds += derivative with respect to low and high
   */
  void backward(float[] x, float[] gradient, double[] bounds) {
    for (int i = 0; i < x.length; i++) {
      if (x[i] <= low) {
        bounds[0] += gradient[i];
        gradient[i] = 0f;
      } else if (x[i] >= high) {
        bounds[1] += gradient[i];
        gradient[i] = 0f;
      }
    }
  }
}
