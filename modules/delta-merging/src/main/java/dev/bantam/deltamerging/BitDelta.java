package dev.bantam.deltamerging;

/**
 * One bit per element of a delta (Liu et al. 2024): {@code alpha sign(delta)} with {@code alpha =
 * mean |delta|}, which has the least squared error among all scales of the signs. The sign of zero
 * is plus.
 */
final class BitDelta {
  private BitDelta() {}

  /** {@code mean |delta|}, zeros included. */
  static float scale(float[] delta) {
    return delta.length == 0 ? 0 : (float) (Deltas.absoluteSum(delta) / delta.length);
  }

  /** Whether an element's bit is set. */
  static boolean bit(float delta) {
    return !(delta < 0);
  }
}
