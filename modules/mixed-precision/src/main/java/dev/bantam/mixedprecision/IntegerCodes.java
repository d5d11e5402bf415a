package dev.bantam.mixedprecision;

/** Rounding to integer codes and back, as ONNX Runtime's QuantizeLinear and DequantizeLinear do. */
final class IntegerCodes {
  private IntegerCodes() {}

  /**
   * {@code clamp(rint(x / scale) + zero, low, high)}.
   *
   * <p>The division is one of floats and ties go to the even integer, before the zero point is
   * added. Infinities saturate; NaN gives {@code low}.
   */
  static int code(float x, float scale, int zero, int low, int high) {
    final double code = Math.rint(x / scale) + zero;
    return code >= high ? high : code > low ? (int) code : low;
  }

  /** {@code (code - zero) * scale}, one float multiplication. */
  static float value(int code, float scale, int zero) {
    return (code - zero) * scale;
  }

  /**
   * Codes of a group.
   *
   * @param w weights, finite (callers check); not modified
   * @param from first element of the group
   * @param n its elements
   * @param scale as it will be stored, not 0
   * @param zero zero point, in [low, high]
   * @param codes out, elements from..from+n-1, in [low, high]; a byte holds -128..127
   */
  static void quantize(
      float[] w, int from, int n, float scale, int zero, int low, int high, byte[] codes) {
    for (int i = from; i < from + n; i++) {
      codes[i] = (byte) code(w[i], scale, zero, low, high);
    }
  }

  /**
   * {@code sum_i (value(code(w_i)) - w_i)^2} over a group, restored values in float, the sum in
   * double in the order of the elements.
   *
   * @param limit the sum is not finished once it reaches this
   */
  static double squaredError(
      float[] w, int from, int n, float scale, int zero, int low, int high, double limit) {
    double sum = 0;
    for (int i = from; i < from + n && sum < limit; i++) {
      final double d = (double) value(code(w[i], scale, zero, low, high), scale, zero) - w[i];
      sum += d * d;
    }
    return sum;
  }
}
