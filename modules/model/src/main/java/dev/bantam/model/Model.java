package dev.bantam.model;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a compression method needs of a model: named weights, outputs and gradients. The encoder
 * implements it; so can adapters for other networks.
 *
 * @param <B> a batch of inputs
 */
public interface Model<B> {
  /**
   * The weights by name, in a fixed order. The tensors are live: writing to them changes the model.
   */
  Map<String, INDArray> parameters();

  /**
   * Head outputs of a batch without dropout, [rows, columns] row-major.
   *
   * @throws IllegalStateException if the model has no head
   */
  Outputs outputs(B batch);

  /**
   * Loss and gradients of one batch.
   *
   * @param regularization dropout of this step, {@link Regularization#NONE} for exact gradients
   * @return the loss
   */
  double gradients(B batch, Loss loss, Regularization regularization, GradientSink sink);

  /**
   * Head outputs.
   *
   * @param values [rows, columns] row-major, owned by the caller
   */
  @SuppressWarnings("ArrayRecordComponent") // a result handed over, not kept
  record Outputs(float[] values, int rows, int columns) {}

  /**
   * Dropout of one step.
   *
   * @param dropout share of activations dropped, in [0, 1)
   * @param seed differs from step to step
   */
  record Regularization(float dropout, long seed) {
    public static final Regularization NONE = new Regularization(0f, 0L);

    public Regularization {
      if (!(dropout >= 0 && dropout < 1)) {
        throw new IllegalArgumentException("dropout is a share in [0, 1): " + dropout);
      }
    }
  }
}
