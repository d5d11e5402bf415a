package dev.bantam.model;

import dev.bantam.tensor.Floats;
import java.util.function.Function;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The operators and vectors of one encoder layer, with the names they go by. */
final class LayerWeights {
  final String prefix;
  final LinearOperator query;
  final LinearOperator key;
  final LinearOperator value;
  final LinearOperator attentionOutput;
  final LinearOperator up;
  final LinearOperator down;
  final float[] queryKeyValueBias;
  final float[] attentionBias;
  final float[] upBias;
  final float[] downBias;
  final Norm attentionNorm;
  final Norm outputNorm;

  /** Scale and shift of a LayerNorm, copied to the heap. */
  static final class Norm {
    final String name;
    final float[] gamma;
    final float[] beta;

    Norm(String name, Function<String, INDArray> parameters) {
      this.name = name;
      this.gamma = Floats.toArray(parameters.apply(name + ".weight"));
      this.beta = Floats.toArray(parameters.apply(name + ".bias"));
    }
  }

  LayerWeights(
      int layer,
      Function<String, INDArray> parameters,
      Function<String, LinearOperator> operators) {
    prefix = "encoder.layer." + layer + ".";
    query = operators.apply(prefix + "attention.self.query.weight");
    key = operators.apply(prefix + "attention.self.key.weight");
    value = operators.apply(prefix + "attention.self.value.weight");
    attentionOutput = operators.apply(prefix + "attention.output.dense.weight");
    up = operators.apply(prefix + "intermediate.dense.weight");
    down = operators.apply(prefix + "output.dense.weight");
    final int width = query.outputs();
    queryKeyValueBias = new float[3 * width];
    int at = 0;
    for (String part : new String[] {"query", "key", "value"}) {
      final float[] bias =
          Floats.toArray(parameters.apply(prefix + "attention.self." + part + ".bias"));
      System.arraycopy(bias, 0, queryKeyValueBias, at, width);
      at += width;
    }
    attentionBias = Floats.toArray(parameters.apply(prefix + "attention.output.dense.bias"));
    upBias = Floats.toArray(parameters.apply(prefix + "intermediate.dense.bias"));
    downBias = Floats.toArray(parameters.apply(prefix + "output.dense.bias"));
    attentionNorm = new Norm(prefix + "attention.output.LayerNorm", parameters);
    outputNorm = new Norm(prefix + "output.LayerNorm", parameters);
  }

  /** Width of query, key and value: heads times head size. */
  int attentionWidth() {
    return query.outputs();
  }

  /** Width of the FFN. */
  int ffnWidth() {
    return up.outputs();
  }
}
