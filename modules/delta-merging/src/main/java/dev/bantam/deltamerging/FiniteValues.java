package dev.bantam.deltamerging;

import dev.bantam.tensor.BantamException;

/** Refuses merged tensors that hold anything but numbers. */
final class FiniteValues {
  /** Sums side by side where the order does not matter. */
  private static final int LANES = 1024;

  private FiniteValues() {}

  /**
   * @throws BantamException (bad input) naming the first element that is infinite or no number
   */
  static void require(OutputTensor t, float[] merged) {
    if (isFinite(merged)) {
      return;
    }
    for (int i = 0; i < merged.length; i++) {
      if (!Float.isFinite(merged[i])) {
        throw BantamException.badInput(
            "Tensor '"
                + t.name()
                + "': element "
                + i
                + " of the result is "
                + merged[i]
                + ". One of the models holds such a value, or the result leaves the range of "
                + t.precision().word()
                + "; './bantam inspect' tells which.");
      }
    }
  }

  /** Whether all values are finite: 0 times any other is not 0. In this form it runs in vectors. */
  private static boolean isFinite(float[] values) {
    final float[] lanes = new float[LANES];
    for (int from = 0; from < values.length; from += LANES) {
      final int n = Math.min(LANES, values.length - from);
      for (int i = 0; i < n; i++) {
        lanes[i] += 0f * values[from + i];
      }
    }
    for (float lane : lanes) {
      if (lane != 0) {
        return false;
      }
    }
    return true;
  }
}
