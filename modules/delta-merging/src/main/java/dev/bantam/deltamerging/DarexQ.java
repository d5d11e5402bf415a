package dev.bantam.deltamerging;

/**
 * The divisor q of DAREx-q (Deng et al. 2024), found without data labels: kept elements are divided
 * by q in (1 - p, 1] instead of 1 - p, which trades some bias for a smaller variance.
 */
final class DarexQ {
  private static final double STEP = 0.001;

  private DarexQ() {}

  /**
   * The bound that q minimizes for one output, {@code |eta (1 - (1-p)/q) sum c + eta^2 Phi(p) sum
   * c^2 / (4 q^2) + ln(2 / (1 - gamma))|} with {@code Phi(p) = (1 - 2p) / ln((1-p)/p)}.
   *
   * @param c delta times mean input, element by element of a row
   * @param p share dropped, in (0, 1)
   */
  static double objective(
      float[] c, int from, int count, double p, double eta, double gamma, double q) {
    double sum = 0;
    double squares = 0;
    for (int i = from; i < from + count; i++) {
      sum += c[i];
      squares += (double) c[i] * c[i];
    }
    final double phi = p == 0.5 ? 0.5 : (1 - 2 * p) / Math.log((1 - p) / p); // 1/2 is the limit
    return Math.abs(
        eta * (1 - (1 - p) / q) * sum
            + eta * eta * phi * squares / (4 * q * q)
            + Math.log(2 / (1 - gamma)));
  }

  /**
   * The q of least summed objective over the rows, on a grid of 0.001 in [1 - p, 1].
   *
   * @param c [rows x columns]
   */
  static double solve(float[] c, int columns, double p, double eta, double gamma) {
    double best = 1;
    double least = Double.POSITIVE_INFINITY;
    final int steps = (int) Math.round(p / STEP);
    for (int k = 0; k <= steps; k++) {
      final double q = Math.min(1, 1 - p + k * STEP);
      double sum = 0;
      for (int from = 0; from < c.length; from += columns) {
        sum += objective(c, from, columns, p, eta, gamma, q);
      }
      if (sum < least) {
        least = sum;
        best = q;
      }
    }
    return best;
  }
}
