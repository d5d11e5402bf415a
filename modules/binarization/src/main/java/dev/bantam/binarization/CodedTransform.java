package dev.bantam.binarization;

import dev.bantam.model.ActivationTransform;
import dev.bantam.model.Tile;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** An {@link InputCoder} at a site: rows are replaced by what their codes stand for. */
final class CodedTransform implements ActivationTransform {
  private final InputCoder coder;

  CodedTransform(InputCoder coder) {
    this.coder = coder;
  }

  InputCoder coder() {
    return coder;
  }

  @Override
  public void forward(Tile tile) {
    final float[] codes = new float[tile.length()];
    final float[] scales = new float[tile.rows()];
    coder.encode(tile.values(), tile.rows(), tile.columns(), codes, scales);
    decode(codes, scales, tile.rows(), tile.columns(), coder.shift(), tile.values());
  }

  /** {@code x = scale codes + shift}. */
  static void decode(float[] codes, float[] scales, int rows, int columns, float shift, float[] x) {
    for (int r = 0, i = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++, i++) {
        x[i] = scales[r] * codes[i] + shift;
      }
    }
  }

  @Override
  public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
    coder.backward(input.values(), input.rows(), 0, input.columns(), gradient, parameterGradients);
  }

  @Override
  public Map<String, INDArray> parameters() {
    return coder.parameters();
  }

  @Override
  public double learningRateFactor(String parameter) {
    return coder.learningRateFactor(parameter);
  }

  @Override
  public void prepare() {
    coder.prepare();
  }
}
