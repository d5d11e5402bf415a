package dev.bantam.model;

import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The product of activations with one weight matrix: the strategy behind a linear layer. Dense,
 * masked, fake-quantized and packed weights are implementations; the bias is added by the encoder.
 *
 * <p>Calls on disjoint rows or columns may run at the same time.
 */
public interface LinearOperator {
  /** Width of the input. */
  int inputs();

  /** Width of the output. */
  int outputs();

  /**
   * {@code Y[:, from..to) = X W[from..to, :]^T}.
   *
   * @param x [rows, inputs]
   * @param y [rows, outputs]; columns outside the range are not touched
   */
  void forward(Matrix x, int rows, Matrix y, int from, int to);

  /**
   * {@code dX[:, from..to) = beta dX[:, from..to) + dY W[:, from..to)}.
   *
   * @param dy [rows, outputs]
   * @param dx [rows, inputs]
   * @throws UnsupportedOperationException if the form is for inference only
   */
  void backwardInput(Matrix dy, int rows, Matrix dx, int from, int to, float beta);

  /**
   * {@code dW[from..to, :] = dY[:, from..to)^T X}, overwriting.
   *
   * @param gradient [outputs, inputs]
   * @throws UnsupportedOperationException if the form is for inference only
   */
  void backwardWeight(Matrix x, Matrix dy, int rows, Floats gradient, int from, int to);

  /** Trainable tensors beside the weight itself (scales, thresholds), by name; usually none. */
  default Map<String, INDArray> ownParameters() {
    return Map.of();
  }

  /** Bytes that the weight takes when stored in this form. */
  long storedBytes();
}
