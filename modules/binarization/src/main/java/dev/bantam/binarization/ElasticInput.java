package dev.bantam.binarization;

import dev.bantam.tensor.Floats;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * {@link Elastic} quantization of rows with a learned scale and, where wanted, a learned threshold
 * for each column: {@code x + move} is coded, so the threshold of the paper is {@code -move}.
 */
final class ElasticInput implements InputCoder {
  static final String SCALE = "scale";
  static final String MOVE = "move";

  private final Elastic elastic;
  private final INDArray scale;
  private final INDArray move;
  private final float shift;
  private final double gradientScale;
  private final double learningRateFactor;
  private float alpha;
  private float[] moves;

  /**
   * @param scale alpha, one value; kept and not copied
   * @param move one value a column, kept and not copied; null for none
   * @param shift constant part of the coded value, 0 for the formulas of the paper
   * @param gradientScale factor of the scale's gradient
   * @param learningRateFactor of the scale; thresholds are trained at the rate of weights
   */
  ElasticInput(
      Elastic elastic,
      INDArray scale,
      INDArray move,
      float shift,
      double gradientScale,
      double learningRateFactor) {
    this.elastic = elastic;
    this.scale = scale;
    this.move = move;
    this.shift = shift;
    this.gradientScale = gradientScale;
    this.learningRateFactor = learningRateFactor;
    prepare();
  }

  Elastic elastic() {
    return elastic;
  }

  @Override
  public void prepare() {
    alpha = Math.max(Elastic.LEAST, scale.getFloat(0));
    moves = move == null ? null : Floats.toArray(move);
  }

  private float moved(float[] x, int i, int column) {
    return moves == null ? x[i] : x[i] + moves[column];
  }

  @Override
  public void encode(float[] x, int rows, int columns, float[] codes, float[] scales) {
    for (int r = 0, i = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++, i++) {
        codes[i] = elastic.code(moved(x, i, c), alpha, shift);
      }
    }
    Arrays.fill(scales, 0, rows, alpha);
  }

  @Override
  public float shift() {
    return shift;
  }

  @Override
  public void backward(
      float[] x, int rows, int column, int columns, float[] gradient, double[][] own) {
    double byScale = 0;
    for (int r = 0, i = 0; r < rows; r++) {
      for (int c = column; c < column + columns; c++, i++) {
        final float value = moved(x, i, c);
        byScale += elastic.byScale(value, alpha, shift) * gradient[i];
        gradient[i] = elastic.passes(value, alpha, shift) ? gradient[i] : 0f;
        if (moves != null) {
          own[1][c] += gradient[i];
        }
      }
    }
    own[0][0] += byScale * gradientScale;
  }

  @Override
  public Codes codes() {
    final Kind kind = elastic.signs() ? Kind.SIGNS : elastic.signed() ? Kind.SIGNED : Kind.UNSIGNED;
    return new Codes(kind, elastic.bits());
  }

  @Override
  public Map<String, INDArray> parameters() {
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    parameters.put(SCALE, scale);
    if (move != null) {
      parameters.put(MOVE, move);
    }
    return parameters;
  }

  @Override
  public ElasticInput copy() {
    return new ElasticInput(
        elastic,
        scale.dup(),
        move == null ? null : move.dup(),
        shift,
        gradientScale,
        learningRateFactor);
  }

  @Override
  public double learningRateFactor(String parameter) {
    return parameter.equals(SCALE) ? learningRateFactor : 1;
  }
}
