package dev.bantam.deltamerging;

import dev.bantam.checkpoint.SafetensorsType;
import java.util.List;

/**
 * One tensor of the merged model.
 *
 * @param name in the output
 * @param canonical name by which the models are matched
 * @param action what is done
 * @param type in the output
 * @param shape dimensions
 * @param precision of the arithmetic
 * @param source whose tensor is copied, for {@link Action#COPY}; else -1
 * @param standIns models that lack it and take the base's
 */
record OutputTensor(
    String name,
    String canonical,
    Action action,
    SafetensorsType type,
    List<Long> shape,
    Precision precision,
    int source,
    List<Integer> standIns) {
  /** What is done with a tensor. */
  enum Action {
    MERGE,
    /** Bytes of one model. */
    COPY,
    /** Bytes of one model, if those of all others are the same. */
    COPY_IF_EQUAL
  }

  long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  long bytes() {
    return elements() * type.bits() / 8;
  }

  long[] dimensions() {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }
}
