package dev.bantam.checkpoint;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model as read from files: the architecture and float32 weights under Hugging Face base-model
 * names ({@code encoder.layer.0.attention.self.query.weight}, without a {@code bert.} prefix),
 * [out, in], C order.
 *
 * @param name how the user named it, or the folder's last name
 * @param architecture shape and conventions
 * @param head the classification head found in the file, if any ({@code classifier.weight/bias})
 * @param pooling how a sentence vector is made
 * @param normalize whether sentence vectors have unit length
 * @param maxLength longest input in tokens, special tokens included
 * @param parameters weights by name, in a fixed order
 * @param tokenizer the model's tokenizer, if the source carries one
 * @param signature what an ONNX file of the model calls its inputs and its hidden states
 * @param operations what the model does besides multiplying with its weights, by place
 * @param provenance where it came from
 */
public record Checkpoint(
    String name,
    Architecture architecture,
    Optional<Head> head,
    Pooling pooling,
    boolean normalize,
    int maxLength,
    Map<String, INDArray> parameters,
    Optional<Tokenizer> tokenizer,
    Signature signature,
    Map<String, StoredOperation> operations,
    Provenance provenance)
    implements ModelSource {

  public Checkpoint {
    parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
    operations = Collections.unmodifiableMap(new LinkedHashMap<>(operations));
  }

  /** A model without operations. */
  public Checkpoint(
      String name,
      Architecture architecture,
      Optional<Head> head,
      Pooling pooling,
      boolean normalize,
      int maxLength,
      Map<String, INDArray> parameters,
      Optional<Tokenizer> tokenizer,
      Signature signature,
      Provenance provenance) {
    this(
        name,
        architecture,
        head,
        pooling,
        normalize,
        maxLength,
        parameters,
        tokenizer,
        signature,
        Map.of(),
        provenance);
  }

  /**
   * Where a model or data set came from; copied into manifests and model cards.
   *
   * @param source Maven coordinates or the file's name (never a path)
   * @param licence SPDX name or "unknown"
   * @param sha256 hash of the weights as read, lower-case hex
   * @param attribution what the licence asks to be named, or an empty text
   */
  public record Provenance(String source, String licence, String sha256, String attribution) {}
}
