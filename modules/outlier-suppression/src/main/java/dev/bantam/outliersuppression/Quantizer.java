package dev.bantam.outliersuppression;

import java.util.Locale;

/**
 * Rounds to the values of integer codes: {@code q(x) = (clamp(rint(x / scale) + zero, low, high) -
 * zero) scale}.
 *
 * <p>Division and rounding in float, ties to the even integer, the zero point added after the
 * rounding: what ONNX Runtime's QuantizeLinear and DequantizeLinear do.
 *
 * @param scale distance of neighbouring values, above 0
 * @param zero code of 0
 * @param low lowest code
 * @param high highest code
 */
record Quantizer(float scale, int zero, int low, int high) {
  Quantizer {
    if (!(scale > 0) || Float.isInfinite(scale)) {
      throw new IllegalArgumentException("A scale is above 0 and finite, not " + scale);
    }
    if (zero < low || zero > high) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "Zero point %d is no code of %d..%d", zero, low, high));
    }
  }

  /** The code of a value. */
  int code(float x) {
    return (int) clamped((float) Math.rint(x / scale) + zero);
  }

  /** The value that stands for {@code x}; NaN stays NaN. */
  float round(float x) {
    return (clamped((float) Math.rint(x / scale) + zero) - zero) * scale;
  }

  /** Rounds some values in place. */
  void round(float[] x, int from, int n) {
    for (int i = from; i < from + n; i++) {
      x[i] = round(x[i]);
    }
  }

  /**
   * Whether the straight-through estimator passes a gradient at {@code x}: where the rounded value
   * is a code, as PyTorch's fake quantization decides.
   */
  boolean inside(float x) {
    final float code = (float) Math.rint(x / scale) + zero;
    return code >= low && code <= high;
  }

  private float clamped(float code) {
    return Math.max(low, Math.min(high, code));
  }
}
