package dev.bantam.outliersuppression;

/** The exhaustive search for a range of least squared error of Outlier Suppression's observers. */
final class LeastSquaresRange {
  private static final int STEPS = 100;

  private final float[] x;
  private final int n;
  private final Codes codes;
  private final int bits;
  private Range best;
  private double least = Double.POSITIVE_INFINITY;

  private LeastSquaresRange(float[] x, int n, Codes codes, int bits) {
    this.x = x;
    this.n = n;
    this.codes = codes;
    this.bits = bits;
    this.best = Range.of(x, 0, n);
  }

  static Range search(float[] x, int n, Codes codes, int bits) {
    final LeastSquaresRange search = new LeastSquaresRange(x, n, codes, bits);
    final Range all = search.best;
    if (codes != Codes.AFFINE || all.min() >= 0 || all.max() <= 0) {
      search.thresholds(all);
    } else {
      search.widths(all);
    }
    return search.best;
  }

  private void thresholds(Range all) {
    final float peak = all.peak();
    for (int i = 1; i <= STEPS; i++) {
      final float t = peak / STEPS * i;
      attempt(all.min() >= 0 ? 0f : -t, all.max() <= 0 ? 0f : t);
    }
  }

  private void widths(Range all) {
    final float width = all.max() - all.min();
    final int top = (1 << bits) - 1;
    for (int i = 1; i <= STEPS; i++) {
      final float high = width / STEPS * i;
      final float delta = high / top;
      for (int zero = 0; zero <= top; zero++) {
        attempt(Math.max(-zero * delta, all.min()), Math.min(high - zero * delta, all.max()));
      }
    }
  }

  private void attempt(float min, float max) {
    final double error = squaredError(codes.of(min, max, bits));
    if (error < least) {
      least = error;
      best = new Range(min, Math.max(min, max));
    }
  }

  private double squaredError(Quantizer quantizer) {
    double sum = 0;
    for (int i = 0; i < n && sum < least; i++) {
      final double d = (double) quantizer.round(x[i]) - x[i];
      sum += d * d;
    }
    return sum;
  }
}
