package dev.bantam.checkpoint;

import java.util.Map;
import java.util.Set;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Where the weights of a model folder come from, by the names they are stored under. */
public interface WeightSource extends AutoCloseable {
  /** Stored names, in a fixed order. */
  Set<String> names();

  /** Shape of one tensor; a copy. */
  long[] shape(String name);

  /**
   * What the tensor's elements are, for messages, if they cannot be read as float32; else empty.
   */
  String unreadableType(String name);

  /** One tensor as a new float32 array in C order. */
  INDArray floats(String name);

  /** What the model does besides multiplying with its weights, by place; usually nothing. */
  default Map<String, StoredOperation> operations() {
    return Map.of();
  }

  /** SHA-256 of the files, lower-case hex. */
  String sha256();

  @Override
  void close();
}
