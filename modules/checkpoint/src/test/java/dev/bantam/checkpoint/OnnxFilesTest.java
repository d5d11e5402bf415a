package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import onnx.Onnx;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.protobuf.ByteString;

/** What else an ONNX file may hold: weights in other files and other types, heads, and traps. */
class OnnxFilesTest {
  private static final String WORDS = "model.embeddings.word_embeddings.weight";
  private static final String BIAS = "model.encoder.layer.1.output.dense.bias";

  @TempDir Path temp;

  private Path folder;
  private Path file;

  @BeforeEach
  void copy() throws IOException {
    folder = Files.createDirectories(temp.resolve("model"));
    final Path cases = Cases.folder("encoders/onnx-exports");
    file = folder.resolve("tiny.onnx");
    Files.copy(cases.resolve("torchscript-11").resolve("model.onnx"), file);
    Files.copy(cases.resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
  }

  private Checkpoint open() {
    return Models.open(file.toString(), Models.Options.DEFAULT);
  }

  private void change(Consumer<Onnx.ModelProto.Builder> change) throws IOException {
    final Onnx.ModelProto.Builder model =
        Onnx.ModelProto.parseFrom(Files.readAllBytes(file)).toBuilder();
    change.accept(model);
    Files.write(file, model.build().toByteArray());
  }

  private static Onnx.TensorProto.Builder initializer(Onnx.ModelProto.Builder model, String name) {
    return model.getGraphBuilder().getInitializerBuilderList().stream()
        .filter(t -> t.getName().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static void external(Onnx.TensorProto.Builder tensor, String... keysAndValues) {
    tensor.clearRawData().clearExternalData();
    tensor.setDataLocation(Onnx.TensorProto.DataLocation.EXTERNAL);
    for (int i = 0; i < keysAndValues.length; i += 2) {
      tensor.addExternalDataBuilder().setKey(keysAndValues[i]).setValue(keysAndValues[i + 1]);
    }
  }

  private static void assertSame(Map<String, INDArray> expected, Map<String, INDArray> found) {
    assertEquals(List.copyOf(expected.keySet()), List.copyOf(found.keySet()));
    expected.forEach((name, array) -> assertEquals(array, found.get(name), name));
  }

  @Test
  void readsWeightsBesideTheFile() throws IOException {
    final Checkpoint plain = open();
    final ByteArrayOutputStream data = new ByteArrayOutputStream();
    change(
        model -> {
          for (final var tensor : model.getGraphBuilder().getInitializerBuilderList()) {
            final byte[] raw = tensor.getRawData().toByteArray();
            external(
                tensor,
                "location",
                "weights/all.bin",
                "offset",
                Integer.toString(data.size()),
                "length",
                Integer.toString(raw.length));
            data.writeBytes(raw);
          }
        });
    Cases.refused(this::open, "'weights/all.bin', which is missing", "word_embeddings.weight'");
    Files.createDirectory(folder.resolve("weights"));
    Files.write(folder.resolve("weights/all.bin"), data.toByteArray());
    final Checkpoint moved = open();
    assertSame(plain.parameters(), moved.parameters());
    // the hash covers what the weights were read from
    data.writeBytes(new byte[1]);
    Files.write(folder.resolve("weights/all.bin"), data.toByteArray());
    assertNotEquals(moved.provenance().sha256(), open().provenance().sha256());
  }

  @ParameterizedTest
  @CsvSource({
    "../w.bin, 0, 48, no relative path",
    "a/../../w.bin, 0, 48, no relative path",
    "/w.bin, 0, 48, no relative path",
    "'', 0, 48, no relative path",
    "'a\\w.bin', 0, 48, no relative path",
    "., 0, 48, no relative path",
    "w\0.bin, 0, 48, no relative path",
    "gone.bin, 0, 48, missing",
    "w.bin, 1, 48, which has 48 bytes",
    "w.bin, -1, 48, which has 48 bytes",
    "w.bin, 0, 49, which has 48 bytes",
    "w.bin, 0, 99999999999999999999, which has 48 bytes",
    "w.bin, 9223372036854775807, 48, which has 48 bytes",
    "w.bin, 999999999999999999, 999999999999999999, which has 48 bytes",
    "w.bin, x, 48, which has 48 bytes",
    "w.bin, 0, 44, needs 48",
  })
  void refusesWeightsThatAreNotWhereTheFileSays(
      String location, String offset, String length, String reason) throws IOException {
    Files.write(folder.resolve("w.bin"), new byte[48]);
    Files.write(temp.resolve("w.bin"), new byte[48]);
    change(
        model ->
            external(
                initializer(model, BIAS),
                "location",
                location,
                "offset",
                offset,
                "length",
                length));
    Cases.refused(this::open, "tiny.onnx", "'encoder.layer.1.output.dense.bias'", reason);
  }

  /** Rounded weights, so that what is expected needs no arithmetic. */
  @ParameterizedTest
  @ValueSource(strings = {"half", "half in int32_data", "bfloat", "double", "float in float_data"})
  void widensOtherTypes(String kind) throws IOException {
    final float[] values = {0, 0.5f, -1.25f, 3, -0.0078125f, 96, 1, 2, -2, 4, 0.25f, 8};
    final short[] half = {
      0,
      0x3800,
      (short) 0xbd00,
      0x4200,
      (short) 0xa000,
      0x5600,
      0x3c00,
      0x4000,
      (short) 0xc000,
      0x4400,
      0x3400,
      0x4800
    };
    change(
        model -> {
          final var tensor = initializer(model, BIAS).clearRawData();
          final ByteBuffer raw = ByteBuffer.allocate(96).order(ByteOrder.LITTLE_ENDIAN);
          for (int i = 0; i < values.length; i++) {
            switch (kind) {
              case "half" -> raw.putShort(half[i]);
              case "half in int32_data" -> tensor.addInt32Data(half[i] & 0xffff);
              case "bfloat" -> raw.putShort((short) (Float.floatToIntBits(values[i]) >>> 16));
              case "double" -> raw.putDouble(values[i]);
              default -> tensor.addFloatData(values[i]);
            }
          }
          tensor.setRawData(ByteString.copyFrom(raw.flip()));
          tensor.setDataType(
              switch (kind) {
                case "half", "half in int32_data" -> Onnx.TensorProto.DataType.FLOAT16_VALUE;
                case "bfloat" -> Onnx.TensorProto.DataType.BFLOAT16_VALUE;
                case "double" -> Onnx.TensorProto.DataType.DOUBLE_VALUE;
                default -> Onnx.TensorProto.DataType.FLOAT_VALUE;
              });
        });
    final INDArray bias = open().parameters().get("encoder.layer.1.output.dense.bias");
    assertArrayEquals(values, bias.toFloatVector());
  }

  /** Every weight as a Constant node instead of an initializer. */
  @Test
  void readsWeightsFromConstants() throws IOException {
    final Checkpoint plain = open();
    change(
        model -> {
          final var graph = model.getGraphBuilder();
          for (final var tensor : List.copyOf(graph.getInitializerList())) {
            final var constant =
                graph.addNodeBuilder(0).setOpType("Constant").addOutput(tensor.getName());
            constant
                .addAttributeBuilder()
                .setName("value")
                .setType(Onnx.AttributeProto.AttributeType.TENSOR)
                .setT(tensor.toBuilder().setName(""));
          }
          graph.clearInitializer();
        });
    assertSame(plain.parameters(), open().parameters());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"huge", "overflow", "negative", "empty", "cycle", "selfish", "type", "nameless"})
  void refusesTraps(String kind) throws IOException {
    change(
        model -> {
          final var tensor = initializer(model, WORDS);
          final var graph = model.getGraphBuilder();
          switch (kind) {
            case "huge" -> tensor.setDims(0, 1L << 40);
            case "overflow" -> tensor.setDims(0, Long.MAX_VALUE).setDims(1, Long.MAX_VALUE);
            case "negative" -> tensor.setDims(0, -1);
            case "empty" -> tensor.clearRawData();
            case "type" -> tensor.setDataType(77);
            case "nameless" -> graph.clearOutput().clearInput();
            case "cycle" -> {
              tensor.setName("elsewhere");
              graph.addNodeBuilder().setOpType("Identity").addInput("x").addOutput(WORDS);
              graph.addNodeBuilder().setOpType("Transpose").addInput(WORDS).addOutput("x");
            }
            default -> {
              tensor.setName("elsewhere");
              graph.addNodeBuilder().setOpType("Identity").addInput(WORDS).addOutput(WORDS);
            }
          }
        });
    final String message = Cases.refused(this::open, "tiny.onnx");
    assertTrue(message.contains("word") || message.contains("elsewhere"), message);
  }

  @Test
  void refusesRoberta() throws IOException {
    // positions made of the ids, as RoBERTa counts them
    change(
        model -> {
          for (final var node : model.getGraphBuilder().getNodeBuilderList()) {
            if (node.getName().endsWith("position_embeddings/Gather")) {
              node.setInput(1, "input_ids");
            }
          }
        });
    Cases.refused(this::open, "RoBERTa");
    copyAgain();
    Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"roberta\"}");
    Cases.refused(this::open, "config.json", "'model_type' is \"roberta\"");
  }

  private void copyAgain() throws IOException {
    Files.delete(file);
    Files.delete(folder.resolve("tokenizer.json"));
    copy();
  }

  @ParameterizedTest
  @ValueSource(strings = {"Sigmoid", "Clip"})
  void refusesOtherActivations(String operator) throws IOException {
    change(
        model ->
            model.getGraphBuilder().getNodeBuilderList().stream()
                .filter(n -> n.getOpType().equals("Erf"))
                .forEach(n -> n.setOpType(operator)));
    Cases.refused(this::open, "layer 0", "layer 1", operator, "gelu");
  }

  /**
   * The form of this product's own writer: LayerNormalization and Erf, matrices named by their
   * nodes, and a head on the first token without a pooler.
   */
  @Test
  void readsAHeadWithoutAPooler() throws IOException {
    Files.delete(file);
    Files.copy(Cases.folder("quantization/onnx-tiny-bert-s1").resolve("fp32.onnx"), file);
    final Checkpoint plain = open();
    final int hidden = plain.architecture().hiddenSize();
    final ByteBuffer raw = ByteBuffer.allocate(2 * hidden * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < hidden; i++) { // [in, out]
      raw.putFloat(i).putFloat(-i);
    }
    change(
        model -> {
          final var graph = model.getGraphBuilder();
          graph.getOutputBuilder(0).setName("logits");
          graph.addInitializer(
              Onnx.TensorProto.newBuilder()
                  .setName("onnx::MatMul_900")
                  .setDataType(Onnx.TensorProto.DataType.FLOAT_VALUE)
                  .addDims(hidden)
                  .addDims(2)
                  .setRawData(ByteString.copyFrom(raw.flip())));
          graph.addInitializer(
              Onnx.TensorProto.newBuilder()
                  .setName("classifier.bias")
                  .setDataType(Onnx.TensorProto.DataType.FLOAT_VALUE)
                  .addDims(2)
                  .addFloatData(7)
                  .addFloatData(8));
          node(graph, "Gather", "/Gather", "last_hidden_state", "const_zero", "first")
              .addAttributeBuilder()
              .setName("axis")
              .setType(Onnx.AttributeProto.AttributeType.INT)
              .setI(1);
          node(graph, "Squeeze", "/Squeeze", "first", "const_one", "squeezed");
          node(graph, "MatMul", "/classifier/MatMul", "squeezed", "onnx::MatMul_900", "product");
          node(graph, "Add", "/classifier/Add", "product", "classifier.bias", "logits");
          model.addMetadataPropsBuilder().setKey("bantam.pooling").setValue("cls");
        });
    Cases.refused(this::open, "'classifier.weight' [2, " + hidden + "]", "id2label");
    Files.writeString(
        folder.resolve("config.json"),
        "{\"model_type\": \"bert\", \"id2label\": {\"0\": \"no\", \"1\": \"yes\"}}");
    final Checkpoint model = open();
    assertEquals(Pooling.CLS, model.pooling());
    assertEquals(Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("no", "yes"))), model.head());
    final INDArray weight = model.parameters().get("classifier.weight");
    assertArrayEquals(new long[] {2, hidden}, weight.shape());
    for (int i = 0; i < hidden; i++) {
      assertEquals(i, weight.getFloat(0, i));
      assertEquals(-i, weight.getFloat(1, i));
    }
    assertArrayEquals(
        new float[] {7, 8}, model.parameters().get("classifier.bias").toFloatVector());
    plain
        .parameters()
        .forEach((name, array) -> assertEquals(array, model.parameters().get(name), name));
    Files.writeString(
        folder.resolve("config.json"),
        "{\"model_type\": \"bert\", \"id2label\": {\"0\": \"a\", \"1\": \"b\", \"2\": \"c\"}}");
    Cases.refused(this::open, "wrong shape: 'classifier.weight' is [2, ", "makes it [3, ");
  }

  private static Onnx.NodeProto.Builder node(
      Onnx.GraphProto.Builder graph, String type, String name, String a, String b, String out) {
    return graph
        .addNodeBuilder()
        .setOpType(type)
        .setName(name)
        .addInput(a)
        .addInput(b)
        .addOutput(out);
  }
}
