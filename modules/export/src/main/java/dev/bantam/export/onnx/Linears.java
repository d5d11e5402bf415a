package dev.bantam.export.onnx;

import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.GroupedTensor.Zero;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Writes {@code y = x W^T + b} for the linear layers of an encoder, each in the way that fits the
 * form of its weight.
 *
 * <p>The layer {@code encoder.layer.0.output.dense} has nodes {@code
 * /encoder/layer.0/output/dense/...}, as PyTorch's exporter names them.
 */
final class Linears {
  private static final String MICROSOFT = "com.microsoft";

  private final GraphBuilder graph;
  private final StoredWeights weights;
  private final OnnxFormat format;
  private final Input otherwise;
  private boolean microsoft;

  /** How the input of a layer of integer codes reaches it. */
  enum Input {
    /** As float32, to stay so: the layer multiplies with the values of its codes. */
    FLOAT,
    /** As float32, to be rounded when the graph runs. */
    DYNAMIC,
    /** Rounded already. */
    ROUNDED
  }

  /**
   * @param maps whether the model has ranges of its own: then nothing else is rounded
   */
  Linears(GraphBuilder graph, StoredWeights weights, OnnxFormat format, SiteMaps maps) {
    this.graph = graph;
    this.weights = weights;
    this.format = format;
    this.otherwise = format != OnnxFormat.INT8 || maps.round() ? Input.FLOAT : Input.DYNAMIC;
  }

  /** How an input is taken that is rounded, or not. */
  private Input input(boolean rounded) {
    return rounded ? Input.ROUNDED : otherwise;
  }

  /** Whether a node of the domain {@code com.microsoft} was written. */
  boolean usesMicrosoft() {
    return microsoft;
  }

  /** The path of a module, which its nodes' names start with. */
  static String path(String module) {
    final StringBuilder path = new StringBuilder("/");
    final String[] parts = module.split("\\.");
    for (int i = 0; i < parts.length; i++) {
      path.append(parts[i]);
      if (i < parts.length - 1) {
        path.append(parts[i].equals("layer") ? '.' : '/'); // "layer.0" is one word
      }
    }
    return path.toString();
  }

  /** One layer, whose input has no range of its own. */
  String apply(String x, String module) {
    return apply(x, false, module);
  }

  /**
   * One layer.
   *
   * @param rounded whether the input is rounded already
   */
  String apply(String x, boolean rounded, String module) {
    return apply(x, rounded, List.of(module)).get(0);
  }

  /** Layers that read the same input; it is quantized once. */
  List<String> apply(String x, boolean rounded, List<String> modules) {
    final List<String> results = new ArrayList<>();
    List<String> quantized = List.of();
    for (String module : modules) {
      final CompressedTensor weight = weights.get(module + ".weight");
      final String product;
      if (!(weight instanceof GroupedTensor grouped) || format == OnnxFormat.FLOAT) {
        product = floats(x, module);
      } else if (format == OnnxFormat.INT4) {
        product = blocks(x, module, grouped);
      } else if (input(rounded) == Input.FLOAT) {
        product = floats(x, module);
      } else if (input(rounded) == Input.ROUNDED) {
        product = restored(x, module, codes(grouped), grouped.scales(), zeroPoints(grouped));
      } else {
        if (quantized.isEmpty()) {
          quantized = quantize(x, module);
        }
        product = integers(quantized, module, grouped);
      }
      results.add(graph.node("Add", path(module) + "/Add", List.of(bias(module), product)));
    }
    return results;
  }

  /**
   * Whether layers that read the same input can be one product: those of int8 codes without zero
   * points.
   */
  boolean canJoin(List<String> modules, boolean rounded) {
    return format == OnnxFormat.INT8
        && input(rounded) != Input.FLOAT
        && modules.stream()
            .allMatch(
                m ->
                    weights.get(m + ".weight") instanceof GroupedTensor g && g.zero() == Zero.NONE);
  }

  /** Layers that read the same input as one product, {@code [..., sum of their widths]}. */
  String joined(String x, boolean rounded, String name, List<String> modules) {
    final List<GroupedTensor> tensors =
        modules.stream().map(m -> (GroupedTensor) weights.get(m + ".weight")).toList();
    final int in = tensors.get(0).groups().columns();
    final int out = tensors.stream().mapToInt(t -> t.groups().rows()).sum();
    final byte[] codes = new byte[Math.multiplyExact(in, out)];
    final float[] scales = new float[out];
    final float[] biases = new float[out];
    int column = 0;
    for (int i = 0; i < tensors.size(); i++) {
      final GroupedTensor tensor = tensors.get(i);
      final int rows = tensor.groups().rows();
      transpose(tensor, codes, column, out);
      System.arraycopy(tensor.scales(), 0, scales, column, rows);
      System.arraycopy(weights.floats(modules.get(i) + ".bias"), 0, biases, column, rows);
      column += rows;
    }
    final String product =
        input(rounded) == Input.ROUNDED
            ? restored(x, name, codes, scales, Optional.empty())
            : integers(quantize(x, name), name, codes, scales, in, Optional.empty());
    return graph.node(
        "Add", path(name) + "/Add", List.of(graph.floats(name + ".bias", biases, out), product));
  }

  private List<String> quantize(String x, String module) {
    return graph.outputs("", "DynamicQuantizeLinear", path(module) + "/Quantize", List.of(x), 3);
  }

  private String bias(String module) {
    final String name = module + ".bias";
    return graph.floats(name, weights.floats(name), weights.shape(name));
  }

  private String floats(String x, String module) {
    final long[] shape = weights.shape(module + ".weight");
    final String weight =
        graph.floats("onnx::" + module, weights.transposed(module + ".weight"), shape[1], shape[0]);
    return graph.node("MatMul", path(module) + "/MatMul", List.of(x, weight));
  }

  private String integers(List<String> quantized, String module, GroupedTensor weight) {
    return integers(
        quantized,
        module,
        codes(weight),
        weight.scales(),
        weight.groups().columns(),
        zeroPoints(weight));
  }

  private static Optional<byte[]> zeroPoints(GroupedTensor weight) {
    return weight.zero() == Zero.INTEGER ? Optional.of(weight.zeroPoints()) : Optional.empty();
  }

  /** Codes as [in, out]. */
  private static byte[] codes(GroupedTensor weight) {
    final int out = weight.groups().rows();
    final byte[] codes = new byte[Math.multiplyExact(weight.groups().columns(), out)];
    transpose(weight, codes, 0, out);
    return codes;
  }

  /**
   * The product of a rounded input with the values that codes stand for, each column with its
   * scale; runtimes make one product of integers of it.
   *
   * @param codes [in, out]
   * @param scales one an output
   */
  private String restored(
      String x, String module, byte[] codes, float[] scales, Optional<byte[]> zeroPoints) {
    final int out = scales.length;
    final String name = module + ".weight";
    final String path = path(module);
    final String weight =
        graph.node(
            "DequantizeLinear",
            path + "/DequantizeLinear",
            List.of(
                graph.int8(name + "_quantized", codes, codes.length / out, out),
                graph.floats(name + "_scale", scales, out),
                graph.int8(name + "_zero_point", zeroPoints.orElse(new byte[out]), out)),
            GraphBuilder.integer("axis", 1));
    return graph.node("MatMul", path + "/MatMul", List.of(x, weight));
  }

  /** Codes [out, in] into columns of [in, width]. */
  private static void transpose(GroupedTensor weight, byte[] target, int column, int width) {
    final byte[] codes = weight.codes();
    final int in = weight.groups().columns();
    for (int i = 0; i < codes.length; i++) {
      target[i % in * width + column + i / in] = codes[i];
    }
  }

  /**
   * {@code (x_q - z_x) (W_q - z_w)} in int32, times both scales.
   *
   * @param codes [in, out]
   * @param scales one an output
   */
  private String integers(
      List<String> quantized,
      String module,
      byte[] codes,
      float[] scales,
      int in,
      Optional<byte[]> zeroPoints) {
    final int out = scales.length;
    final String name = module + ".weight";
    final List<String> inputs = new ArrayList<>();
    inputs.add(quantized.get(0));
    inputs.add(graph.int8(name + "_quantized", codes, in, out));
    inputs.add(quantized.get(2));
    zeroPoints.ifPresent(zeros -> inputs.add(graph.int8(name + "_zero_point", zeros, out)));
    final String path = path(module);
    final String sums = graph.node("MatMulInteger", path + "/MatMul_quant", inputs);
    final String real =
        graph.node(
            "Cast", path + "/Cast", List.of(sums), GraphBuilder.integer("to", OnnxTypes.FLOAT));
    final String scale = graph.floats(name + "_scale", scales, out);
    final String both = graph.node("Mul", path + "/Scales", List.of(quantized.get(1), scale));
    return graph.node("Mul", path + "/Mul", List.of(real, both));
  }

  private String blocks(String x, String module, GroupedTensor weight) {
    microsoft = true;
    final Blocks layout = Blocks.of(weight).orElseThrow();
    final int out = weight.groups().rows();
    final int in = weight.groups().columns();
    final String name = module + ".weight";
    final List<String> inputs = new ArrayList<>(List.of(x));
    inputs.add(
        graph.uint8(
            name + "_quantized", layout.codes(weight), out, layout.count(in), layout.bytes()));
    inputs.add(graph.floats(name + "_scale", layout.scales(weight), (long) out * layout.count(in)));
    if (weight.zero() == Zero.INTEGER) {
      final byte[] zeros = layout.zeroPoints(weight);
      inputs.add(graph.uint8(name + "_zero_point", zeros, zeros.length));
    }
    return graph
        .outputs(
            MICROSOFT,
            "MatMulNBits",
            path(module) + "/MatMul_quant",
            inputs,
            1,
            GraphBuilder.integer("K", in),
            GraphBuilder.integer("N", out),
            GraphBuilder.integer("bits", layout.bits()),
            GraphBuilder.integer("block_size", layout.block()))
        .get(0);
  }
}
