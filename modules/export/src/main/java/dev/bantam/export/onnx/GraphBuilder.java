package dev.bantam.export.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import onnx.Onnx;
import onnx.Onnx.AttributeProto;
import onnx.Onnx.TensorProto;
import org.nd4j.shade.protobuf.UnsafeByteOperations;

/** Collects the nodes and stored tensors of an ONNX graph, in the order in which they are added. */
final class GraphBuilder {
  private final Onnx.GraphProto.Builder graph = Onnx.GraphProto.newBuilder().setName("encoder");
  private final Set<String> stored = new HashSet<>();
  private String scope = "";

  /** What the names of nodes added from now on start with; stored tensors keep theirs. */
  void scope(String prefix) {
    scope = prefix;
  }

  /**
   * Adds a node of the standard operators with one output.
   *
   * @param name of the node
   * @return the name of its output
   */
  String node(String op, String name, List<String> inputs, AttributeProto... attributes) {
    return outputs("", op, name, inputs, 1, attributes).get(0);
  }

  /** Adds a node of any domain with several outputs, and returns their names. */
  List<String> outputs(
      String domain,
      String op,
      String name,
      List<String> inputs,
      int count,
      AttributeProto... attributes) {
    final Onnx.NodeProto.Builder node =
        Onnx.NodeProto.newBuilder().setOpType(op).setName(scope + name).addAllInput(inputs);
    if (!domain.isEmpty()) {
      node.setDomain(domain);
    }
    for (int i = 0; i < count; i++) {
      node.addOutput(scope + name + "_output_" + i);
    }
    graph.addNode(node.addAllAttribute(Arrays.asList(attributes)));
    return node.getOutputList().stream().toList();
  }

  /** Gives the last node's first output another name: that of an output of the graph. */
  void renameLastOutput(String name) {
    final int last = graph.getNodeCount() - 1;
    graph.setNode(last, graph.getNode(last).toBuilder().setOutput(0, name));
  }

  static AttributeProto integer(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  static AttributeProto integers(String name, long... values) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INTS)
        .addAllInts(Arrays.stream(values).boxed().toList())
        .build();
  }

  static AttributeProto real(String name, float value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOAT)
        .setF(value)
        .build();
  }

  /** Stores float32 values unless the name is stored already; returns the name. */
  String floats(String name, float[] values, long... shape) {
    final ByteBuffer bytes =
        ByteBuffer.allocate(Math.multiplyExact(values.length, Float.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return store(name, TensorProto.DataType.FLOAT_VALUE, bytes.array(), shape);
  }

  /** Stores one float32 number. */
  String scalar(String name, float value) {
    return floats(name, new float[] {value});
  }

  /** Stores a vector of int64. */
  String longs(String name, long... values) {
    return store(name, TensorProto.DataType.INT64_VALUE, bytes(values), values.length);
  }

  /** Stores one int64 number. */
  String index(String name, long value) {
    return store(name, TensorProto.DataType.INT64_VALUE, bytes(value));
  }

  private static byte[] bytes(long... values) {
    final ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(values);
    return bytes.array();
  }

  /** Stores bytes as int8. */
  String int8(String name, byte[] values, long... shape) {
    return store(name, TensorProto.DataType.INT8_VALUE, values, shape);
  }

  /** Stores bytes as uint8. */
  String uint8(String name, byte[] values, long... shape) {
    return store(name, TensorProto.DataType.UINT8_VALUE, values, shape);
  }

  private String store(String name, int type, byte[] bytes, long... shape) {
    if (stored.add(name)) {
      graph.addInitializer(
          TensorProto.newBuilder()
              .setName(name)
              .setDataType(type)
              .addAllDims(Arrays.stream(shape).boxed().toList())
              .setRawData(UnsafeByteOperations.unsafeWrap(bytes)));
    }
    return name;
  }

  /** Declares an int64 input {@code [batch, sequence]}. */
  void input(String name) {
    graph.addInput(value(name, TensorProto.DataType.INT64_VALUE, "batch", "sequence"));
  }

  /** Declares a float32 output; a dimension is a name or a number. */
  void output(String name, Object... dimensions) {
    graph.addOutput(value(name, TensorProto.DataType.FLOAT_VALUE, dimensions));
  }

  /** States the shape of a float32 value inside the graph, where runtimes cannot infer it. */
  void shaped(String name, Object... dimensions) {
    graph.addValueInfo(value(name, TensorProto.DataType.FLOAT_VALUE, dimensions));
  }

  private static Onnx.ValueInfoProto value(String name, int type, Object... dimensions) {
    final Onnx.TensorShapeProto.Builder shape = Onnx.TensorShapeProto.newBuilder();
    for (Object dimension : dimensions) {
      final Onnx.TensorShapeProto.Dimension.Builder d = shape.addDimBuilder();
      if (dimension instanceof String text) {
        d.setDimParam(text);
      } else {
        d.setDimValue(((Number) dimension).longValue());
      }
    }
    return Onnx.ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            Onnx.TypeProto.newBuilder()
                .setTensorType(
                    Onnx.TypeProto.Tensor.newBuilder().setElemType(type).setShape(shape)))
        .build();
  }

  Onnx.GraphProto build() {
    return graph.build();
  }
}
