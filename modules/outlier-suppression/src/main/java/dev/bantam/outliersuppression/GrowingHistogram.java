package dev.bantam.outliersuppression;

import dev.bantam.tensor.BantamException;
import java.util.Arrays;

/**
 * Counts of values in equal bins around zero, whose width the first values decide: as ONNX
 * Runtime's histogram collector counts them, edges in float32.
 *
 * <p>Values beyond the edges get as many more bins of that width on both sides as they need, so
 * that the counts depend on which values come first.
 */
final class GrowingHistogram {
  private static final int MOST_BINS = 1 << 20;

  private final int firstBins;
  private long[] counts;
  private float[] edges;
  private float threshold;
  private float min = Float.POSITIVE_INFINITY;
  private float max = Float.NEGATIVE_INFINITY;

  /**
   * @param bins for the first values, at least 2
   */
  GrowingHistogram(int bins) {
    this.firstBins = bins;
  }

  /** Takes finite values. */
  void add(float[] x, int n) {
    final Range range = Range.of(x, 0, n);
    min = Math.min(min, range.min());
    max = Math.max(max, range.max());
    if (counts == null) {
      start(firstBins, range.peak());
    } else if (range.peak() > threshold) {
      grow(range.peak());
    }
    for (int i = 0; i < n; i++) {
      counts[bin(x[i])]++;
    }
  }

  private void start(int bins, float peak) {
    counts = new long[bins];
    threshold = peak;
    edges = edges(bins, peak);
  }

  private void grow(float peak) {
    final long[] before = counts;
    if (threshold == 0) {
      start(before.length, peak);
      System.arraycopy(before, 0, counts, 0, before.length);
      return;
    }
    final float width = 2 * threshold / before.length;
    final double more = Math.floor((double) (peak - threshold) / width) + 1;
    if (2 * more + before.length > MOST_BINS) {
      throw BantamException.badInput(
          "A later batch of calibration texts reaches "
              + peak
              + ", and the first one only "
              + threshold
              + ": bins of the first one's width would take too much memory. Choose another observer"
              + " than 'entropy', or larger batches.");
    }
    final int half = (int) more;
    start(before.length + 2 * half, half * width + threshold);
    System.arraycopy(before, 0, counts, half, before.length);
  }

  /** {@code -peak + i step}, the last exactly {@code peak}. */
  private static float[] edges(int bins, float peak) {
    final float step = (peak - -peak) / bins;
    final float[] edges = new float[bins + 1];
    for (int i = 0; i < bins; i++) {
      edges[i] = i * step + -peak;
    }
    edges[bins] = peak;
    return edges;
  }

  /** The last bin whose lower edge is not above a value. */
  private int bin(float value) {
    final int found = Arrays.binarySearch(edges, value == 0 ? 0f : value); // -0 sorts below 0
    final int below = found >= 0 ? found : -found - 2;
    return Math.max(0, Math.min(counts.length - 1, below));
  }

  /** Counts of the bins; a copy. */
  long[] counts() {
    return counts.clone();
  }

  /** An edge, from 0. */
  float edge(int i) {
    return edges[i];
  }

  /** Exactly the smallest and the largest value. */
  Range range() {
    return new Range(min, max);
  }
}
