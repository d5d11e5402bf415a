package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import onnx.Onnx;
import org.nd4j.shade.protobuf.CodedInputStream;
import org.nd4j.shade.protobuf.InvalidProtocolBufferException;

/**
 * An ONNX graph indexed by the names of its values: what gives them, what uses them, and which are
 * stored. Holds no computation. Names are whatever a file says, so walks end on cycles too.
 */
final class OnnxGraph {
  private static final int SMALL = 64;

  /** Nodes whose first output is their first input under another name or in another type. */
  private static final Set<String> ALIASES = Set.of("Identity", "Cast", "Dropout");

  private static final Set<String> RESHAPING =
      Set.of("Identity", "Cast", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze");

  private static final Set<String> REORDERING =
      Set.of(
          "Identity", "Cast", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose");

  private static final Set<String> SHAPES = Set.of("Shape", "Size");

  private final String source;
  private final Onnx.GraphProto graph;
  private final OnnxExternalData external;
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final Map<String, OnnxTensor> tensors = new LinkedHashMap<>();
  private final Map<String, double[]> numbers = new LinkedHashMap<>();
  private final Map<String, Onnx.NodeProto> producers = new LinkedHashMap<>();
  private final Map<String, List<Onnx.NodeProto>> consumers = new LinkedHashMap<>();
  private final Set<String> initializers = new HashSet<>();

  private OnnxGraph(String source, Onnx.GraphProto graph, OnnxExternalData external) {
    this.source = source;
    this.graph = graph;
    this.external = external;
  }

  /**
   * Parses a model.
   *
   * @param bytes the file; kept and not copied, callers do not modify it afterwards
   * @param folder where the files lie that hold further weights, if the file lies in a folder
   */
  static OnnxGraph parse(String source, byte[] bytes, Optional<Path> folder) {
    final Onnx.ModelProto model;
    try {
      // a direct or wrapped buffer would be copied; aliasing keeps the weights where they are
      final CodedInputStream in = CodedInputStream.newInstance(bytes);
      in.enableAliasing(true);
      model = Onnx.ModelProto.parseFrom(in);
    } catch (InvalidProtocolBufferException e) {
      throw BantamException.badInput(
          source + " is not an ONNX file: " + e.getMessage() + " Copy or download it again.", e);
    } catch (java.io.IOException e) {
      throw new IllegalStateException("Reading from memory failed", e);
    }
    if (!model.hasGraph() || model.getGraph().getNodeCount() == 0) {
      throw BantamException.badInput(source + " is not an ONNX file: it holds no graph.");
    }
    final OnnxGraph graph = new OnnxGraph(source, model.getGraph(), new OnnxExternalData(folder));
    model.getMetadataPropsList().forEach(p -> graph.metadata.put(p.getKey(), p.getValue()));
    graph.index();
    return graph;
  }

  private void index() {
    for (final Onnx.TensorProto tensor : graph.getInitializerList()) {
      initializers.add(tensor.getName());
      if (tensors.put(tensor.getName(), new OnnxTensor(tensor.getName(), tensor, external))
          != null) {
        throw BantamException.badInput(
            source + ": initializer '" + tensor.getName() + "' occurs twice.");
      }
    }
    for (final Onnx.NodeProto node : graph.getNodeList()) {
      node.getOutputList().forEach(output -> producers.putIfAbsent(output, node));
      node.getInputList()
          .forEach(input -> consumers.computeIfAbsent(input, i -> new ArrayList<>()).add(node));
      if (node.getOpType().equals("Constant") && node.getOutputCount() == 1) {
        constant(node, node.getOutput(0));
      }
    }
  }

  private void constant(Onnx.NodeProto node, String output) {
    for (final Onnx.AttributeProto a : node.getAttributeList()) {
      switch (a.getName()) {
        case "value" -> tensors.putIfAbsent(output, new OnnxTensor(output, a.getT(), external));
        case "value_int" -> numbers.put(output, new double[] {a.getI()});
        case "value_float" -> numbers.put(output, new double[] {a.getF()});
        case "value_ints" ->
            numbers.put(output, a.getIntsList().stream().mapToDouble(i -> i).toArray());
        case "value_floats" ->
            numbers.put(output, a.getFloatsList().stream().mapToDouble(f -> f).toArray());
        default -> {
          // strings and sparse tensors are no weights
        }
      }
    }
  }

  String source() {
    return source;
  }

  /** The files beside this one that hold its tensors, as far as they were looked at. */
  SortedMap<String, Path> externalFiles() {
    return external.files();
  }

  /** The texts that the file carries about itself. */
  Map<String, String> metadata() {
    return metadata;
  }

  List<Onnx.NodeProto> nodes() {
    return graph.getNodeList();
  }

  /** The stored tensors by name, initializers in the order of the file, then constants. */
  Map<String, OnnxTensor> tensors() {
    return tensors;
  }

  /** Names of the inputs that a caller feeds, in order. */
  List<String> inputs() {
    return graph.getInputList().stream()
        .map(Onnx.ValueInfoProto::getName)
        .filter(name -> !initializers.contains(name)) // old files list their weights too
        .toList();
  }

  /** Names of the outputs, in order. */
  List<String> outputs() {
    return graph.getOutputList().stream().map(Onnx.ValueInfoProto::getName).toList();
  }

  /** The node that gives a value, empty for inputs and initializers. */
  Optional<Onnx.NodeProto> producer(String value) {
    return Optional.ofNullable(producers.get(value));
  }

  /** The nodes that use a value, in the order of the file. */
  List<Onnx.NodeProto> consumers(String value) {
    return consumers.getOrDefault(value, List.of());
  }

  static Optional<Onnx.AttributeProto> attribute(Onnx.NodeProto node, String name) {
    return node.getAttributeList().stream().filter(a -> a.getName().equals(name)).findFirst();
  }

  /** A value and the values that it is another name of, from the use to the origin. */
  List<String> aliases(String value) {
    final List<String> chain = new ArrayList<>(List.of(value));
    final Set<String> seen = new HashSet<>(chain);
    Onnx.NodeProto node = producers.get(value);
    while (node != null
        && ALIASES.contains(node.getOpType())
        && node.getInputCount() > 0
        && seen.add(node.getInput(0))) {
      chain.add(node.getInput(0));
      node = producers.get(node.getInput(0));
    }
    return chain;
  }

  /** The values behind a value, through nodes that only change its shape too. */
  String source(String value) {
    return walkBack(value, RESHAPING);
  }

  /** As {@link #source}, through transposes as well. */
  String untransposed(String value) {
    return walkBack(value, REORDERING);
  }

  private String walkBack(String value, Set<String> through) {
    String at = value;
    for (int steps = 0; steps < producers.size(); steps++) {
      final Onnx.NodeProto node = producers.get(at);
      if (node == null || node.getInputCount() == 0 || !through.contains(node.getOpType())) {
        return at;
      }
      at = node.getInput(0);
    }
    return at;
  }

  /** The value that {@code value} is another name of. */
  String origin(String value) {
    final List<String> chain = aliases(value);
    return chain.get(chain.size() - 1);
  }

  /** The nodes that use a value under any of its later names. */
  List<Onnx.NodeProto> users(String value) {
    final List<Onnx.NodeProto> found = new ArrayList<>();
    final Set<String> seen = new HashSet<>(List.of(value));
    final Deque<String> open = new ArrayDeque<>(seen);
    while (!open.isEmpty()) {
      for (final Onnx.NodeProto node : consumers(open.pop())) {
        if (!ALIASES.contains(node.getOpType())) {
          found.add(node);
        } else if (node.getOutputCount() > 0 && seen.add(node.getOutput(0))) {
          open.push(node.getOutput(0));
        }
      }
    }
    return found;
  }

  /** Graph inputs that a value is computed from; those of which only the shape is used are not. */
  Set<String> inputsBehind(String value) {
    final Set<String> inputs = Set.copyOf(inputs());
    final Set<String> found = new TreeSet<>();
    final Set<String> seen = new HashSet<>(List.of(value));
    final Deque<String> open = new ArrayDeque<>(seen);
    while (!open.isEmpty()) {
      final String at = open.pop();
      if (inputs.contains(at)) {
        found.add(at);
      }
      final Onnx.NodeProto node = producers.get(at);
      if (node != null && !SHAPES.contains(node.getOpType())) {
        node.getInputList().stream().filter(seen::add).forEach(open::push);
      }
    }
    return found;
  }

  /** The value of an initializer or constant of few elements, empty if {@code name} is neither. */
  Optional<double[]> smallValue(String name) {
    final String origin = origin(name);
    final OnnxTensor tensor = tensors.get(origin);
    return tensor == null ? Optional.ofNullable(numbers.get(origin)) : tensor.small(SMALL);
  }

  /**
   * The entries of a shape that a Reshape is fed: an initializer, a constant, or a Concat of
   * pieces. Entries known only when the graph runs are NaN.
   */
  List<Double> shapeInput(String name) {
    final Optional<double[]> known = smallValue(name);
    if (known.isPresent()) {
      return Arrays.stream(known.get()).boxed().toList();
    }
    final Onnx.NodeProto producer = producers.get(origin(name));
    if (producer == null || !producer.getOpType().equals("Concat")) {
      return List.of(Double.NaN);
    }
    final List<Double> entries = new ArrayList<>();
    for (final String piece : producer.getInputList()) {
      final Onnx.NodeProto inner = producers.get(piece);
      final boolean wrapped =
          inner != null
              && Set.of("Unsqueeze", "Reshape").contains(inner.getOpType())
              && inner.getInputCount() > 0;
      final Optional<double[]> value =
          smallValue(piece).or(() -> wrapped ? smallValue(inner.getInput(0)) : Optional.empty());
      value.ifPresentOrElse(
          v -> Arrays.stream(v).forEach(entries::add), () -> entries.add(Double.NaN));
    }
    return entries;
  }
}
