package dev.bantam.checkpoint;

import java.util.List;
import java.util.Objects;

/**
 * One tensor of a safetensors header.
 *
 * @param name name, any text
 * @param type element type
 * @param dimensions shape, empty for a scalar
 * @param begin first byte, counted from the start of the data
 * @param end byte after the last one
 */
public record SafetensorsEntry(
    String name, SafetensorsType type, List<Long> dimensions, long begin, long end) {

  public SafetensorsEntry {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(type, "type");
    dimensions = List.copyOf(dimensions);
    if (begin < 0 || end < begin) {
      throw new IllegalArgumentException("Bad byte range " + begin + ".." + end + " of " + name);
    }
  }

  /** The shape as ND4J wants it. */
  public long[] shape() {
    return dimensions.stream().mapToLong(Long::longValue).toArray();
  }

  /** Number of stored bytes. */
  public long bytes() {
    return end - begin;
  }

  /** Number of elements, 1 for a scalar. */
  public long elements() {
    return elements(dimensions);
  }

  /** Product of a shape, refusing what a long cannot hold. */
  static long elements(List<Long> dimensions) {
    long product = 1;
    for (final long d : dimensions) {
      product = Math.multiplyExact(product, d);
    }
    return product;
  }
}
