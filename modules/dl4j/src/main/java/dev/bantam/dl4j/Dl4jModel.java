package dev.bantam.dl4j;

import dev.bantam.model.Batch;
import dev.bantam.model.GradientSink;
import dev.bantam.model.Loss;
import dev.bantam.model.Model;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A live DL4J network: what the methods see of it. Its outputs are logits, what stands in front of
 * the softmax of its last layer.
 *
 * <p>Weights are matrices [out, in] as everywhere in Bantam, and views of DL4J's own row of
 * parameters: of a fully connected layer the transpose of DL4J's [in, out]; of a convolution
 * [filters, channels * kernel height * kernel width]; of an LSTM W [4 * out, in] and RW [4 * out,
 * out], gates in DL4J's order. A bias is a vector.
 *
 * <p>One pass at a time. Passes are DL4J's, and have no randomness: dropout and noise on weights
 * are left out.
 */
public final class Dl4jModel implements Model<Batch>, AutoCloseable {
  private final NetworkConfiguration configuration;
  private final String name;
  private final INDArray row;
  private final ComputationGraph graph;
  private final Map<String, INDArray> parameters = new LinkedHashMap<>();

  /**
   * @param row all parameters in DL4J's order; used, not copied
   */
  Dl4jModel(NetworkConfiguration configuration, String name, INDArray row) {
    this.configuration = configuration;
    this.name = name;
    this.row = row;
    this.graph = configuration.logits(row);
    graph
        .paramTable()
        .forEach(
            (key, tensor) ->
                parameters.put(ParameterName.ofTable(key).toString(), asInBantam(tensor)));
  }

  /** A view of the same memory, [out, in] or a vector. */
  private static INDArray asInBantam(INDArray tensor) {
    if (tensor.rank() == 4) {
      return tensor.reshape('c', tensor.size(0), tensor.length() / tensor.size(0));
    }
    if (tensor.rank() == 2 && (tensor.size(0) > 1 || tensor.ordering() == 'f')) {
      return tensor.transpose();
    }
    return tensor.reshape(new long[] {tensor.length()});
  }

  @Override
  public Map<String, INDArray> parameters() {
    return Collections.unmodifiableMap(parameters);
  }

  /**
   * Copies weights into the live network.
   *
   * @param weights all parameters by name
   * @throws IllegalArgumentException if one is missing or has another shape
   */
  public void load(Map<String, INDArray> weights) {
    parameters.forEach(
        (parameter, target) -> {
          final INDArray from = weights.get(parameter);
          if (from == null || !Arrays.equals(from.shape(), target.shape())) {
            throw new IllegalArgumentException(
                "'"
                    + parameter
                    + "' of '"
                    + name
                    + "' is "
                    + Arrays.toString(target.shape())
                    + ", not "
                    + (from == null ? "missing" : Arrays.toString(from.shape())));
          }
          final Floats live = Floats.of(target);
          live.copy(0, Floats.of(from), 0, live.length());
        });
  }

  /** All parameters in DL4J's order, [1, n]; live. */
  INDArray row() {
    return row;
  }

  @Override
  public Outputs outputs(Batch batch) {
    final INDArray[] in = {input(batch)};
    final INDArray logits = graph.output(false, in, null, null)[0].dup('c');
    final Outputs outputs =
        new Outputs(
            Floats.toArray(logits), Math.toIntExact(logits.size(0)), configuration.outputs());
    Floats.of(logits).close();
    Floats.of(in[0]).close();
    return outputs;
  }

  @Override
  public double gradients(
      Batch batch, Loss loss, Regularization regularization, GradientSink sink) {
    if (regularization.dropout() > 0) {
      throw new IllegalArgumentException("Dropout of DL4J networks is DL4J's own");
    }
    requireGradients();
    final INDArray in = input(batch);
    final INDArray logits = forward(in).get(outputName()).dup('c');
    final int rows = Math.toIntExact(logits.size(0));
    final float[] gradient = new float[rows * configuration.outputs()];
    final double value =
        loss.apply(Floats.toArray(logits), rows, configuration.outputs(), gradient);
    final INDArray epsilon = Floats.tensor(gradient, rows, configuration.outputs());
    graph
        .backpropGradient(epsilon)
        .gradientForVariable()
        .forEach(
            (key, tensor) -> {
              final String parameter = ParameterName.ofTable(key).toString();
              if (sink.wants(parameter)) {
                sink.accept(parameter, asInBantam(tensor));
              }
            });
    Floats.of(in).close();
    return value;
  }

  /** The running means of batch normalization make its backward pass another function. */
  private void requireGradients() {
    for (Layer layer : graph.getLayers()) {
      if (layer.conf().getLayer() instanceof BatchNormalization) {
        throw BantamException.badInput(
            "The network '"
                + name
                + "' has batch normalization, whose gradients in DL4J are those of training and not"
                + " of the network as it predicts. Take a method without gradients: magnitude"
                + " pruning, rounding to nearest, or GPTQ.");
      }
    }
  }

  @Override
  public void linearInputs(Batch batch, Collection<String> weights, InputSink sink) {
    final Map<String, ParameterName> names = new LinkedHashMap<>();
    for (String weight : weights) {
      if (!parameters.containsKey(weight) || parameters.get(weight).rank() != 2) {
        throw new IllegalArgumentException("'" + weight + "' is no matrix of a layer");
      }
      names.put(weight, ParameterName.parse(weight));
    }
    final INDArray in = input(batch);
    final Map<String, INDArray> activations = forward(in);
    names.forEach(
        (weight, parameter) -> {
          final INDArray rows = rows(parameter, activations.get(parameter.layer()));
          final Floats values = Floats.of(rows);
          sink.accept(weight, values, Math.toIntExact(rows.size(0)), Math.toIntExact(rows.size(1)));
          values.close();
        });
    Floats.of(in).close();
  }

  private INDArray rows(ParameterName parameter, INDArray activation) {
    Layer layer = graph.getLayer(parameter.layer());
    if (layer instanceof BaseWrapperLayer wrapper) {
      layer = wrapper.getUnderlying();
    }
    final INDArray input = layer.input();
    if (parameter.key().equals("RW")) {
      return LayerRows.ofStepsBefore(
          layer.activate(input, false, LayerWorkspaceMgr.noWorkspaces()));
    }
    return switch (input.rank()) {
      case 3 -> LayerRows.ofSeries(input);
      case 4 ->
          LayerRows.ofPatches(
              input,
              (ConvolutionLayer) layer.conf().getLayer(),
              new int[] {(int) activation.size(2), (int) activation.size(3)});
      default -> LayerRows.ofVectors(input);
    };
  }

  /** Activations of all layers by name, for a prediction; layers keep their inputs. */
  private Map<String, INDArray> forward(INDArray input) {
    return graph.feedForward(new INDArray[] {input}, false, false);
  }

  private String outputName() {
    return graph.getConfiguration().getNetworkOutputs().get(0);
  }

  /** The rows of a batch as the network reads them. */
  private INDArray input(Batch batch) {
    final int rows = batch.sequences();
    final NetworkConfiguration.InputRow row = configuration.input();
    if (batch.width() == 0 || batch.width() % row.size() != 0) {
      throw new IllegalArgumentException(
          "'" + name + "' reads rows of " + row + ", and this batch has " + batch.width());
    }
    return row.series()
        ? Floats.tensor(batch.features(), rows, row.size(), batch.width() / row.size())
        : Floats.tensor(batch.features(), rows, row.size());
  }

  @Override
  public void close() {
    graph.clear();
    Floats.of(row).close();
  }
}
