package dev.bantam.checkpoint;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Something that a model does besides multiplying with its weights, as a file describes it: rounds
 * an activation, shifts a residual, attends in another way. What it means is known to the method
 * that wrote it.
 *
 * @param kind which operation, e.g. {@code fake-quantize}
 * @param attributes its settings; texts for JSON
 * @param tensors its own float32 tensors by name, e.g. {@code scale}
 */
public record StoredOperation(
    String kind, Map<String, String> attributes, Map<String, INDArray> tensors) {
  public StoredOperation {
    attributes = Collections.unmodifiableMap(new TreeMap<>(attributes));
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
  }
}
