package dev.bantam.mixedprecision;

/**
 * Codes above an offset, Q-BERT's quantizer (Shen et al. 2020, appendix A) with the whole range:
 *
 * <pre>
 * q_0 = min w,  Delta = (max w - q_0) / (2^bits - 1),  code = rint((w - q_0) / Delta)
 * restored: Delta * code + q_0
 * </pre>
 *
 * <p>Both numbers are rounded to their stored type before codes are computed, so the largest weight
 * may be clipped by their rounding. The published code has an integer zero point in place of q_0,
 * and does not clamp.
 */
final class OffsetCodes {
  private OffsetCodes() {}

  /**
   * One group.
   *
   * @param w weights, finite; not modified
   * @param codes out, elements from..from+n-1, the code less 2^(bits-1)
   * @param scales out, Delta; 1 if all weights are equal
   * @param offsets out, q_0
   */
  static void quantize(
      float[] w,
      int from,
      int n,
      WeightFormat format,
      int group,
      byte[] codes,
      float[] scales,
      float[] offsets) {
    float lowest = w[from];
    float highest = w[from];
    for (int i = from + 1; i < from + n; i++) {
      lowest = Math.min(lowest, w[i]);
      highest = Math.max(highest, w[i]);
    }
    final int steps = (1 << format.bits()) - 1;
    final float offset = format.scaleType().round(lowest);
    final float exact = (highest - lowest) / steps;
    final float rounded = format.scaleType().round(exact);
    final float scale = exact == 0f ? 1f : rounded == 0f ? format.scaleType().up(0f) : rounded;
    final int middle = 1 << (format.bits() - 1);
    for (int i = from; i < from + n; i++) {
      codes[i] = (byte) (IntegerCodes.code(w[i] - offset, scale, 0, 0, steps) - middle);
    }
    scales[group] = scale;
    offsets[group] = offset;
  }
}
