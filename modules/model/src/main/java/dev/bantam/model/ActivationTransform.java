package dev.bantam.model;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Changes the activation at a {@link Site}, row by row: fake quantization, binarization, a shift
 * and scale, an affine map on a residual. Its backward is its own, so straight-through and
 * learned-step estimators are a few lines each.
 *
 * <p>Rows come in tiles, in any order and from several threads at once. Both methods are pure: what
 * they do depends on the tile and the parameters alone, and the forward may be called again on the
 * same rows.
 */
public interface ActivationTransform {
  /** Replaces {@code tile.values()}. */
  void forward(Tile tile);

  /**
   * Turns the gradient of the output into that of the input.
   *
   * @param input the rows as they were before {@link #forward}; not to be modified
   * @param gradient in: derivative with respect to the output; out: to the input; laid out as the
   *     tile
   * @param parameterGradients one array for each of {@link #parameters()}, in its order and of its
   *     length; the tile's share is added
   */
  void backward(Tile input, float[] gradient, double[][] parameterGradients);

  /**
   * Trainable tensors of the transform by name, in a fixed order. The model lists them as {@code
   * <site>/<name>}.
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
