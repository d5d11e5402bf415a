package dev.bantam.mixedprecision;

import dev.bantam.mixedprecision.WeightFormat.Range;

/** Finds the levels of a group of weights. An object serves one thread. */
@FunctionalInterface
interface GroupFit {
  /**
   * Levels for a group.
   *
   * @param w weights, finite; not modified
   * @param from first element of the group
   * @param n its elements, at least 1
   * @return its scale may be infinite if the weights are too large for the type it is stored in
   */
  GroupGrid fit(float[] w, int from, int n);

  /** By the rules of a format: scheme, range, and the type of the stored scales. */
  static GroupFit of(WeightFormat format) {
    return of(format, new Search(new ClipSearch(), ClipSearch.COARSE, ClipSearch.FINE));
  }

  /** The same with a quick search for ranges, for levels that are found many times. */
  static GroupFit quick(WeightFormat format) {
    return of(
        format, new Search(ClipSearch.quick(), ClipSearch.QUICK_COARSE, ClipSearch.QUICK_FINE));
  }

  /**
   * A search for ranges.
   *
   * @param coarse its coarse candidates
   * @param fine its fine ones
   */
  record Search(ClipSearch clips, int coarse, int fine) {}

  private static GroupFit of(WeightFormat format, Search search) {
    return switch (format.scheme()) {
      case SYMMETRIC -> (w, from, n) -> symmetric(w, from, n, format, search);
      case AFFINE -> (w, from, n) -> affine(w, from, n, format, search);
      case OFFSET -> (w, from, n) -> OffsetCodes.fit(w, from, n, format);
    };
  }

  private static GroupGrid symmetric(
      float[] w, int from, int n, WeightFormat format, Search search) {
    final int bits = format.bits();
    final float peak =
        format.range() == Range.PERCENTILE
            ? Percentiles.ofMagnitudes(w, from, n, format.percentile())
            : ScaleRules.peak(w, from, n);
    final ScaleType type = format.scaleType();
    final float scale =
        format.range().searches()
            ? ScaleRules.half(
                peak
                    * search
                        .clips()
                        .symmetric(w, from, n, bits, type, search.coarse(), search.fine()),
                bits,
                type)
            : ScaleRules.restricted(peak, bits, type);
    return GroupGrid.around(scale, 0, bits);
  }

  private static GroupGrid affine(float[] w, int from, int n, WeightFormat format, Search search) {
    final int bits = format.bits();
    final ScaleType type = format.scaleType();
    final float share =
        format.range().searches()
            ? search.clips().affine(w, from, n, bits, type, search.coarse(), search.fine())
            : 1f;
    final boolean percentile = format.range() == Range.PERCENTILE;
    final float lowest =
        percentile
            ? Math.min(0, Percentiles.lower(w, from, n, format.percentile()))
            : share * ScaleRules.lowest(w, from, n);
    final float highest =
        percentile
            ? Math.max(0, Percentiles.upper(w, from, n, format.percentile()))
            : share * ScaleRules.highest(w, from, n);
    final float scale = ScaleRules.affine(lowest, highest, bits, type);
    return GroupGrid.around(scale, ScaleRules.zeroPoint(lowest, scale, bits), bits);
  }
}
