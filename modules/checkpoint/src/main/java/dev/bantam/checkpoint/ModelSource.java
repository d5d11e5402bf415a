package dev.bantam.checkpoint;

import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A model as its files give it, an encoder or another network: what work on any model needs. */
public interface ModelSource {
  /** How the user named it, or the last name of its file or folder. */
  String name();

  /** Weights by name, in a fixed order; [out, in], C order, float32. */
  Map<String, INDArray> parameters();

  /** What reads the texts of tasks, if the source carries it. */
  Optional<Tokenizer> tokenizer();

  /** Longest input in tokens. */
  int maxLength();

  /** What the model does besides multiplying with its weights, by place. */
  Map<String, StoredOperation> operations();

  /** Where it came from. */
  Checkpoint.Provenance provenance();
}
