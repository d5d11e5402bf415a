package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import onnx.Onnx;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The weights and the architecture of a BERT stored as float ONNX, as PyTorch's exporters, Hugging
 * Face Optimum, sentence-transformers and Bantam write it. {@link OnnxBert} tells how the weights
 * are recognised; head count, LayerNorm epsilon and activation are read from the graph.
 *
 * @param architecture shape and conventions
 * @param head the classifier, named by the file itself or by what lies beside it
 * @param parameters weights by base-model name, [out, in], in the order of {@link
 *     EncoderParameters}
 * @param signature what the file calls its inputs and its hidden states
 * @param settings what the file says about its use
 * @param leftOut tensors of heads that are not read
 * @param externalFiles files beside it that hold weights, by the name that it gives them
 */
record OnnxEncoder(
    Architecture architecture,
    Optional<Head> head,
    Map<String, INDArray> parameters,
    Signature signature,
    OnnxSettings settings,
    Set<String> leftOut,
    SortedMap<String, Path> externalFiles) {

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
          "MultiHeadAttention",
          "EmbedLayerNormalization",
          "SkipLayerNormalization",
          "BiasGelu",
          "FusedMatMul");

  /**
   * What files beside an ONNX file say about it.
   *
   * @param folder its folder, where further weights may lie
   * @param heads attention heads of a layer, used only if the graph does not tell
   * @param epsilon what LayerNorms add to the variance, used only if the graph does not tell
   * @param padTokenId id of the padding token
   * @param head the meaning of a {@code classifier}, used only if the file does not tell
   */
  record Beside(
      Optional<Path> folder,
      OptionalInt heads,
      OptionalDouble epsilon,
      int padTokenId,
      Optional<Head> head) {
    static final Beside NOTHING =
        new Beside(
            Optional.empty(), OptionalInt.empty(), OptionalDouble.empty(), 0, Optional.empty());
  }

  /**
   * Reads a file.
   *
   * @param source what to call the file in messages
   * @param bytes its bytes; callers do not modify them afterwards
   * @throws BantamException (bad input) naming everything that is missing, surplus or unsupported
   */
  static OnnxEncoder read(String source, byte[] bytes, Beside beside) {
    final OnnxGraph graph = OnnxGraph.parse(source, bytes, beside.folder);
    refuseUnsupported(graph);
    final Problems problems = new Problems("The encoder in " + source + " cannot be read");
    final OnnxBert bert = new OnnxBert(graph, problems);
    bert.read();
    problems.throwIfAny();
    final Map<String, OnnxWeight> weights = bert.weights();
    final Architecture architecture =
        new OnnxArchitecture(bert, problems).read(beside.heads, beside.epsilon, beside.padTokenId);
    final OnnxSettings settings = OnnxSettings.read(graph.metadata(), problems);
    final Optional<Head> named = settings.head().or(beside::head);
    if (bert.readsTokens() && !named.filter(OnnxEncoder::readsTokens).isPresent()) {
      bert.leaveOutClassifier();
    }
    final boolean classifier = weights.containsKey("classifier.weight");
    if (classifier && !named.filter(h -> readsTokens(h) == bert.readsTokens()).isPresent()) {
      problems.add(
          "its head 'classifier.weight' "
              + Arrays.toString(weights.get("classifier.weight").shape())
              + " has no names for its outputs; put the model's config.json (with id2label and"
              + " architectures) beside the file");
    }
    final Optional<Head> head = classifier ? named : Optional.empty();
    final Map<String, long[]> shapes = EncoderParameters.shapes(architecture, head);
    check(weights, shapes, problems);
    final Signature signature = new OnnxSignature(graph, bert, problems).read();
    problems.throwIfAny();
    final Map<String, INDArray> parameters = new LinkedHashMap<>();
    shapes.keySet().forEach(name -> parameters.put(name, weights.get(name).load()));
    HuggingFaceFolder.checkFinite(source, parameters);
    return new OnnxEncoder(
        architecture, head, parameters, signature, settings, bert.leftOut(), graph.externalFiles());
  }

  private static boolean readsTokens(Head head) {
    return head.kind() == Head.Kind.TOKEN_LABEL;
  }

  private static void refuseUnsupported(OnnxGraph graph) {
    final TreeSet<String> quantized = new TreeSet<>();
    final TreeSet<String> fused = new TreeSet<>();
    for (final Onnx.NodeProto node : graph.nodes()) {
      final boolean standard = node.getDomain().isEmpty() || node.getDomain().equals("ai.onnx");
      if (QUANTIZED.contains(node.getOpType())) {
        quantized.add(node.getOpType());
      }
      if (FUSED.contains(node.getOpType()) || (node.getOpType().equals("Attention") && !standard)) {
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
              + "), which packs the weights anew. Take the file as it was exported.");
    }
  }

  private static void check(
      Map<String, OnnxWeight> weights, Map<String, long[]> expected, Problems problems) {
    expected.forEach(
        (name, shape) -> {
          final OnnxWeight weight = weights.get(name);
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
  }
}
