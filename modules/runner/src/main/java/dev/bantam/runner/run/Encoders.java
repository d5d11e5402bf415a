package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.Operations;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Workers;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Encoders as their files describe them, operations included. */
final class Encoders {
  private Encoders() {}

  /** A model as it was opened. */
  static EncoderModel of(Checkpoint model, Workers workers) {
    return of(model, model.parameters(), model.operations(), workers);
  }

  /**
   * Other weights under a model's description.
   *
   * @param weights used, not copied
   * @param operations used, not copied
   */
  static EncoderModel of(
      Checkpoint like,
      Map<String, INDArray> weights,
      Map<String, StoredOperation> operations,
      Workers workers) {
    final EncoderModel encoder =
        new EncoderModel(like.architecture(), like.head(), like.pooling(), weights, workers);
    Operations.attach(encoder, operations);
    return encoder;
  }
}
