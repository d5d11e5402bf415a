package dev.bantam.deltamerging;

import dev.bantam.deltamerging.Spheres.Line;

/**
 * Model Stock (Jang et al. 2024): {@code t mean + (1 - t) theta_0} with {@code t = N c / (1 + (N-1)
 * c)} and c the mean cosine of the pairs of deltas. The product of two norms is at least 1e-6, so
 * that short deltas count as orthogonal; a denominator below 1e-6 gives the base. t is not clamped:
 * negative cosines extrapolate.
 */
final class ModelStock {
  private ModelStock() {}

  /**
   * Merges one line.
   *
   * @param base in: theta_0; out: the merged line
   */
  static void merge(float[] base, float[][] deltas, Line line, Precision precision) {
    final int count = deltas.length;
    double sum = 0;
    int pairs = 0;
    for (int a = 0; a < count; a++) {
      final double norm = Spheres.norm(deltas[a], line);
      for (int b = a + 1; b < count; b++) {
        final double product = norm * Spheres.norm(deltas[b], line);
        sum += Spheres.dot(deltas[a], deltas[b], line) / Math.max(product, 1e-6);
        pairs++;
      }
    }
    final double t = ratio(sum / pairs, count);
    for (int k = 0, i = line.from(); k < line.count(); k++, i += line.stride()) {
      double mean = 0;
      for (float[] delta : deltas) {
        mean += delta[i];
      }
      base[i] = precision.round((float) (base[i] + t * mean / count));
    }
  }

  /** The share of the mean model. */
  static double ratio(double cosine, int count) {
    final double denominator = 1 + (count - 1) * cosine;
    return Math.abs(denominator) < 1e-6 ? 0 : count * cosine / denominator;
  }
}
