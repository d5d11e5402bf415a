package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import onnx.Onnx;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The weights and the architecture of a BERT sentence encoder stored as float32 ONNX, as PyTorch's
 * exporter writes it.
 *
 * <p>Biases, embeddings and LayerNorms carry their Hugging Face names. A matrix is anonymous and
 * stored transposed; it takes its name from the MatMul node that reads it: {@code
 * /encoder/layer.0/attention/self/query/MatMul} is {@code
 * encoder.layer.0.attention.self.query.weight}. Head count, LayerNorm epsilon and activation are
 * read from the graph.
 *
 * @param architecture shape and conventions
 * @param parameters weights by base-model name, [out, in], in the order of {@link BertParameters}
 * @param signature what the file calls its inputs and its hidden states
 * @param settings what the file says about pooling and length
 */
record OnnxEncoder(
    Architecture architecture,
    Map<String, INDArray> parameters,
    Signature signature,
    OnnxSettings settings) {

  private static final Set<String> QUANTIZED =
      Set.of(
          "DynamicQuantizeLinear",
          "QuantizeLinear",
          "DequantizeLinear",
          "MatMulInteger",
          "QLinearMatMul",
          "QGemm",
          "QAttention",
          "MatMulNBits",
          "GatherBlockQuantized",
          "MatMulIntegerToFloat",
          "DynamicQuantizeMatMul");

  private static final Set<String> FUSED =
      Set.of(
          "Attention",
          "MultiHeadAttention",
          "EmbedLayerNormalization",
          "SkipLayerNormalization",
          "BiasGelu",
          "FusedMatMul");

  /** Prefixes of real weights; an initializer without one and of one element is a constant. */
  private static final List<String> PREFIXES =
      List.of("embeddings.", "encoder.", "pooler.", "classifier.");

  /**
   * Reads a file.
   *
   * @param source what to call the file in messages
   * @param bytes its bytes; callers do not modify them afterwards
   * @param configuredHeads heads of a layer from a configuration beside the file, used only if the
   *     graph does not tell
   * @param padTokenId id of the padding token
   * @throws BantamException (bad input) naming everything that is missing, surplus or unsupported
   */
  static OnnxEncoder read(
      String source, byte[] bytes, OptionalInt configuredHeads, int padTokenId) {
    final OnnxGraph graph = OnnxGraph.parse(source, bytes);
    refuseUnsupported(graph);
    final Problems problems = new Problems("The encoder in " + source + " cannot be read");
    final Map<String, Weight> weights = weights(graph, problems);
    problems.throwIfAny();
    final Architecture architecture =
        new OnnxArchitecture(graph, shapes(weights), problems).read(configuredHeads, padTokenId);
    check(weights, BertParameters.shapes(architecture, java.util.Optional.empty()), problems);
    final Signature signature = signature(graph, weights, architecture, problems);
    final OnnxSettings settings = OnnxSettings.read(graph.metadata(), problems);
    problems.throwIfAny();
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    BertParameters.shapes(architecture, java.util.Optional.empty())
        .keySet()
        .forEach(name -> parameters.put(name, weights.get(name).load()));
    HuggingFaceFolder.checkFinite(source, parameters);
    return new OnnxEncoder(architecture, parameters, signature, settings);
  }

  private static Signature signature(
      OnnxGraph graph, Map<String, Weight> weights, Architecture architecture, Problems problems) {
    final Map<String, String> names = new LinkedHashMap<>();
    weights.forEach((name, weight) -> names.put(weight.tensor.getName(), name));
    final int last = architecture.layers().size() - 1;
    return new OnnxSignature(graph, names, problems)
        .read("encoder.layer." + last + ".output.LayerNorm.bias");
  }

  private static void refuseUnsupported(OnnxGraph graph) {
    final TreeSet<String> quantized = new TreeSet<>();
    final TreeSet<String> fused = new TreeSet<>();
    for (final Onnx.NodeProto node : graph.nodes()) {
      if (QUANTIZED.contains(node.getOpType())) {
        quantized.add(node.getOpType());
      }
      if (FUSED.contains(node.getOpType())) {
        fused.add(node.getOpType());
      }
    }
    if (!quantized.isEmpty()) {
      throw BantamException.badInput(
          graph.source()
              + " is quantized ("
              + String.join(", ", quantized)
              + "). Compression starts from float32 weights: take the file that it was made from.");
    }
    if (!fused.isEmpty()) {
      throw BantamException.badInput(
          graph.source()
              + " was rewritten by an optimiser ("
              + String.join(", ", fused)
              + "), which renames the weights. Take the file as it was exported.");
    }
  }

  /** A stored tensor, and whether it is the transpose of the parameter. */
  private record Weight(Onnx.TensorProto tensor, boolean transposed) {
    long[] shape() {
      final long[] stored = OnnxGraph.shape(tensor);
      return transposed && stored.length == 2 ? new long[] {stored[1], stored[0]} : stored;
    }

    INDArray load() {
      if (!transposed) {
        return FloatTensors.create(
            shape(), (from, tile, count) -> OnnxGraph.floats(tensor, from, tile, count));
      }
      final int in = Math.toIntExact(shape()[1]);
      final int out = Math.toIntExact(shape()[0]);
      final float[] stored = new float[Math.multiplyExact(in, out)];
      OnnxGraph.floats(tensor, 0, stored, stored.length);
      return FloatTensors.create(
          shape(),
          (from, tile, count) -> {
            for (int i = 0; i < count; i++) {
              final int at = (int) from + i;
              tile[i] = stored[at % in * out + at / in];
            }
          });
    }
  }

  private static Map<String, Weight> weights(OnnxGraph graph, Problems problems) {
    final Map<String, Weight> weights = new LinkedHashMap<>();
    final Set<String> named = new TreeSet<>();
    for (final Onnx.NodeProto node : graph.nodes()) {
      final boolean matMul = node.getOpType().equals("MatMul") && node.getInputCount() == 2;
      final Onnx.TensorProto tensor = matMul ? graph.initializers().get(node.getInput(1)) : null;
      if (tensor != null) {
        named.add(tensor.getName());
        put(weights, ruleName(node.getName()), new Weight(tensor, true), problems);
      }
      if (node.getOpType().equals("Gemm")
          && OnnxGraph.attribute(node, "transB").map(a -> a.getI() != 1).orElse(true)) {
        problems.add("the Gemm '" + node.getName() + "' is not stored as [out, in] (transB 1)");
      }
    }
    graph
        .initializers()
        .forEach(
            (name, tensor) -> {
              final String base = BertParameters.baseName(name);
              final boolean constant =
                  PREFIXES.stream().noneMatch(base::startsWith) && OnnxGraph.elements(tensor) <= 64;
              if (!named.contains(name) && !constant && !base.equals("embeddings.position_ids")) {
                put(weights, base, new Weight(tensor, false), problems);
              }
            });
    return weights;
  }

  private static void put(
      Map<String, Weight> weights, String name, Weight weight, Problems problems) {
    if (weights.put(name, weight) != null) {
      problems.add("'" + name + "' occurs twice");
    }
    final Onnx.TensorProto tensor = weight.tensor;
    if (tensor.getDataType() != Onnx.TensorProto.DataType.FLOAT_VALUE) {
      problems.add(
          "'"
              + name
              + "' is "
              + Onnx.TensorProto.DataType.forNumber(tensor.getDataType())
              + "; only FLOAT is read");
    } else if (!OnnxGraph.complete(tensor)) {
      problems.add("'" + name + "' does not hold as many values as its shape says");
    }
  }

  /**
   * {@code /encoder/layer.0/output/dense/MatMul} as {@code encoder.layer.0.output.dense.weight}.
   */
  private static String ruleName(String node) {
    final String suffix = "/MatMul";
    if (!node.startsWith("/") || !node.endsWith(suffix)) {
      return node; // named by no rule: reported as surplus
    }
    return BertParameters.baseName(
        node.substring(1, node.length() - suffix.length()).replace('/', '.') + ".weight");
  }

  private static Map<String, long[]> shapes(Map<String, Weight> weights) {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    weights.forEach((name, weight) -> shapes.put(name, weight.shape()));
    return shapes;
  }

  private static void check(
      Map<String, Weight> weights, Map<String, long[]> expected, Problems problems) {
    expected.forEach(
        (name, shape) -> {
          final Weight weight = weights.get(name);
          if (weight == null) {
            problems.add("missing: '" + name + "' " + Arrays.toString(shape));
          } else if (!Arrays.equals(weight.shape(), shape)) {
            problems.add(
                "wrong shape: '"
                    + name
                    + "' is "
                    + Arrays.toString(weight.shape())
                    + ", the rest of the file makes it "
                    + Arrays.toString(shape));
          }
        });
    final List<String> surplus = new ArrayList<>(weights.keySet());
    surplus.removeAll(expected.keySet());
    for (final String name : surplus) {
      problems.add(
          "surplus: '"
              + name
              + "' "
              + Arrays.toString(weights.get(name).shape())
              + (name.startsWith("classifier.")
                  ? " (heads are read from Hugging Face folders, not from ONNX)"
                  : ""));
    }
  }
}
