package dev.bantam.checkpoint;

import dev.bantam.checkpoint.Architecture.LayerShape;
import dev.bantam.tensor.BantamException;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A BERT as Google's code stores it: {@code bert/encoder/layer_0/attention/self/query/kernel} is
 * {@code encoder.layer.0.attention.self.query.weight} transposed, {@code gamma} and {@code beta}
 * are weight and bias of a LayerNorm, tables stay as they are.
 */
final class TensorFlowBert {
  /** All of Google's models have heads of this width. */
  private static final int HEAD_SIZE = 64;

  private static final double EPSILON = 1e-12;

  private final TensorBundle bundle;
  private final String scope;
  private final Problems problems =
      new Problems("The TensorFlow checkpoint is no BERT as expected");

  /**
   * @param scope what all names start with, e.g. {@code module/}
   */
  TensorFlowBert(TensorBundle bundle, String scope) {
    this.bundle = bundle;
    this.scope = scope;
  }

  /**
   * The architecture of BERT in the sizes of the tensors, with a pooler; heads are 64 wide. GELU is
   * the erf form: that of the code that the published models were trained with and of their {@code
   * config.json}, though later graphs of them have the tanh form, which is 5e-4 off at most.
   */
  Architecture architecture() {
    int layers = 0;
    while (bundle.names().contains(scope + "bert/encoder/layer_" + layers + "/output/dense/bias")) {
      layers++;
    }
    final long[] words = shape("bert/embeddings/word_embeddings");
    final long[] positions = shape("bert/embeddings/position_embeddings");
    final long[] types = shape("bert/embeddings/token_type_embeddings");
    final long[] up = shape("bert/encoder/layer_0/intermediate/dense/kernel");
    problems.throwIfAny();
    final int hidden = (int) words[1];
    return new Architecture(
        "bert",
        (int) words[0],
        (int) positions[0],
        (int) types[0],
        hidden,
        HEAD_SIZE,
        Collections.nCopies(layers, new LayerShape(hidden / HEAD_SIZE, (int) up[1])),
        Architecture.Activation.GELU_ERF,
        Architecture.NormPlacement.POST,
        Architecture.PositionScheme.LEARNED,
        EPSILON,
        0,
        true);
  }

  private long[] shape(String name) {
    if (!bundle.names().contains(scope + name) || bundle.shape(scope + name).length != 2) {
      problems.add("'" + scope + name + "' is missing or not a matrix");
      return new long[] {1, 1};
    }
    return bundle.shape(scope + name);
  }

  /**
   * The weights of the encoder, with the pooler.
   *
   * @throws BantamException (bad input) naming everything that is missing or misshaped
   */
  Map<String, INDArray> encoder(Architecture architecture) {
    return weights(EncoderParameters.shapes(architecture, Optional.empty()), "bert/");
  }

  /** The weights of the head that predicts masked tokens. */
  Map<String, INDArray> maskedLanguageHead(Architecture architecture) {
    return weights(MaskedLanguageHead.shapes(architecture), "");
  }

  private Map<String, INDArray> weights(Map<String, long[]> shapes, String inner) {
    shapes.forEach((name, shape) -> check(name, shape, inner));
    problems.throwIfAny();
    final Map<String, INDArray> weights = new LinkedHashMap<>();
    shapes
        .keySet()
        .forEach(
            name -> {
              final String stored = stored(name, inner);
              weights.put(
                  name, isKernel(stored) ? bundle.transposed(stored) : bundle.floats(stored));
            });
    return weights;
  }

  private void check(String name, long[] shape, String inner) {
    final String stored = stored(name, inner);
    if (!bundle.names().contains(stored)) {
      problems.add("missing: '" + stored + "'");
      return;
    }
    final long[] found = bundle.shape(stored);
    final boolean fits =
        isKernel(stored)
            ? found.length == 2 && found[0] == shape[1] && found[1] == shape[0]
            : Arrays.equals(found, shape);
    if (!fits) {
      problems.add("wrong shape: '" + stored + "' is " + Arrays.toString(found));
    }
  }

  private static boolean isKernel(String stored) {
    return stored.endsWith("/kernel");
  }

  /**
   * {@code encoder.layer.0.output.dense.weight} is {@code
   * bert/encoder/layer_0/output/dense/kernel}.
   */
  private String stored(String name, String inner) {
    if (name.equals(MaskedLanguageHead.BIAS)) {
      return scope + "cls/predictions/output_bias";
    }
    String path = name.replaceFirst("\\.layer\\.([0-9]+)\\.", ".layer_$1.").replace('.', '/');
    if (path.endsWith("_embeddings/weight")) {
      path = path.substring(0, path.length() - "/weight".length());
    } else if (path.endsWith("LayerNorm/weight")) {
      path = path.replace("/weight", "/gamma");
    } else if (path.endsWith("LayerNorm/bias")) {
      path = path.replace("/bias", "/beta");
    } else {
      path = path.replace("/weight", "/kernel");
    }
    return scope + inner + path;
  }
}
