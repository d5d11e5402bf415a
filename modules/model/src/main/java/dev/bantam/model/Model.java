package dev.bantam.model;

import dev.bantam.tensor.Floats;
import java.util.Collection;
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
   * The rows that the named matrices multiply with in the forward of a batch without dropout, for
   * second moments and reconstruction: {@code Y = X W^T}, all X of one batch. Of a matrix that
   * several layers share, the rows of all of them, one after the other.
   *
   * @param weights names of matrices of linear layers
   * @param sink gets each X once, in the order of {@code weights}
   * @throws IllegalArgumentException if a name is no matrix of a linear layer
   */
  void linearInputs(B batch, Collection<String> weights, InputSink sink);

  /** Receives the input of a linear layer. */
  @FunctionalInterface
  interface InputSink {
    /**
     * Takes one input.
     *
     * @param input [rows, columns] row-major from position 0; owned by the model, valid during the
     *     call
     */
    void accept(String weight, Floats input, int rows, int columns);
  }

  /**
   * Lets a model prepare for many passes at once, e.g. lay out its weights for fast products. Until
   * the result is closed, parameters must not change, nothing may be attached or detached, and
   * there are no gradients. Results are the same with and without.
   */
  default Frozen freeze() {
    return () -> {};
  }

  /** A time in which a model does not change; ends when closed. */
  @FunctionalInterface
  interface Frozen extends AutoCloseable {
    @Override
    void close();
  }

  /** What the learning rate of a parameter is multiplied with; scales and thresholds have own. */
  default double learningRateFactor(String parameter) {
    return 1;
  }

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
