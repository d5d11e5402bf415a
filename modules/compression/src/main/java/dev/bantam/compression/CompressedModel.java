package dev.bantam.compression;

import dev.bantam.checkpoint.StoredOperation;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * All parameters of a model in their stored forms, and what it does besides multiplying with them.
 *
 * @param tensors by name, in the model's order
 * @param operations by place, see {@link Operation}
 */
public record CompressedModel(
    Map<String, CompressedTensor> tensors, Map<String, StoredOperation> operations) {
  public CompressedModel {
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
    operations = Collections.unmodifiableMap(new LinkedHashMap<>(operations));
  }

  /** A model without operations. */
  public CompressedModel(Map<String, CompressedTensor> tensors) {
    this(tensors, Map.of());
  }

  /** Every parameter restored to float32. */
  public Map<String, INDArray> dense() {
    final Map<String, INDArray> weights = new LinkedHashMap<>();
    tensors.forEach((name, form) -> weights.put(name, form.dense()));
    return weights;
  }

  /** Number of parameters when dense. */
  public long parameters() {
    return tensors.values().stream().mapToLong(CompressedModel::elements).sum();
  }

  /** Elements of the matrices of the layers. */
  public long encoderElements() {
    return tensors.entrySet().stream()
        .filter(e -> TensorSelector.isLayerMatrix(e.getKey()))
        .mapToLong(e -> elements(e.getValue()))
        .sum();
  }

  /** Stored bytes of the matrices of the layers, headers apart. */
  public long encoderBytes() {
    return tensors.entrySet().stream()
        .filter(e -> TensorSelector.isLayerMatrix(e.getKey()))
        .mapToLong(e -> e.getValue().storedBytes())
        .sum();
  }

  /** Number of elements of a tensor when dense. */
  public static long elements(CompressedTensor tensor) {
    long n = 1;
    for (long size : tensor.shape()) {
      n = Math.multiplyExact(n, size);
    }
    return n;
  }
}
