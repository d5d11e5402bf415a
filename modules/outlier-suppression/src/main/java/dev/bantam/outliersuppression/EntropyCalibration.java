package dev.bantam.outliersuppression;

import java.util.Arrays;

/**
 * The range of least divergence as ONNX Runtime's entropy calibrator chooses it, for files that are
 * to be compared with its own.
 *
 * <p>With c the middle bin, a candidate is the slice of bins {@code c-i .. c+i}. P are its counts,
 * with all that lies outside added to its ends. Q merges the counts of the slice alone into cells
 * of equally many bins, the last one with the rest, and gives each bin of a cell its sum divided by
 * the number of P's bins there that are not zero, cut to a whole number; what the cells do not
 * reach is zero. In both, zeros become 1e-4 and the others give that up. The first candidate of
 * least KL(P|Q) stays, cut to the values that were seen. Candidates often differ by less than 1e-7,
 * so that the arithmetic decides: it is in float32, and sums are in pairs.
 *
 * <p>{@link HistogramRanges#divergence} is the rule without these peculiarities.
 */
final class EntropyCalibration {
  private static final double SMALL = 1e-4;
  private static final int BLOCK = 128;
  private static final int LANES = 8;

  private EntropyCalibration() {}

  /**
   * The range.
   *
   * @param levels cells of a candidate, less than the bins of the histogram
   */
  static Range choose(GrowingHistogram histogram, int levels) {
    final long[] counts = histogram.counts();
    final int middle = counts.length / 2;
    final int first = levels / 2;
    int best = first;
    float least = Float.POSITIVE_INFINITY;
    for (int i = first; i <= middle; i++) {
      final float divergence =
          divergence(counts, middle - i, Math.min(counts.length, middle + i + 1), levels);
      if (divergence < least) {
        least = divergence;
        best = i;
      }
    }
    final float low = histogram.edge(middle - best);
    final float high = histogram.edge(Math.min(counts.length, middle + best + 1));
    return histogram.range().within(new Range(low, high));
  }

  /** KL(P|Q) of the bins from {@code start} to before {@code end}. */
  private static float divergence(long[] counts, int start, int end, int levels) {
    final int n = end - start;
    final float[] p = new float[n];
    final long[] all = new long[n];
    for (int k = 0; k < counts.length; k++) {
      all[Math.max(0, Math.min(n - 1, k - start))] += counts[k];
    }
    for (int k = 0; k < n; k++) {
      p[k] = all[k];
    }
    final float[] q = new float[n];
    final int merged = n / levels;
    for (int level = 0; level < levels; level++) {
      final int from = level * merged;
      long sum = 0;
      for (int k = from; k < (level == levels - 1 ? n : from + merged); k++) {
        sum += counts[start + k];
      }
      int filled = 0;
      for (int k = from; k < from + merged; k++) {
        filled += p[k] == 0 ? 0 : 1;
      }
      final long share = filled == 0 ? 0 : sum / filled; // cut to a whole number
      for (int k = from; k < from + merged; k++) {
        q[k] = share;
      }
    }
    return smooth(p) && smooth(q) ? divergence(p, q) : Float.POSITIVE_INFINITY;
  }

  /** Whether there is anything but zeros; if so, zeros become small and the others give it up. */
  private static boolean smooth(float[] counts) {
    int zeros = 0;
    for (float count : counts) {
      zeros += count == 0 ? 1 : 0;
    }
    if (zeros == counts.length) {
      return false;
    }
    final float taken = (float) (SMALL * zeros / (counts.length - zeros));
    for (int i = 0; i < counts.length; i++) {
      counts[i] = counts[i] == 0 ? (float) SMALL : counts[i] - taken;
    }
    return true;
  }

  private static float divergence(float[] p, float[] q) {
    final float sumP = sum(p, 0, p.length);
    final float sumQ = sum(q, 0, q.length);
    final float[] parts = new float[p.length];
    for (int i = 0; i < p.length; i++) {
      final float share = p[i] / sumP;
      parts[i] = share * (float) Math.log(share / (q[i] / sumQ));
    }
    return sum(parts, 0, parts.length);
  }

  /** In pairs, blocks of 128 in eight lanes: the order in which NumPy adds float32. */
  private static float sum(float[] x, int from, int n) {
    if (n > BLOCK) {
      final int half = n / 2 / LANES * LANES;
      return sum(x, from, half) + sum(x, from + half, n - half);
    }
    final int whole = n / LANES * LANES;
    float sum = 0;
    if (whole > 0) {
      final float[] r = Arrays.copyOfRange(x, from, from + LANES);
      for (int i = LANES; i < whole; i++) {
        r[i % LANES] += x[from + i];
      }
      sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    }
    for (int i = whole; i < n; i++) {
      sum += x[from + i];
    }
    return sum;
  }
}
