package dev.bantam.deltamerging;

/**
 * Interpolation and means of vectors along great circles. Norms, angles and coefficients in {@code
 * double}; results are written into the first vector.
 */
final class Spheres {
  /** Above this cosine two vectors are interpolated along the line (Shoemake 1985, in practice). */
  private static final double NEARLY_PARALLEL = 0.9995;

  /** Sine of an angle below which two vectors count as parallel or opposite. */
  private static final double COLINEAR = 1e-7;

  private Spheres() {}

  /** A run of elements with a stride: a whole tensor, a row or a column. */
  record Line(int from, int stride, int count) {
    static Line all(float[] values) {
      return new Line(0, 1, values.length);
    }
  }

  static double dot(float[] a, float[] b, Line line) {
    double sum = 0;
    for (int k = 0, i = line.from; k < line.count; k++, i += line.stride) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }

  static double norm(float[] a, Line line) {
    return Math.sqrt(dot(a, a, line));
  }

  /**
   * {@code a = sin((1-t) theta) / sin(theta) a + sin(t theta) / sin(theta) b} with the angle theta
   * between them; plain interpolation where {@code |cos theta| > 0.9995}. The vectors are not
   * normalized; a norm of at most 1e-8 counts as 1.
   *
   * @param a in and out
   */
  static void slerp(float[] a, float[] b, double t, Precision precision) {
    final Line all = Line.all(a);
    final double cosine = dot(a, b, all) / (orOne(norm(a, all)) * orOne(norm(b, all)));
    if (Math.abs(cosine) > NEARLY_PARALLEL) {
      combine(a, 1 - t, b, t, all, precision);
      return;
    }
    final double theta = Math.acos(cosine);
    final double sine = Math.sin(theta);
    combine(a, Math.sin((1 - t) * theta) / sine, b, Math.sin(t * theta) / sine, all, precision);
  }

  private static double orOne(double norm) {
    return norm > 1e-8 ? norm : 1;
  }

  /**
   * As {@link #slerp} along every line, interpolated plainly only where the vectors are parallel or
   * opposite.
   *
   * @param a in and out
   */
  static void slerpLine(float[] a, float[] b, double t, Line line, Precision precision) {
    final double norms = Math.max(norm(a, line), 1e-7) * Math.max(norm(b, line), 1e-7);
    final double cosine = Math.max(-1, Math.min(1, dot(a, b, line) / norms));
    final double theta = Math.acos(cosine);
    final double sine = Math.sin(theta);
    if (Math.abs(sine) < COLINEAR) {
      combine(a, 1 - t, b, t, line, precision);
    } else {
      combine(a, Math.sin((1 - t) * theta) / sine, b, Math.sin(t * theta) / sine, line, precision);
    }
  }

  private static void combine(
      float[] a, double wa, float[] b, double wb, Line line, Precision precision) {
    for (int k = 0, i = line.from; k < line.count; k++, i += line.stride) {
      a[i] = precision.round((float) (wa * a[i] + wb * b[i]));
    }
  }

  /**
   * One step from the normalized weighted mean m of the unit vectors u along the weighted mean of
   * their tangents, {@code v = sum w (u - <u,m> m)}; times the weighted mean norm.
   *
   * @param vectors the first receives the result
   * @param weights as they are to be used
   * @return whether there is a mean direction; if not, two vectors were combined linearly, and of
   *     more nothing was written
   */
  static boolean multislerp(float[][] vectors, double[] weights, double eps, Precision precision) {
    final int n = vectors[0].length;
    final Line all = Line.all(vectors[0]);
    final double[] norms = new double[vectors.length];
    double meanNorm = 0;
    for (int t = 0; t < vectors.length; t++) {
      norms[t] = norm(vectors[t], all);
      meanNorm += weights[t] * norms[t];
    }
    final double[] mean = new double[n];
    for (int t = 0; t < vectors.length; t++) {
      addScaled(mean, weights[t] / (norms[t] + eps), vectors[t]);
    }
    final double length = norm(mean);
    if (length < eps) {
      if (vectors.length == 2) {
        combine(vectors[0], weights[0], vectors[1], weights[1], all, precision);
      }
      return vectors.length == 2;
    }
    scale(mean, 1 / length);
    final double[] tangent = new double[n];
    double along = 0;
    for (int t = 0; t < vectors.length; t++) {
      final double unit = weights[t] / (norms[t] + eps);
      along += unit * dot(vectors[t], mean);
      addScaled(tangent, unit, vectors[t]);
    }
    for (int i = 0; i < n; i++) {
      tangent[i] -= along * mean[i];
    }
    final double angle = norm(tangent) + eps;
    final double cosine = meanNorm * Math.cos(angle);
    final double sine = meanNorm * Math.sin(angle) / angle;
    for (int i = 0; i < n; i++) {
      vectors[0][i] = precision.round((float) (cosine * mean[i] + sine * tangent[i]));
    }
    return true;
  }

  /**
   * The Riemannian (Karcher) mean of the directions, times the mean norm: {@code T = 1/N sum
   * theta_t / sin(theta_t) (u_t - cos(theta_t) u)}, then u moves along T, until {@code |T| <
   * tolerance}. Vectors of norm 0 have no direction and count in the mean norm alone.
   *
   * @param vectors the first receives the result
   * @return whether there is a mean direction; if not, nothing was written
   */
  static boolean karcher(float[][] vectors, int iterations, double tolerance, Precision precision) {
    final int n = vectors[0].length;
    final double[] norms = new double[vectors.length];
    double meanNorm = 0;
    int directions = 0;
    for (int t = 0; t < vectors.length; t++) {
      norms[t] = norm(vectors[t], Line.all(vectors[t]));
      meanNorm += norms[t] / vectors.length;
      directions += norms[t] > 0 ? 1 : 0;
    }
    final double[] u = new double[n];
    for (int t = 0; t < vectors.length; t++) {
      if (norms[t] > 0) {
        addScaled(u, 1 / norms[t], vectors[t]);
      }
    }
    final double start = norm(u);
    if (directions > 0 && start < COLINEAR) {
      return false;
    }
    if (directions > 0) {
      scale(u, 1 / start);
      final double[] step = new double[n];
      for (int k = 0; k < iterations; k++) {
        if (!tangentMean(vectors, norms, directions, u, step)) {
          return false;
        }
        final double length = norm(step);
        if (length < tolerance) {
          break;
        }
        scale(u, Math.cos(length));
        final double sine = Math.sin(length) / length;
        for (int i = 0; i < n; i++) {
          u[i] += sine * step[i];
        }
      }
    }
    for (int i = 0; i < n; i++) {
      vectors[0][i] = precision.round((float) (meanNorm * u[i]));
    }
    return true;
  }

  private static boolean tangentMean(
      float[][] vectors, double[] norms, int directions, double[] u, double[] step) {
    java.util.Arrays.fill(step, 0);
    for (int t = 0; t < vectors.length; t++) {
      if (norms[t] == 0) {
        continue;
      }
      final double cosine = Math.max(-1, Math.min(1, dot(vectors[t], u) / norms[t]));
      final double theta = Math.acos(cosine);
      final double sine = Math.sin(theta);
      if (sine < COLINEAR) {
        if (cosine < 0) {
          return false;
        }
        continue;
      }
      final double factor = theta / sine / directions;
      addScaled(step, factor / norms[t], vectors[t]);
      for (int i = 0; i < step.length; i++) {
        step[i] -= factor * cosine * u[i];
      }
    }
    return true;
  }

  private static double dot(float[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static double norm(double[] a) {
    double sum = 0;
    for (double v : a) {
      sum += v * v;
    }
    return Math.sqrt(sum);
  }

  private static void addScaled(double[] sum, double factor, float[] values) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += factor * values[i];
    }
  }

  private static void scale(double[] values, double factor) {
    for (int i = 0; i < values.length; i++) {
      values[i] *= factor;
    }
  }
}
