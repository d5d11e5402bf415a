package dev.bantam.mixedprecision;

import dev.bantam.mixedprecision.WeightFormat.Range;

/**
 * Codes above an offset, Q-BERT's quantizer (Shen et al. 2020, appendix A) with the whole range, or
 * the part between two percentiles:
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
   * Levels of one group: Delta, or 1 if all weights are equal, above q_0.
   *
   * @param w weights, finite; not modified
   */
  static GroupGrid fit(float[] w, int from, int n, WeightFormat format) {
    final boolean percentile = format.range() == Range.PERCENTILE;
    float lowest = percentile ? Percentiles.lower(w, from, n, format.percentile()) : w[from];
    float highest = percentile ? Percentiles.upper(w, from, n, format.percentile()) : w[from];
    for (int i = from + 1; i < from + n && !percentile; i++) {
      lowest = Math.min(lowest, w[i]);
      highest = Math.max(highest, w[i]);
    }
    final ScaleType type = format.scaleType();
    final float exact = (highest - lowest) / ((1 << format.bits()) - 1);
    final float rounded = type.round(exact);
    final float scale = exact == 0f ? 1f : rounded == 0f ? type.up(0f) : rounded;
    return GroupGrid.above(scale, type.round(lowest), format.bits());
  }
}
