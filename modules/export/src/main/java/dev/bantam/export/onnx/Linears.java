package dev.bantam.export.onnx;

import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.GroupedTensor.Zero;
import java.util.ArrayList;
import java.util.List;

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
  private boolean microsoft;

  Linears(GraphBuilder graph, StoredWeights weights, OnnxFormat format) {
    this.graph = graph;
    this.weights = weights;
    this.format = format;
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

  /** One layer. */
  String apply(String x, String module) {
    return apply(x, List.of(module)).get(0);
  }

  /** Layers that read the same input; it is quantized once. */
  List<String> apply(String x, List<String> modules) {
    final List<String> results = new ArrayList<>();
    List<String> quantized = List.of();
    for (String module : modules) {
      final CompressedTensor weight = weights.get(module + ".weight");
      final String product;
      if (!(weight instanceof GroupedTensor grouped) || format == OnnxFormat.FLOAT) {
        product = floats(x, module);
      } else if (format == OnnxFormat.INT4) {
        product = blocks(x, module, grouped);
      } else {
        if (quantized.isEmpty()) {
          quantized =
              graph.outputs("", "DynamicQuantizeLinear", path(module) + "/Quantize", List.of(x), 3);
        }
        product = integers(quantized, module, grouped);
      }
      results.add(graph.node("Add", path(module) + "/Add", List.of(bias(module), product)));
    }
    return results;
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

  /** {@code (x_q - z_x) (W_q - z_w)} in int32, times both scales. */
  private String integers(List<String> quantized, String module, GroupedTensor weight) {
    final int out = weight.groups().rows();
    final int in = weight.groups().columns();
    final byte[] codes = weight.codes();
    final byte[] transposed = new byte[codes.length];
    for (int r = 0; r < out; r++) {
      for (int c = 0; c < in; c++) {
        transposed[c * out + r] = codes[r * in + c];
      }
    }
    final String name = module + ".weight";
    final String stored = graph.int8(name + "_quantized", transposed, in, out);
    final String scale = graph.floats(name + "_scale", weight.scales(), out);
    final List<String> inputs = new ArrayList<>(List.of(quantized.get(0), stored));
    inputs.add(quantized.get(2));
    if (weight.zero() == Zero.INTEGER) {
      inputs.add(graph.int8(name + "_zero_point", weight.zeroPoints(), out));
    }
    final String path = path(module);
    final String sums = graph.node("MatMulInteger", path + "/MatMul_quant", inputs);
    final String real =
        graph.node(
            "Cast", path + "/Cast", List.of(sums), GraphBuilder.integer("to", OnnxTypes.FLOAT));
    final String scales = graph.node("Mul", path + "/Scales", List.of(quantized.get(1), scale));
    return graph.node("Mul", path + "/Mul", List.of(real, scales));
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
