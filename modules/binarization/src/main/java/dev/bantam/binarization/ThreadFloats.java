package dev.bantam.binarization;

import dev.bantam.tensor.Floats;

/** Off-heap scratch memory of a thread, in numbered slots; contents are left over. */
final class ThreadFloats {
  /** Coded rows. */
  static final int CODES = 0;

  private static final ThreadLocal<Floats[]> SLOTS = ThreadLocal.withInitial(() -> new Floats[1]);

  private ThreadFloats() {}

  /** At least {@code length} floats. */
  static Floats slot(int slot, int length) {
    final Floats[] slots = SLOTS.get();
    if (slots[slot] == null || slots[slot].length() < length) {
      slots[slot] = Floats.zeros(length);
    }
    return slots[slot];
  }
}
