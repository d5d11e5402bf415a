package dev.bantam.binarization;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.Operation;
import dev.bantam.compression.OperationFormat;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import java.util.Map;

/**
 * ReLU between the FFN matrices of one layer in a stored model, whatever its configuration says.
 */
record ReluOperation() implements Operation {
  static final String KIND = "relu";

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Map<String, String> attributes() {
    return Map.of();
  }

  @Override
  public void attach(EncoderModel model, String place) {
    model.setActivation(Places.layer(place, Places.FFN, model), Activation.RELU);
  }

  /** Reads what {@link ReluOperation} says of itself. */
  public static final class Format implements OperationFormat {
    @Override
    public String kind() {
      return KIND;
    }

    @Override
    public Operation decode(StoredOperation stored) {
      if (!stored.attributes().isEmpty() || !stored.tensors().isEmpty()) {
        throw BantamException.badInput(
            "it has neither attributes nor tensors; found "
                + stored.attributes()
                + " and "
                + stored.tensors().keySet()
                + ".");
      }
      return new ReluOperation();
    }
  }
}
