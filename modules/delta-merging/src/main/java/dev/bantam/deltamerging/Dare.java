package dev.bantam.deltamerging;

/**
 * Deltas with elements dropped at random (Yu et al. 2024, equation 2), in one pass: a block of a
 * model is read, subtracted from, summed and thinned while it is in the first-level cache.
 */
final class Dare {
  private Dare() {}

  /** {@code sum |delta|} of all elements, and of those that were kept. */
  record Sums(double before, double after) {}

  /**
   * Turns a model into its delta and sets each element of that to zero with probability {@code 1 -
   * density}.
   *
   * @param model in: the model; out: its delta, not rescaled
   * @param key of the mask
   * @param summed whether the sums are wanted; otherwise they are 0
   */
  static Sums delta(
      float[] model, float[] base, double density, long key, boolean summed, Precision precision) {
    final AbsoluteSum before = new AbsoluteSum();
    final AbsoluteSum after = new AbsoluteSum();
    final long threshold = RandomMask.threshold(density);
    final long[] kept = new long[RandomMask.BLOCK];
    for (int from = 0; from < model.length; from += RandomMask.BLOCK) {
      final int n = Math.min(RandomMask.BLOCK, model.length - from);
      Deltas.subtract(model, base, from, n, precision);
      if (summed) {
        before.add(model, from, n);
      }
      if (density < 1) {
        RandomMask.bernoulli(model, from, n, threshold, key, kept);
      }
      if (summed) {
        after.add(model, from, n);
      }
    }
    return new Sums(before.value(), after.value());
  }
}
