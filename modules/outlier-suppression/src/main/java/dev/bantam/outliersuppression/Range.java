package dev.bantam.outliersuppression;

/**
 * What values an activation takes, or is cut to.
 *
 * @param min the smallest
 * @param max the largest, at least {@code min}
 */
record Range(float min, float max) {
  Range {
    if (!(min <= max) || Float.isInfinite(min) || Float.isInfinite(max)) { // NaN fails too
      throw new IllegalArgumentException("There is no range from " + min + " to " + max);
    }
  }

  /** The smallest range that holds some values. */
  static Range of(float[] x, int from, int n) {
    float min = Float.POSITIVE_INFINITY;
    float max = Float.NEGATIVE_INFINITY;
    for (int i = from; i < from + n; i++) {
      min = Math.min(min, x[i]);
      max = Math.max(max, x[i]);
    }
    return new Range(min, max);
  }

  /** The smallest range that holds both. */
  Range union(Range other) {
    return new Range(Math.min(min, other.min), Math.max(max, other.max));
  }

  /** The part of it that lies in another; at least one number of this range if they are apart. */
  Range within(Range other) {
    final float low = Math.min(Math.max(min, other.min), max);
    return new Range(low, Math.max(low, Math.min(max, other.max)));
  }

  /** Both ends times a factor. */
  Range times(double factor) {
    return new Range((float) (min * factor), (float) (max * factor));
  }

  /** Largest distance from zero. */
  float peak() {
    return Math.max(Math.abs(min), Math.abs(max));
  }
}
