package dev.bantam.pruning;

/** Selection of the weights of smallest magnitude, exact in number and deterministic in ties. */
final class SmallestMagnitudes {
  private static final int BUCKETS = 1 << 16;

  private SmallestMagnitudes() {}

  /**
   * Sets the {@code count} smallest magnitudes over all arrays to +0. Of equal ones at the
   * threshold the first are kept (arrays in order, then elements in order), as SparseML does. Zeros
   * are the smallest, so weights that are zero already stay and count.
   *
   * <p>For non-negative floats the order of values is that of their bits: two passes over the high
   * and the low 16 bits find the threshold without sorting.
   *
   * @param weights in and out, finite
   * @param count 0 to the number of elements
   */
  static void zero(float[][] weights, long count) {
    if (count == 0) {
      return;
    }
    final long[] high = new long[BUCKETS];
    for (float[] array : weights) {
      for (float w : array) {
        high[magnitude(w) >>> 16]++;
      }
    }
    long below = 0;
    int bucket = 0;
    while (below + high[bucket] < count) {
      below += high[bucket++];
    }
    final long[] low = new long[BUCKETS];
    for (float[] array : weights) {
      for (float w : array) {
        if (magnitude(w) >>> 16 == bucket) {
          low[magnitude(w) & 0xffff]++;
        }
      }
    }
    int rest = 0;
    while (below + low[rest] < count) {
      below += low[rest++];
    }
    final int threshold = bucket << 16 | rest;
    long kept = low[rest] - (count - below); // of those at the threshold
    for (float[] array : weights) {
      for (int i = 0; i < array.length; i++) {
        final int bits = magnitude(array[i]);
        if (bits < threshold || (bits == threshold && kept-- <= 0)) {
          array[i] = 0f;
        }
      }
    }
  }

  private static int magnitude(float w) {
    return Float.floatToRawIntBits(w) & 0x7fffffff;
  }
}
