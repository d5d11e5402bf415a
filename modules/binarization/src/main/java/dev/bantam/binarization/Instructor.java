package dev.bantam.binarization;

import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Who a stage learns from, with all that computing it takes.
 *
 * @param model closed with this
 * @param coding what is attached to the model, if it is a binary one; closed with this
 */
record Instructor(EncoderModel model, Optional<Coding> coding) implements AutoCloseable {
  /** The model that the steps began with. */
  static Instructor dense(EncoderModel model) {
    return new Instructor(model, Optional.empty());
  }

  /** A model of its own that computes what a binary one does now. */
  static Instructor copy(EncoderModel model, Coding coding, Workers workers) {
    final Map<String, INDArray> weights = new LinkedHashMap<>();
    model
        .weights()
        .forEach(
            (name, tensor) ->
                weights.put(name, Floats.tensor(Floats.toArray(tensor), tensor.shape())));
    final EncoderModel copy =
        new EncoderModel(model.architecture(), model.head(), model.pooling(), weights, workers);
    final Instructor instructor = new Instructor(copy, Optional.of(coding.copy()));
    try {
      instructor.coding().orElseThrow().attach(copy);
      return instructor;
    } catch (RuntimeException | Error e) {
      instructor.close();
      throw e;
    }
  }

  @Override
  public void close() {
    model.detachAll();
    coding.ifPresent(Coding::close);
    model.close();
  }
}
