package dev.bantam.reader;

import java.nio.file.Path;
import java.util.Locale;

/**
 * Where something is read, for messages.
 *
 * @param file a file, or a folder
 * @param tensor the tensor concerned, or null
 */
record Place(Path file, String tensor) {
  /** The longest array that every virtual machine can make. */
  private static final int LONGEST = Integer.MAX_VALUE - 8;

  static Place of(Path file) {
    return new Place(file, null);
  }

  Place at(String name) {
    return new Place(file, name);
  }

  PackedModelException refuse(String format, Object... values) {
    return new PackedModelException(file, tensor, String.format(Locale.ROOT, format, values));
  }

  /** {@code a * b} for counts that are not negative. */
  long times(long a, long b) throws PackedModelException {
    if (a != 0 && b > Long.MAX_VALUE / a) {
      throw refuse("%d times %d is beyond 64 bits; no file can hold that", a, b);
    }
    return a * b;
  }

  /** As an array length. */
  int arrayLength(long elements) throws PackedModelException {
    if (elements > LONGEST) {
      throw refuse(
          "%d elements are more than an array can have (%d); this reader restores whole tensors"
              + " only",
          elements, LONGEST);
    }
    return (int) elements;
  }
}
