package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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
import java.util.TreeSet;
import onnx.Onnx;
import org.nd4j.shade.protobuf.CodedInputStream;
import org.nd4j.shade.protobuf.InvalidProtocolBufferException;

/** An ONNX graph indexed by name: its nodes, initializers and constants. Holds no computation. */
final class OnnxGraph {
  private static final Set<String> ALIASES = Set.of("Identity", "Cast");
  private static final Set<String> SHAPES = Set.of("Shape", "Size");

  private final String source;
  private final Onnx.GraphProto graph;
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final Map<String, Onnx.TensorProto> initializers = new LinkedHashMap<>();
  private final Map<String, Onnx.TensorProto> constants = new LinkedHashMap<>();
  private final Map<String, Onnx.NodeProto> producers = new LinkedHashMap<>();

  private OnnxGraph(String source, Onnx.GraphProto graph) {
    this.source = source;
    this.graph = graph;
  }

  /**
   * Parses a model.
   *
   * @param bytes the file; kept and not copied, callers do not modify it afterwards
   */
  static OnnxGraph parse(String source, byte[] bytes) {
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
    final OnnxGraph graph = new OnnxGraph(source, model.getGraph());
    model.getMetadataPropsList().forEach(p -> graph.metadata.put(p.getKey(), p.getValue()));
    graph.index();
    return graph;
  }

  private void index() {
    final TreeSet<String> external = new TreeSet<>();
    for (final Onnx.TensorProto tensor : graph.getInitializerList()) {
      if (initializers.put(tensor.getName(), tensor) != null) {
        throw BantamException.badInput(
            source + ": initializer '" + tensor.getName() + "' occurs twice.");
      }
      if (tensor.getDataLocation() == Onnx.TensorProto.DataLocation.EXTERNAL) {
        external.add(tensor.getName());
      }
    }
    if (!external.isEmpty()) {
      throw BantamException.badInput(
          source
              + " keeps "
              + external.size()
              + " of its weights in other files (first: "
              + external.first()
              + "). Save it as one file.");
    }
    for (final Onnx.NodeProto node : graph.getNodeList()) {
      node.getOutputList().forEach(output -> producers.put(output, node));
      if (node.getOpType().equals("Constant")) {
        attribute(node, "value").ifPresent(a -> constants.put(node.getOutput(0), a.getT()));
      }
    }
  }

  String source() {
    return source;
  }

  List<Onnx.NodeProto> nodes() {
    return graph.getNodeList();
  }

  /** The stored weights by name, in the order of the file. */
  Map<String, Onnx.TensorProto> initializers() {
    return initializers;
  }

  static Optional<Onnx.AttributeProto> attribute(Onnx.NodeProto node, String name) {
    return node.getAttributeList().stream().filter(a -> a.getName().equals(name)).findFirst();
  }

  /** Names of the inputs that a caller feeds, in order. */
  List<String> inputs() {
    return graph.getInputList().stream()
        .map(Onnx.ValueInfoProto::getName)
        .filter(name -> !initializers.containsKey(name)) // old files list their weights too
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

  /** The value that {@code name} is another name of: behind Identity, and Cast. */
  String origin(String name) {
    String at = name;
    for (int steps = 0; steps < producers.size(); steps++) { // a damaged file may hold a cycle
      final Onnx.NodeProto node = producers.get(at);
      if (node == null || !ALIASES.contains(node.getOpType()) || node.getInputCount() == 0) {
        return at;
      }
      at = node.getInput(0);
    }
    return at;
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

  /** The texts that the file carries about itself. */
  Map<String, String> metadata() {
    return metadata;
  }

  /** The value of an initializer or constant of few elements, empty if {@code name} is neither. */
  Optional<double[]> smallValue(String name) {
    final Onnx.TensorProto tensor = initializers.getOrDefault(name, constants.get(name));
    if (tensor == null) {
      return Optional.empty();
    }
    final long elements = elements(tensor);
    if (elements > 64 || !complete(tensor)) {
      return Optional.empty();
    }
    final double[] values = new double[(int) elements];
    if (tensor.getDataType() == Onnx.TensorProto.DataType.FLOAT_VALUE) {
      final float[] floats = new float[values.length];
      floats(tensor, 0, floats, floats.length);
      for (int i = 0; i < floats.length; i++) {
        values[i] = floats[i];
      }
    } else if (tensor.getDataType() == Onnx.TensorProto.DataType.INT64_VALUE) {
      final ByteBuffer raw = raw(tensor);
      for (int i = 0; i < values.length; i++) {
        values[i] = raw.hasRemaining() ? raw.getLong() : tensor.getInt64Data(i);
      }
    } else {
      return Optional.empty();
    }
    return Optional.of(values);
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
    final Onnx.NodeProto producer = producers.get(name);
    if (producer == null || !producer.getOpType().equals("Concat")) {
      return List.of(Double.NaN);
    }
    final List<Double> entries = new ArrayList<>();
    for (final String piece : producer.getInputList()) {
      final Onnx.NodeProto inner = producers.get(piece);
      final boolean unsqueezed = inner != null && inner.getOpType().equals("Unsqueeze");
      final Optional<double[]> value =
          smallValue(piece).or(() -> unsqueezed ? smallValue(inner.getInput(0)) : Optional.empty());
      value.ifPresentOrElse(
          v -> Arrays.stream(v).forEach(entries::add), () -> entries.add(Double.NaN));
    }
    return entries;
  }

  /** Number of elements; a shape that no file can hold counts as the largest number. */
  static long elements(Onnx.TensorProto tensor) {
    if (tensor.getDimsList().stream().anyMatch(d -> d < 0)) {
      return Long.MAX_VALUE;
    }
    try {
      return SafetensorsEntry.elements(tensor.getDimsList());
    } catch (ArithmeticException e) {
      return Long.MAX_VALUE;
    }
  }

  static long[] shape(Onnx.TensorProto tensor) {
    return tensor.getDimsList().stream().mapToLong(Long::longValue).toArray();
  }

  /** Whether a tensor of FLOAT or INT64 holds exactly the values that its shape needs. */
  static boolean complete(Onnx.TensorProto tensor) {
    final long elements = elements(tensor);
    final boolean whole = tensor.getDataType() == Onnx.TensorProto.DataType.INT64_VALUE;
    if (tensor.getRawData().isEmpty()) {
      return (whole ? tensor.getInt64DataCount() : tensor.getFloatDataCount()) == elements;
    }
    final int size = whole ? Long.BYTES : Float.BYTES;
    return tensor.getRawData().size() % size == 0 && tensor.getRawData().size() / size == elements;
  }

  /** Copies {@code count} values of a float tensor from element {@code from} on. */
  static void floats(Onnx.TensorProto tensor, long from, float[] target, int count) {
    if (tensor.getRawData().isEmpty()) {
      for (int i = 0; i < count; i++) {
        target[i] = tensor.getFloatData(Math.toIntExact(from + i));
      }
    } else {
      raw(tensor).asFloatBuffer().position(Math.toIntExact(from)).get(target, 0, count);
    }
  }

  private static ByteBuffer raw(Onnx.TensorProto tensor) {
    return tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }
}
