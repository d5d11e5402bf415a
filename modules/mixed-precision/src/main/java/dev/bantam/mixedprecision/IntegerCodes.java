package dev.bantam.mixedprecision;

/** Rounding to integer codes and back, as ONNX Runtime's QuantizeLinear and DequantizeLinear do. */
final class IntegerCodes {
  /** Elements whose error is summed before the limit is looked at again. */
  static final int TILE = 32;

  /** Adding and subtracting it rounds a float of magnitude below 2^22 to an integer. */
  private static final float ROUNDER = 0x1.8p23f;

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
   * {@code sum_i (value(code(w_i)) - w_i)^2} over a group: restored values in float as {@link
   * #value} gives them, squares in double, in four interleaved sums that are added pairwise.
   *
   * <p>The codes come from float arithmetic that compilers turn into vector instructions: clamping
   * before rounding gives the same code as after, and adding and subtracting 1.5 * 2^23 rounds a
   * float to the nearest integer, ties to even.
   *
   * @param w weights, finite
   * @param limit the sum is not finished once it reaches this
   * @param restored scratch of at least {@link #TILE} elements
   */
  static double squaredError(
      float[] w,
      int from,
      int n,
      float scale,
      int zero,
      int low,
      int high,
      double limit,
      float[] restored) {
    final float least = low - zero;
    final float most = high - zero;
    double sum = 0;
    for (int start = 0; start < n && sum < limit; start += TILE) {
      final int count = Math.min(TILE, n - start);
      final int at = from + start;
      for (int i = 0; i < count; i++) {
        final float steps = Math.min(Math.max(w[at + i] / scale, least), most);
        restored[i] = ((steps + ROUNDER) - ROUNDER) * scale;
      }
      sum += squares(restored, w, at, count);
    }
    return sum;
  }

  private static double squares(float[] restored, float[] w, int from, int n) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    int i = 0;
    for (; i + 3 < n; i += 4) {
      a += square((double) restored[i] - w[from + i]);
      b += square((double) restored[i + 1] - w[from + i + 1]);
      c += square((double) restored[i + 2] - w[from + i + 2]);
      d += square((double) restored[i + 3] - w[from + i + 3]);
    }
    for (; i < n; i++) {
      a += square((double) restored[i] - w[from + i]);
    }
    return (a + b) + (c + d);
  }

  private static double square(double x) {
    return x * x;
  }
}
