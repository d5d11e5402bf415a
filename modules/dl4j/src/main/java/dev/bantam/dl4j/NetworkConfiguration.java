package dev.bantam.dl4j;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.NativeRuntime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.L2NormalizeVertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.ScaleVertex;
import org.deeplearning4j.nn.conf.graph.ShiftVertex;
import org.deeplearning4j.nn.conf.graph.SubsetVertex;
import org.deeplearning4j.nn.conf.graph.rnn.LastTimeStepVertex;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.FeedForwardLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToCnnPreProcessor;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The structure of a network, checked: only classes of DL4J itself, only layers known here, no more
 * parameters than a tensor can hold.
 */
final class NetworkConfiguration {
  /** Most parameters, the reach of one float buffer. */
  private static final long MOST_PARAMETERS = (1L << 29) - 1;

  /** A class that a configuration may name; any other would be loaded on the word of a file. */
  private static final Pattern CLASS =
      Pattern.compile("org\\.(deeplearning4j|nd4j)\\.[A-Za-z0-9_.$]{1,200}");

  private static final List<Class<? extends GraphVertex>> VERTICES =
      List.of(
          LayerVertex.class,
          MergeVertex.class,
          ElementWiseVertex.class,
          LastTimeStepVertex.class,
          ScaleVertex.class,
          ShiftVertex.class,
          L2NormalizeVertex.class,
          SubsetVertex.class);

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private final String json;
  private final String file;
  private final boolean graph;
  private final int parameters;
  private final int outputs;
  private final InputRow input;

  /**
   * What a network reads of a row of numbers.
   *
   * @param size numbers of a row, or of one step of a series
   * @param series whether rows are series, [size, steps]
   */
  record InputRow(int size, boolean series) {}

  private record Vertex(String name, Layer layer, boolean last) {}

  /**
   * Reads and checks.
   *
   * @param file its name, for messages
   * @throws BantamException (bad input) with everything that stands in the way
   */
  NetworkConfiguration(String json, String file) {
    NativeRuntime.initialize();
    this.json = json;
    this.file = file;
    final JsonNode tree = tree(json, file);
    this.graph = tree.has("vertices");
    if (!graph && !tree.has("confs")) {
      throw BantamException.badInput(
          file
              + ": configuration.json is neither of a MultiLayerNetwork nor of a ComputationGraph."
              + " Save the network with DL4J's ModelSerializer.writeModel.");
    }
    if (graph) {
      final ComputationGraphConfiguration conf = graphConfiguration();
      final List<Vertex> layers = layers(conf);
      check(layers, vertexProblems(conf), conf.getDataType());
      this.parameters =
          count(() -> conf.getVertices().values().stream().map(v -> v.numParams(true)).toList());
      this.input = inputOf(conf);
      this.outputs = outputs(layers);
    } else {
      final MultiLayerConfiguration conf = stackConfiguration();
      final List<Vertex> layers = layers(conf);
      check(layers, List.of(), conf.getDataType());
      this.parameters =
          count(
              () ->
                  conf.getConfs().stream()
                      .map(c -> c.getLayer().initializer().numParams(c))
                      .toList());
      this.input = input("0", layers.get(0).layer(), conf.getInputPreProcess(0));
      this.outputs = outputs(layers);
    }
  }

  private static int outputs(List<Vertex> layers) {
    final Layer last = layers.stream().filter(Vertex::last).findFirst().orElseThrow().layer();
    return Math.toIntExact(((OutputLayer) last).getNOut());
  }

  String json() {
    return json;
  }

  /** Whether it is a {@code ComputationGraph}. */
  boolean isGraph() {
    return graph;
  }

  /** Number of parameters. */
  int parameters() {
    return parameters;
  }

  /** Number of classes. */
  int outputs() {
    return outputs;
  }

  InputRow input() {
    return input;
  }

  /**
   * The network as a graph that gives logits, without dropout, over a row of parameters in DL4J's
   * order.
   *
   * @param row [1, {@link #parameters()}]; used, not copied
   */
  ComputationGraph logits(INDArray row) {
    final ComputationGraphConfiguration conf = graph ? logitsOfGraph() : logitsOfStack();
    conf.setTrainingWorkspaceMode(WorkspaceMode.NONE);
    conf.setInferenceWorkspaceMode(WorkspaceMode.NONE);
    conf.setBackpropType(BackpropType.Standard);
    final ComputationGraph logits = new ComputationGraph(conf);
    logits.init(row, false);
    for (org.deeplearning4j.nn.api.Layer layer : logits.getLayers()) {
      layer.allowInputModification(false); // inputs are looked at after a pass
    }
    return logits;
  }

  private ComputationGraphConfiguration logitsOfGraph() {
    final ComputationGraphConfiguration conf = graphConfiguration();
    for (GraphVertex vertex : conf.getVertices().values()) {
      if (vertex instanceof LayerVertex v) {
        final NeuralNetConfiguration own = v.getLayerConf();
        Layers.withoutNoise(own.getLayer());
        if (own.getLayer() instanceof OutputLayer output) {
          own.setLayer(Layers.logits(output));
        }
      }
    }
    return conf;
  }

  private ComputationGraphConfiguration logitsOfStack() {
    final MultiLayerConfiguration stack = stackConfiguration();
    final GraphBuilder builder =
        new NeuralNetConfiguration.Builder()
            .dataType(DataType.FLOAT)
            .graphBuilder()
            .addInputs("input");
    String before = "input";
    for (int i = 0; i < stack.getConfs().size(); i++) {
      final Layer layer = stack.getConf(i).getLayer();
      Layers.withoutNoise(layer);
      final String name = Integer.toString(i);
      builder.addLayer(
          name,
          layer instanceof OutputLayer output ? Layers.logits(output) : layer,
          stack.getInputPreProcess(i),
          before);
      before = name;
    }
    return builder.setOutputs(before).build();
  }

  private static JsonNode tree(String json, String file) {
    try {
      final JsonNode tree = JSON.readTree(json);
      for (JsonNode name : tree.findValues("@class")) {
        if (!name.isTextual() || !CLASS.matcher(name.textValue()).matches()) {
          final String text = name.asText();
          throw BantamException.badInput(
              file
                  + ": configuration.json names the class '"
                  + text.substring(0, Math.min(80, text.length()))
                  + "'. Only classes of DL4J and ND4J are loaded, so networks with layers of"
                  + " one's own cannot be compressed.");
        }
      }
      return tree;
    } catch (JsonProcessingException e) {
      throw BantamException.badInput(
          file + ": configuration.json is not JSON: " + e.getOriginalMessage() + ".", e);
    }
  }

  private MultiLayerConfiguration stackConfiguration() {
    return parsed(() -> MultiLayerConfiguration.fromJson(json));
  }

  private ComputationGraphConfiguration graphConfiguration() {
    return parsed(() -> ComputationGraphConfiguration.fromJson(json));
  }

  /** DL4J's readers throw whatever comes; all of it means that the file is not what they wrote. */
  private <T> T parsed(Supplier<T> reading) {
    try {
      return reading.get();
    } catch (RuntimeException e) {
      throw BantamException.badInput(
          file
              + ": DL4J cannot read configuration.json ("
              + firstLine(e)
              + "). Save the network with DL4J 1.0.0-beta or later.",
          e);
    }
  }

  private static String firstLine(Throwable e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("no message");
  }

  private static List<Vertex> layers(MultiLayerConfiguration conf) {
    final List<Vertex> layers = new ArrayList<>();
    final int n = conf.getConfs() == null ? 0 : conf.getConfs().size();
    for (int i = 0; i < n; i++) {
      layers.add(new Vertex(Integer.toString(i), conf.getConf(i).getLayer(), i == n - 1));
    }
    return layers;
  }

  private static List<Vertex> layers(ComputationGraphConfiguration conf) {
    final List<Vertex> layers = new ArrayList<>();
    conf.getVertices()
        .forEach(
            (name, vertex) -> {
              if (vertex instanceof LayerVertex v && v.getLayerConf() != null) {
                layers.add(
                    new Vertex(
                        name,
                        v.getLayerConf().getLayer(),
                        conf.getNetworkOutputs().contains(name)));
              }
            });
    return layers;
  }

  private static List<String> vertexProblems(ComputationGraphConfiguration conf) {
    final List<String> problems = new ArrayList<>();
    if (conf.getNetworkInputs().size() != 1 || conf.getNetworkOutputs().size() != 1) {
      problems.add(
          "it has "
              + conf.getNetworkInputs().size()
              + " inputs and "
              + conf.getNetworkOutputs().size()
              + " outputs, and Bantam works with one of each");
    }
    conf.getVertices()
        .forEach(
            (name, vertex) -> {
              if (!VERTICES.contains(vertex.getClass())) {
                problems.add(
                    "vertex '"
                        + name
                        + "' is a "
                        + vertex.getClass().getSimpleName()
                        + ", which Bantam does not know");
              }
            });
    return problems;
  }

  private void check(List<Vertex> layers, List<String> further, DataType type) {
    final List<String> problems = new ArrayList<>(further);
    for (Vertex vertex : layers) {
      Layers.problem(vertex.layer(), vertex.last())
          .ifPresent(what -> problems.add("layer '" + vertex.name() + "' " + what));
    }
    if (layers.stream().noneMatch(Vertex::last)) {
      problems.add("its output is no layer");
    }
    if (type != DataType.FLOAT) {
      problems.add(
          "its numbers are "
              + type
              + ", and Bantam works on FLOAT; convert it with DL4J:"
              + " network.convertDataType(DataType.FLOAT)");
    }
    if (!problems.isEmpty()) {
      throw BantamException.badInput(
          file + " cannot be worked with: " + String.join("; ", problems) + ".");
    }
  }

  private int count(Supplier<List<Long>> parts) {
    final List<Long> counted = parsed(parts);
    long sum = 0;
    for (long part : counted) {
      if (part < 0 || part > MOST_PARAMETERS || sum + part > MOST_PARAMETERS) {
        throw BantamException.badInput(
            file
                + ": its configuration asks for more than "
                + MOST_PARAMETERS
                + " parameters, the most that one row of a network can have here.");
      }
      sum += part;
    }
    if (sum == 0) {
      throw BantamException.badInput(file + " has no parameters, so there is nothing to compress.");
    }
    return (int) sum;
  }

  private InputRow inputOf(ComputationGraphConfiguration conf) {
    final String name = conf.getNetworkInputs().get(0);
    final Map<String, InputRow> found = new LinkedHashMap<>();
    conf.getVertexInputs()
        .forEach(
            (vertex, inputs) -> {
              if (inputs.contains(name)
                  && conf.getVertices().get(vertex) instanceof LayerVertex v) {
                found.put(vertex, input(vertex, v.getLayerConf().getLayer(), v.getPreProcessor()));
              }
            });
    final Optional<InputRow> row = found.values().stream().findFirst();
    if (row.isEmpty() || found.values().stream().distinct().count() > 1) {
      throw BantamException.badInput(
          file + ": the layers that read the input do not agree on what a row is: " + found + ".");
    }
    return row.get();
  }

  private InputRow input(String name, Layer layer, InputPreProcessor before) {
    if (before instanceof FeedForwardToCnnPreProcessor image) {
      final long size =
          Math.multiplyExact(
              Math.multiplyExact(image.getInputHeight(), image.getInputWidth()),
              image.getNumChannels());
      return new InputRow(Math.toIntExact(size), false);
    }
    final Layer inner = Layers.inner(layer);
    if (before != null || inner instanceof ConvolutionLayer || inner instanceof SubsamplingLayer) {
      throw BantamException.badInput(
          file
              + ": layer '"
              + name
              + "' reads something else than a row of numbers. Build image networks with"
              + " InputType.convolutionalFlat(height, width, channels), which says how a row"
              + " becomes an image.");
    }
    if (!(inner instanceof FeedForwardLayer forward) || forward.getNIn() < 1) {
      throw BantamException.badInput(
          file + ": layer '" + name + "' does not say how many numbers it reads.");
    }
    return new InputRow(Math.toIntExact(forward.getNIn()), inner instanceof LSTM);
  }
}
