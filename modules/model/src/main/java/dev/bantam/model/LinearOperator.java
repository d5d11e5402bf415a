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
   * @param x what the forward got, [rows, inputs]; for forms that change it on the way in
   * @param dy [rows, outputs]
   * @param dx [rows, inputs]
   * @param own gradients of {@link #ownParameters()}, in its order, to be added to
   * @throws UnsupportedOperationException if the form is for inference only
   */
  void backwardInput(
      Matrix x, Matrix dy, int rows, Matrix dx, int from, int to, float beta, double[][] own);

  /**
   * {@code dW[from..to, :] = dY[:, from..to)^T X}, overwriting.
   *
   * @param gradient [outputs, inputs]
   * @param own as in {@link #backwardInput}
   * @throws UnsupportedOperationException if the form is for inference only
   */
  void backwardWeight(
      Matrix x, Matrix dy, int rows, Floats gradient, int from, int to, double[][] own);

  /**
   * Trainable tensors beside the weight itself (scales, thresholds) by name, in a fixed order;
   * usually none. The model lists them as {@code <weight>/<name>}.
   */
  default Map<String, INDArray> ownParameters() {
    return Map.of();
  }

  /** What the learning rate of one of {@link #ownParameters()} is multiplied with. */
  default double learningRateFactor(String parameter) {
    return 1;
  }

  /** Whether {@link #prepare} has something to do. */
  default boolean prepares() {
    return false;
  }

  /**
   * Makes rows {@code from..to} of whatever the products use (a masked or rounded copy of the
   * weight) from the current parameters. Called for all rows before each pass; calls on disjoint
   * rows may run at the same time.
   */
  default void prepare(int from, int to) {}

  /** Bytes that the weight takes when stored in this form. */
  long storedBytes();
}
