package dev.bantam.model;

import dev.bantam.tensor.Floats;
import java.util.List;
import java.util.function.Function;

/** The operators and vectors of one encoder layer, with the names they go by. */
final class LayerWeights {
  final String prefix;
  final Linear query;
  final Linear key;
  final Linear value;
  final Linear attentionOutput;
  final Linear up;
  final Linear down;
  final float[] queryKeyValueBias;
  final float[] attentionBias;
  final float[] upBias;
  final float[] downBias;
  final Norm attentionNorm;
  final Norm outputNorm;
  private final Function<String, Floats> parameters;

  /** A weight's name and what multiplies with it. */
  record Linear(String name, LinearOperator operator) {
    int inputs() {
      return operator.inputs();
    }

    int outputs() {
      return operator.outputs();
    }
  }

  /** Scale and shift of a LayerNorm, copied to the heap. */
  static final class Norm {
    final String name;
    final float[] gamma;
    final float[] beta;
    private final Floats liveGamma;
    private final Floats liveBeta;

    Norm(String name, Function<String, Floats> parameters) {
      this.name = name;
      this.liveGamma = parameters.apply(name + ".weight");
      this.liveBeta = parameters.apply(name + ".bias");
      this.gamma = new float[liveGamma.length()];
      this.beta = new float[liveBeta.length()];
      refresh();
    }

    /** Takes the tensors' current values. */
    void refresh() {
      liveGamma.read(0, gamma, 0, gamma.length);
      liveBeta.read(0, beta, 0, beta.length);
    }
  }

  /**
   * @param number of the weights, {@code encoder.layer.<number>}
   */
  LayerWeights(
      int number, Function<String, Floats> parameters, Function<String, LinearOperator> operators) {
    this.parameters = parameters;
    prefix = prefix(number);
    query = linear("attention.self.query", operators);
    key = linear("attention.self.key", operators);
    value = linear("attention.self.value", operators);
    attentionOutput = linear("attention.output.dense", operators);
    up = linear("intermediate.dense", operators);
    down = linear("output.dense", operators);
    queryKeyValueBias = new float[3 * query.outputs()];
    attentionBias = new float[attentionOutput.outputs()];
    upBias = new float[up.outputs()];
    downBias = new float[down.outputs()];
    attentionNorm = new Norm(prefix + "attention.output.LayerNorm", parameters);
    outputNorm = new Norm(prefix + "output.LayerNorm", parameters);
    refresh();
  }

  static String prefix(int number) {
    return "encoder.layer." + number + ".";
  }

  private Linear linear(String part, Function<String, LinearOperator> operators) {
    final String name = prefix + part + ".weight";
    return new Linear(name, operators.apply(name));
  }

  /** Takes the current values of the vectors. */
  LayerWeights refresh() {
    final int width = query.outputs();
    read("attention.self.query.bias", queryKeyValueBias, 0, width);
    read("attention.self.key.bias", queryKeyValueBias, width, width);
    read("attention.self.value.bias", queryKeyValueBias, 2 * width, width);
    read("attention.output.dense.bias", attentionBias, 0, attentionBias.length);
    read("intermediate.dense.bias", upBias, 0, upBias.length);
    read("output.dense.bias", downBias, 0, downBias.length);
    attentionNorm.refresh();
    outputNorm.refresh();
    return this;
  }

  private void read(String name, float[] target, int from, int n) {
    parameters.apply(prefix + name).read(0, target, from, n);
  }

  /** Query, key and value in the order in which their outputs stand side by side. */
  List<Linear> projections() {
    return List.of(query, key, value);
  }

  /** All matrices of the layer. */
  List<Linear> linears() {
    return List.of(query, key, value, attentionOutput, up, down);
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
