package dev.bantam.model;

import dev.bantam.tensor.Floats;
import java.util.HashMap;
import java.util.Map;

/** Buffers that only some passes need, by what they are for; made when first asked for. */
final class SpareMemory {
  private final Map<String, Floats> buffers = new HashMap<>(); // looked up by name, never iterated

  /** A buffer of at least {@code length} floats; what it held is lost when it has to grow. */
  Floats get(String purpose, int length) {
    final Floats found = buffers.get(purpose);
    if (found != null && found.length() >= length) {
      return found;
    }
    if (found != null) {
      found.close();
    }
    final Floats fresh = Floats.zeros(length);
    buffers.put(purpose, fresh);
    return fresh;
  }
}
