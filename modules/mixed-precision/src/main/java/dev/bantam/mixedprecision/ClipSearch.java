package dev.bantam.mixedprecision;

/**
 * The range of least squared error: clipping the few largest weights makes the steps between all
 * others finer.
 *
 * <p>Tried are the whole range times 1 - i/100, i = 0, 1, ..., then factors around the best at a
 * distance of up to 1/100; the first of equal errors stays, which is the widest. Every error is
 * that of the stored weights: final rounding, scale in its stored type. A quick search takes tenths
 * in place of hundredths.
 *
 * <p>An object remembers where the last group's best was and tries that first: most of the others
 * are then known to be worse after a few weights. What is found does not depend on it. Not
 * thread-safe.
 */
final class ClipSearch {
  /** Coarse candidates down to a hundredth of the range. */
  static final int COARSE = 100;

  /** Fine candidates on either side of the best coarse one, a thousandth apart. */
  static final int FINE = 10;

  /** Coarse candidates of a quick search, down to a tenth of the range. */
  static final int QUICK_COARSE = 10;

  /** Fine candidates of a quick search on either side of the best coarse one. */
  static final int QUICK_FINE = 2;

  private final float[] restored = new float[IntegerCodes.TILE];
  private final int parts;
  private final int finer;
  private int likely;

  ClipSearch() {
    this(COARSE, FINE);
  }

  private ClipSearch(int parts, int finer) {
    this.parts = parts;
    this.finer = finer;
  }

  /**
   * A search of a tenth of the work, for use with {@value #QUICK_COARSE} coarse candidates and
   * {@value #QUICK_FINE} fine ones, a fortieth of the range apart. On normal weights its error is
   * within 2 % of the least at 2 to 4 bits, and within 5 % at 8.
   */
  static ClipSearch quick() {
    return new ClipSearch(QUICK_COARSE, 2 * QUICK_FINE);
  }

  /**
   * Share of the peak for codes -2^(bits-1)..2^(bits-1)-1 and the scale {@link ScaleRules#half}.
   *
   * @param w weights, finite; not modified
   * @param coarse number of coarse candidates, 1..100
   * @param fine number of fine candidates on either side, 0..10
   * @return in (0, 1]
   */
  float symmetric(float[] w, int from, int n, int bits, ScaleType type, int coarse, int fine) {
    final float peak = ScaleRules.peak(w, from, n);
    final int low = -(1 << (bits - 1));
    return leastError(
        coarse,
        fine,
        (factor, limit) -> {
          final float scale = ScaleRules.half(peak * factor, bits, type);
          return IntegerCodes.squaredError(w, from, n, scale, 0, low, -low - 1, limit, restored);
        });
  }

  /**
   * Share of both ends of the range for the scale {@link ScaleRules#affine} and its zero point.
   *
   * @see #symmetric
   */
  float affine(float[] w, int from, int n, int bits, ScaleType type, int coarse, int fine) {
    final float lowest = ScaleRules.lowest(w, from, n);
    final float highest = ScaleRules.highest(w, from, n);
    final int low = -(1 << (bits - 1));
    return leastError(
        coarse,
        fine,
        (factor, limit) -> {
          final float scale = ScaleRules.affine(lowest * factor, highest * factor, bits, type);
          final int zero = ScaleRules.zeroPoint(lowest * factor, scale, bits);
          return IntegerCodes.squaredError(w, from, n, scale, zero, low, -low - 1, limit, restored);
        });
  }

  @FunctionalInterface
  private interface Trial {
    /** Error with this share of the range; anything from {@code limit} up if it is not less. */
    double error(float factor, double limit);
  }

  private float leastError(int coarse, int fine, Trial trial) {
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    final int first = Math.min(likely, coarse - 1);
    for (int step = -1; step < coarse; step++) {
      final int i = step < 0 ? first : step;
      // an equal error counts for a wider range only
      final double limit = i < best ? Math.nextUp(least) : least;
      final double error = step == first ? limit : trial.error(coarseFactor(i), limit);
      if (error < limit) {
        least = error;
        best = i;
      }
    }
    likely = best;
    return refined(best, fine, least, trial);
  }

  private float coarseFactor(int i) {
    return (float) (1 - i / (double) parts);
  }

  private float refined(int centre, int fine, double least, Trial trial) {
    float best = coarseFactor(centre);
    double limit = least;
    for (int j = fine; j >= -fine; j--) {
      final float factor = (float) (1 - centre / (double) parts + j / (double) (parts * finer));
      if (j != 0 && factor > 0f && factor <= 1f) {
        final double error = trial.error(factor, limit);
        if (error < limit) {
          limit = error;
          best = factor;
        }
      }
    }
    return best;
  }
}
