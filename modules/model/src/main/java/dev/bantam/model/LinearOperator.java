package dev.bantam.model;

import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The product of activations with one weight matrix: the strategy behind a linear layer. Dense,
 * masked, fake-quantized and packed weights are implementations; the bias is added by the encoder.
 *
 * <p>Calls on disjoint rows or columns may run at the same time.
 */
public interface LinearOperator {
  /** Rows of one call of {@link #prepare}. */
  int PREPARED_ROWS = 128;

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

  /** The same, and passes each block of the result through {@code epilogue} before it is stored. */
  default void forward(Matrix x, int rows, Matrix y, int from, int to, Epilogue epilogue) {
    forward(x, rows, y, from, to);
    final int columns = to - from;
    if (columns <= 0) {
      return;
    }
    final int step = Scratch.tileRows(columns);
    final float[] tile = new float[step * columns];
    for (int row = 0; row < rows; row += step) {
      final int n = Math.min(step, rows - row);
      final Matrix at = new Matrix(y.data(), y.from() + row * y.stride() + from, y.stride());
      Scratch.read(at, n, columns, tile);
      epilogue.apply(tile, row, n, from, columns);
      Scratch.write(at, n, columns, tile);
    }
  }

  /** What is done to a finished block of a product: a bias, an activation. */
  @FunctionalInterface
  interface Epilogue {
    /**
     * Changes a block in place.
     *
     * @param values [rows, columns], contiguous
     * @param row number of its first row in the call
     * @param column number of its first column in Y
     */
    void apply(float[] values, int row, int rows, int column, int columns);
  }

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
   * Called once before the calls of {@link #prepare} for a pass, on one thread: for sums over the
   * whole weight that its rows need.
   */
  default void measure() {}

  /**
   * Makes rows {@code from..to} of whatever the products use (a masked, rounded or packed copy of
   * the weight) from the current parameters. Called for all rows before each pass, or once for many
   * passes of a {@linkplain Model#freeze() frozen} model; calls on disjoint rows may run at the
   * same time.
   *
   * @param backward whether the pass has a backward
   */
  default void prepare(int from, int to, boolean backward) {}

  /** Prepares all rows of some operators on all workers. */
  static void prepareAll(
      Collection<? extends LinearOperator> operators, boolean backward, Workers workers) {
    record Rows(LinearOperator operator, int from, int to) {}
    final List<LinearOperator> all = List.copyOf(operators);
    workers.run(all.size(), (i, worker) -> all.get(i).measure());
    final List<Rows> pieces = new ArrayList<>();
    for (LinearOperator operator : operators) {
      for (int from = 0; operator.prepares() && from < operator.outputs(); from += PREPARED_ROWS) {
        pieces.add(new Rows(operator, from, Math.min(operator.outputs(), from + PREPARED_ROWS)));
      }
    }
    workers.run(
        pieces.size(),
        (i, worker) -> {
          final Rows piece = pieces.get(i);
          piece.operator().prepare(piece.from(), piece.to(), backward);
        });
  }

  /** Bytes that the weight takes when stored in this form. */
  long storedBytes();
}
