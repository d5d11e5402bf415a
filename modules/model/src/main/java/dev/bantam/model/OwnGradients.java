package dev.bantam.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Gradients of the parameters that an operator, a transform or an attention strategy brings along:
 * one partial sum for each piece of work, added in the order of the pieces.
 */
final class OwnGradients {
  private static final double[][] EMPTY = {};

  private final List<String> names = new ArrayList<>();
  private final int[] lengths;
  private final double[][][] pieces;

  /**
   * @param owner name of what the parameters belong to
   * @param parameters by short name, in order
   */
  OwnGradients(String owner, Map<String, INDArray> parameters, int pieces) {
    lengths = new int[parameters.size()];
    int i = 0;
    for (Map.Entry<String, INDArray> entry : parameters.entrySet()) {
      names.add(name(owner, entry.getKey()));
      lengths[i++] = Math.toIntExact(entry.getValue().length());
    }
    this.pieces = new double[lengths.length == 0 ? 0 : pieces][][];
  }

  /** How the model lists a parameter that belongs to something. */
  static String name(String owner, String parameter) {
    return owner + "/" + parameter;
  }

  /** The partial sums of one piece, zeroed on first use. */
  double[][] of(int piece) {
    if (lengths.length == 0) {
      return EMPTY;
    }
    if (pieces[piece] == null) {
      pieces[piece] = new double[lengths.length][];
      for (int i = 0; i < lengths.length; i++) {
        pieces[piece][i] = new double[lengths[i]];
      }
    }
    return pieces[piece];
  }

  boolean wanted(GradientStore gradients) {
    return names.stream().anyMatch(gradients::wants);
  }

  /** Adds up the pieces and sends each parameter's gradient. */
  void send(GradientStore gradients) {
    for (int p = 0; p < lengths.length; p++) {
      final int parameter = p;
      gradients.vector(names.get(p), () -> total(parameter));
    }
  }

  private float[] total(int parameter) {
    final double[] sum = new double[lengths[parameter]];
    for (double[][] piece : pieces) {
      if (piece != null) {
        for (int i = 0; i < sum.length; i++) {
          sum[i] += piece[parameter][i];
        }
      }
    }
    final float[] rounded = new float[sum.length];
    for (int i = 0; i < sum.length; i++) {
      rounded[i] = (float) sum[i];
    }
    return rounded;
  }
}
