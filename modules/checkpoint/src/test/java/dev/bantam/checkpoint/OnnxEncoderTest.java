package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.function.Consumer;
import onnx.Onnx;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Against ONNX Runtime 1.32, which ran the two-layer encoder of the case. */
class OnnxEncoderTest {
  private static final Path CASE = Cases.folder("quantization/onnx-tiny-bert-s1");

  @TempDir Path temp;

  private static byte[] bytes() throws IOException {
    return Files.readAllBytes(CASE.resolve("fp32.onnx"));
  }

  private static OnnxEncoder read(byte[] bytes) {
    return OnnxEncoder.read("tiny.onnx", bytes, OnnxEncoder.Beside.NOTHING);
  }

  private static byte[] changed(Consumer<Onnx.GraphProto.Builder> change) throws IOException {
    final Onnx.ModelProto.Builder model = Onnx.ModelProto.parseFrom(bytes()).toBuilder();
    change.accept(model.getGraphBuilder());
    return model.build().toByteArray();
  }

  private static Onnx.TensorProto.Builder initializer(Onnx.GraphProto.Builder graph, String name) {
    return graph.getInitializerBuilderList().stream()
        .filter(t -> t.getName().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static void checkHidden(OnnxEncoder encoder) {
    try (SafetensorsFile tensors = SafetensorsFile.open(CASE.resolve("tensors.safetensors"))) {
      final INDArray expected = tensors.floats("expected.last_hidden_state.fp32");
      final var inputs = inputs(tensors);
      final ReferenceBert bert = new ReferenceBert(encoder.architecture(), encoder.parameters());
      for (int b = 0; b < inputs.ids().length; b++) {
        final double[][] hidden = inputs.hidden(bert, b);
        for (int t = 0; t < hidden.length; t++) {
          final double[] want = expected.slice(b).getRow(inputs.positions()[b][t]).toDoubleVector();
          assertArrayEquals(want, hidden[t], 2e-5, "row " + b + " token " + t);
        }
      }
    }
  }

  private static HuggingFaceFolderTest.Inputs inputs(SafetensorsFile file) {
    final long[] shape = file.entry("input.input_ids").shape();
    final int[][][] kept = new int[3][(int) shape[0]][];
    for (int b = 0; b < shape[0]; b++) {
      final int row = b;
      kept[2][b] =
          java.util.stream.IntStream.range(0, (int) shape[1])
              .filter(t -> at(file, "input.attention_mask", row, t) == 1)
              .toArray();
      kept[0][b] =
          java.util.stream.IntStream.of(kept[2][b])
              .map(t -> at(file, "input.input_ids", row, t))
              .toArray();
      kept[1][b] =
          java.util.stream.IntStream.of(kept[2][b])
              .map(t -> at(file, "input.token_type_ids", row, t))
              .toArray();
    }
    return new HuggingFaceFolderTest.Inputs(kept[0], kept[1], kept[2]);
  }

  private static int at(SafetensorsFile file, String name, int row, int column) {
    final SafetensorsEntry entry = file.entry(name);
    final long index = row * entry.shape()[1] + column;
    final int size = entry.type().bits() / 8;
    return file.map(name, index * size, size).get(0) & 0xff;
  }

  @Test
  void readsWeightsHeadsEpsilonAndActivation() throws IOException {
    final OnnxEncoder encoder = read(bytes());
    final Architecture a = encoder.architecture();
    final Map<String, Object> sizes =
        Map.of("layers", a.layers().size(), "activation", a.activation(), "pooler", a.pooler());
    assertEquals(
        Map.of("layers", 2, "activation", Architecture.Activation.GELU_ERF, "pooler", false),
        sizes);
    assertEquals(1e-12, a.layerNormEps());
    assertEquals(5 + 2 * 16, encoder.parameters().size());
    assertEquals(a.hiddenSize(), a.layers().get(0).heads() * a.headSize());
    checkHidden(encoder);
  }

  /** The same values as a repeated field instead of raw bytes. */
  @Test
  void readsFloatData() throws IOException {
    final byte[] repeated =
        changed(
            graph ->
                graph.getInitializerBuilderList().stream()
                    .filter(t -> t.getDataType() == Onnx.TensorProto.DataType.FLOAT_VALUE)
                    .forEach(
                        t -> {
                          final var raw =
                              t.getRawData()
                                  .asReadOnlyByteBuffer()
                                  .order(java.nio.ByteOrder.LITTLE_ENDIAN);
                          while (raw.hasRemaining()) {
                            t.addFloatData(raw.getFloat());
                          }
                          t.clearRawData();
                        }));
    checkHidden(read(repeated));
  }

  /** The PyTorch exporter builds the shape from pieces, and sizes may be -1. */
  @ParameterizedTest
  @CsvSource({"-1, heads", "size, -1"})
  void infersHeadsFromEitherEntry(String third, String fourth) throws IOException {
    final Architecture plain = read(bytes()).architecture();
    final byte[] other =
        changed(
            graph -> {
              final var split = initializer(graph, "const_split").clearRawData().clearInt64Data();
              split.addInt64Data(0).addInt64Data(0);
              split.addInt64Data(third.equals("-1") ? -1 : plain.layers().get(0).heads());
              split.addInt64Data(fourth.equals("-1") ? -1 : plain.headSize());
            });
    assertEquals(plain, read(other).architecture());
  }

  @Test
  void asksForTheConfigurationIfTheGraphHidesTheHeads() throws IOException {
    final Architecture plain = read(bytes()).architecture();
    final byte[] hidden =
        changed(
            graph ->
                initializer(graph, "const_split")
                    .clearRawData()
                    .clearInt64Data()
                    .addInt64Data(0)
                    .addInt64Data(0)
                    .addInt64Data(0)
                    .addInt64Data(-1));
    Cases.refused(() -> read(hidden), "attention heads", "config.json");
    final OnnxEncoder.Beside heads =
        new OnnxEncoder.Beside(
            Optional.empty(),
            OptionalInt.of(plain.layers().get(0).heads()),
            OptionalDouble.empty(),
            0,
            Optional.empty());
    assertEquals(plain, OnnxEncoder.read("tiny.onnx", hidden, heads).architecture());
  }

  @ParameterizedTest
  @CsvSource({
    "dynamic-int8, MatMulInteger",
    "qdq-int8, DequantizeLinear",
    "matmulnbits-int4, MatMulNBits"
  })
  void refusesQuantizedFiles(String name, String operator) throws IOException {
    final byte[] bytes = Files.readAllBytes(CASE.resolve(name + ".onnx"));
    Cases.refused(() -> read(bytes), "quantized", operator, "float32");
  }

  @ParameterizedTest
  @ValueSource(strings = {"fused", "surplus", "missing", "short", "half", "int8"})
  void refusesWithAReason(String kind) throws IOException {
    final String bias = "encoder.layer.1.output.dense.bias";
    final byte[] bytes =
        changed(
            graph -> {
              switch (kind) {
                case "fused" -> graph.addNodeBuilder().setOpType("SkipLayerNormalization");
                case "surplus" ->
                    graph.addInitializer(
                        initializer(graph, bias).build().toBuilder().setName("classifier.bias"));
                case "missing" -> initializer(graph, bias).setName("encoder.layer.1.other");
                case "short" -> initializer(graph, bias).setDims(0, 4000);
                case "half" ->
                    initializer(graph, bias).setDataType(Onnx.TensorProto.DataType.FLOAT16_VALUE);
                case "int8" ->
                    initializer(graph, bias).setDataType(Onnx.TensorProto.DataType.INT8_VALUE);
                default -> throw new IllegalArgumentException(kind);
              }
            });
    switch (kind) {
      case "fused" -> Cases.refused(() -> read(bytes), "optimiser", "SkipLayerNormalization");
      case "surplus" -> Cases.refused(() -> read(bytes), "surplus: 'classifier.bias' [48]");
      case "missing" ->
          Cases.refused(() -> read(bytes), "missing: '" + bias, "does not hold it as a vector");
      case "short" -> Cases.refused(() -> read(bytes), bias, "as many values");
      case "half" -> Cases.refused(() -> read(bytes), bias, "96 are there");
      default -> Cases.refused(() -> read(bytes), bias, "INT8", "FLOAT16");
    }
  }

  /** Nodes may be called anything: the graph tells what they are. */
  @Test
  void doesNotNeedTheNamesOfNodesOrVectors() throws IOException {
    final byte[] bytes =
        changed(
            graph -> {
              final Map<String, String> names = new java.util.HashMap<>();
              for (final var t : graph.getInitializerBuilderList()) {
                if (t.getName().startsWith("encoder.")) {
                  names.put(t.getName(), "v" + names.size());
                  t.setName(names.get(t.getName()));
                }
              }
              for (final var node : graph.getNodeBuilderList()) {
                node.setName("");
                for (int i = 0; i < node.getInputCount(); i++) {
                  node.setInput(i, names.getOrDefault(node.getInput(i), node.getInput(i)));
                }
              }
              assertEquals(2 * 10, names.size());
            });
    checkHidden(read(bytes));
  }

  @Test
  void refusesWhatIsNoOnnx() throws IOException {
    Cases.refused(() -> read(new byte[] {1, 2, 3}), "tiny.onnx", "not an ONNX file");
    Cases.refused(() -> read(new byte[0]), "no graph");
    final byte[] cut = java.util.Arrays.copyOf(bytes(), 9000);
    Cases.refused(() -> read(cut), "not an ONNX file");
  }

  @Test
  void opensAFileWithItsTokenizerBeside() throws IOException {
    final Path file = Files.copy(CASE.resolve("fp32.onnx"), temp.resolve("tiny.onnx"));
    Cases.refused(
        () -> Models.open(file.toString(), Models.Options.DEFAULT), "tokenizer.json", "beside");
    final Path folder = Cases.folder("encoders/sentence-encoder-cls/model");
    Files.copy(folder.resolve("tokenizer.json"), temp.resolve("tokenizer.json"));
    final Checkpoint plain = Models.open(file.toString(), Models.Options.DEFAULT);
    assertEquals("tiny", plain.name());
    assertEquals(Pooling.MEAN, plain.pooling());
    assertEquals(plain.architecture().positions(), plain.maxLength());
    assertEquals("tiny.onnx", plain.provenance().source());
    for (final String name : new String[] {"modules.json", "tokenizer_config.json"}) {
      Files.copy(folder.resolve(name), temp.resolve(name));
    }
    Cases.copy(folder.resolve("1_Pooling"), temp.resolve("1_Pooling"));
    final Checkpoint sentence = Models.open(file.toString(), Models.Options.DEFAULT);
    assertEquals(Pooling.CLS, sentence.pooling());
    assertEquals(12, sentence.maxLength());
  }

  @Test
  void theUsualNamesAreTheStandardSignature() throws IOException {
    assertEquals(Signature.STANDARD, read(bytes()).signature());
  }

  /** Other names in another order: what counts is what they feed. */
  @Test
  void readsTheSignatureFromItsUse() throws IOException {
    final Map<String, String> names =
        Map.of(
            "input_ids", "attention_mask",
            "attention_mask", "token_type_ids",
            "token_type_ids", "segments",
            "last_hidden_state", "states");
    final byte[] renamed =
        changed(
            graph -> {
              final var inputs = new java.util.ArrayList<>(graph.getInputList());
              java.util.Collections.rotate(inputs, 1);
              graph.clearInput();
              inputs.forEach(
                  i -> graph.addInput(i.toBuilder().setName(names.get(i.getName())).build()));
              graph.getOutputBuilder(0).setName("states");
              for (final var node : graph.getNodeBuilderList()) {
                for (int i = 0; i < node.getInputCount(); i++) {
                  final String old = node.getInput(i);
                  node.setInput(i, names.getOrDefault(old, old));
                }
                for (int i = 0; i < node.getOutputCount(); i++) {
                  final String old = node.getOutput(i);
                  node.setOutput(i, names.getOrDefault(old, old));
                }
              }
              // files of IR version 3 list their weights among the inputs
              graph.addInput(
                  Onnx.ValueInfoProto.newBuilder().setName("embeddings.LayerNorm.weight").build());
            });
    assertEquals(
        new Signature("attention_mask", "token_type_ids", Optional.of("segments"), "states"),
        read(renamed).signature());
  }

  /** Types made of the ids' shape, as an exporter does that was given none. */
  @Test
  void aFileWithoutTokenTypesSaysSo() throws IOException {
    final byte[] without =
        changed(
            graph -> {
              graph.removeInput(2);
              final int gather =
                  java.util.stream.IntStream.range(0, graph.getNodeCount())
                      .filter(i -> graph.getNode(i).getInputList().contains("token_type_ids"))
                      .findFirst()
                      .orElseThrow();
              graph.getNodeBuilder(gather).setInput(1, "zeros");
              graph.addNode(
                  gather,
                  Onnx.NodeProto.newBuilder()
                      .setOpType("ConstantOfShape")
                      .addInput("/embeddings/Shape_output_0")
                      .addOutput("zeros"));
            });
    assertEquals(
        new Signature("input_ids", "attention_mask", Optional.empty(), "last_hidden_state"),
        read(without).signature());
  }

  /** What the file says about itself counts until the files of sentence-transformers say more. */
  @Test
  void readsPoolingAndLengthFromTheMetadata() throws IOException {
    final Path file = temp.resolve("tiny.onnx");
    Files.write(file, described("cls", "true", "7"));
    final Path folder = Cases.folder("encoders/sentence-encoder-mean/model");
    Files.copy(folder.resolve("tokenizer.json"), temp.resolve("tokenizer.json"));
    final Checkpoint plain = Models.open(file.toString(), Models.Options.DEFAULT);
    assertEquals(Pooling.CLS, plain.pooling());
    assertEquals(true, plain.normalize());
    assertEquals(7, plain.maxLength());
    Files.copy(folder.resolve("modules.json"), temp.resolve("modules.json"));
    Cases.copy(folder.resolve("1_Pooling"), temp.resolve("1_Pooling"));
    final Checkpoint sentence = Models.open(file.toString(), Models.Options.DEFAULT);
    assertEquals(Pooling.MEAN, sentence.pooling());
    assertEquals(7, sentence.maxLength());
    Files.write(file, described("max", "yes", "0"));
    Cases.refused(
        () -> Models.open(file.toString(), Models.Options.DEFAULT),
        "bantam.pooling' is 'max'",
        "bantam.normalize' is 'yes'",
        "bantam.max_length' is '0'");
  }

  /** Labels that mean nothing are refused, whether or not the file has a head. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ["no", 1]     | single_label | bantam.labels' is '["no", 1]'
          {"no": "yes"} | single_label | bantam.labels
          []            | multi_label  | bantam.labels' is '[]'
          [             | multi_label  | bantam.labels' is '['
          ["no", "yes"] | regression   | bantam.labels
          ["no", "yes"] | tags         | bantam.head' is 'tags'; one of single_label, multi_label
          """)
  void refusesLabelsThatMeanNothing(String labels, String head, String message) throws IOException {
    final Onnx.ModelProto.Builder model = Onnx.ModelProto.parseFrom(bytes()).toBuilder();
    model.addMetadataPropsBuilder().setKey("bantam.labels").setValue(labels);
    model.addMetadataPropsBuilder().setKey("bantam.head").setValue(head);
    final Path file = Files.write(temp.resolve("tiny.onnx"), model.build().toByteArray());
    Files.copy(
        Cases.folder("encoders/sentence-encoder-mean/model").resolve("tokenizer.json"),
        temp.resolve("tokenizer.json"));
    Cases.refused(() -> Models.open(file.toString(), Models.Options.DEFAULT), message);
  }

  private static byte[] described(String pooling, String normalize, String length)
      throws IOException {
    final Onnx.ModelProto.Builder model = Onnx.ModelProto.parseFrom(bytes()).toBuilder();
    Map.of("bantam.pooling", pooling, "bantam.normalize", normalize, "bantam.max_length", length)
        .forEach((key, value) -> model.addMetadataPropsBuilder().setKey(key).setValue(value));
    return model.build().toByteArray();
  }
}
