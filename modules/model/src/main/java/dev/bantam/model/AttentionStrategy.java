package dev.bantam.model;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What happens between query, key, value and context, for one head of one sequence: softmax
 * attention ({@link SoftmaxAttention}, the default), or a variant of it.
 *
 * <p>Heads of a batch run in any order and from several threads at once; nothing may be kept in the
 * strategy between calls. What the backward needs is kept in {@link AttentionHead#saved()} or
 * computed again.
 *
 * <p>A variant that also looks at the layer's input (gated attention: Bondarenko et al. 2023,
 * {@code pi = sigmoid(G(x))}) computes a few numbers for each token in {@link #prepareRows} first;
 * all heads of a token find them in their {@link AttentionHead#tokenColumn}.
 */
public interface AttentionStrategy {
  /** Fills {@link AttentionHead#context()}. */
  void forward(AttentionHead head);

  /**
   * Fills the gradients of query, key and value from that of the context, overwriting, and the
   * head's columns of the token numbers' gradient, if there are any.
   */
  void backward(AttentionHead head);

  /** How many numbers {@link #prepareRows} gives for each token; usually none. */
  default int tokenColumns(int heads) {
    return 0;
  }

  /**
   * Computes the numbers of each token.
   *
   * @param input rows of {@code attention.input}, [rows, d]
   * @param numbers out: [rows, tokenColumns]
   */
  default void prepareRows(Tile input, float[] numbers) {}

  /**
   * The backward of {@link #prepareRows}.
   *
   * @param numbers as the forward left them, [rows, tokenColumns]
   * @param numbersGradient [rows, tokenColumns]
   * @param inputGradient += derivative with respect to the input, [rows, d]
   * @param parameterGradients += as in {@link ActivationTransform#backward}
   */
  default void prepareRowsBackward(
      Tile input,
      float[] numbers,
      float[] numbersGradient,
      float[] inputGradient,
      double[][] parameterGradients) {}

  /**
   * Trainable tensors by name, in a fixed order. The model lists them as {@code
   * layer.<i>.attention/<name>}.
   */
  default Map<String, INDArray> parameters() {
    return Map.of();
  }

  /** What the learning rate of one of {@link #parameters()} is multiplied with. */
  default double learningRateFactor(String parameter) {
    return 1;
  }

  /** Called once before each pass, e.g. to copy parameters to the heap. */
  default void prepare() {}
}
