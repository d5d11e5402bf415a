package dev.bantam.export.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Architecture.LayerShape;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.Signature;
import dev.bantam.compression.BitmaskTensor;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import onnx.Onnx;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.shade.protobuf.ByteString;

/** Written files against ONNX Runtime, with its graph optimisations on and off. */
class OnnxWriterTest {
  private static final Workers WORKERS = new Workers(2);
  private static final List<LayerShape> EVEN =
      List.of(new LayerShape(4, 80), new LayerShape(4, 80));
  private static final Optional<Head> HEAD =
      Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("a", "b", "c")));
  private static final PaddedBatch TEXTS = random(1, 9, 64, 30);

  @TempDir private Path folder;

  @AfterAll
  static void close() {
    WORKERS.close();
  }

  private static PaddedBatch random(int... lengths) {
    final SplittableRandom random = new SplittableRandom(11);
    return new PaddedBatch(
        IntStream.of(lengths)
            .mapToObj(
                length ->
                    new Encoding(
                        random.ints(length, 0, RandomModel.VOCABULARY).toArray(),
                        IntStream.range(0, length).map(i -> 2 * i < length ? 0 : 1).toArray()))
            .toList(),
        0);
  }

  /** What our own encoder makes of the texts with the weights that a file was written from. */
  private static float[] own(Checkpoint model, CompressedModel weights, OnnxOutput output) {
    final boolean types = model.signature().tokenTypeIds().isPresent();
    final Batch batch =
        Batch.of(
            TEXTS.texts().stream()
                .map(t -> types ? t : new Encoding(t.ids(), new int[t.length()]))
                .toList());
    try (EncoderModel encoder =
        new EncoderModel(
            model.architecture(), model.head(), model.pooling(), weights.dense(), WORKERS)) {
      return switch (output) {
        case TOKENS -> encoder.encode(batch);
        case SENTENCE -> encoder.embed(batch, model.normalize());
        case LOGITS -> encoder.outputs(batch).values();
      };
    }
  }

  private Path write(
      Checkpoint model, CompressedModel weights, OnnxFormat format, OnnxOutput output) {
    final Path file = folder.resolve(format.id() + ".onnx");
    OnnxWriter.write(model, weights, format, output, file);
    return file;
  }

  private static float[] runtime(
      Path file, boolean optimised, Signature signature, OnnxOutput output) {
    try (OrtModel model = new OrtModel(file, optimised)) {
      final float[] values = model.run(TEXTS.inputs(signature), TEXTS.texts().size());
      return output == OnnxOutput.TOKENS ? TEXTS.withoutPadding(values) : values;
    }
  }

  private static float[] interpreted(Path file, Signature signature, OnnxOutput output) {
    final float[] values =
        new OnnxInterpreter(file).run(TEXTS.inputs(signature), TEXTS.texts().size());
    return output == OnnxOutput.TOKENS ? TEXTS.withoutPadding(values) : values;
  }

  private static double largest(float[] a, float[] b) {
    assertEquals(a.length, b.length);
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs((double) a[i] - b[i]));
    }
    return largest;
  }

  private static double relative(float[] a, float[] b) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < a.length; i++) {
      difference += Math.pow((double) a[i] - b[i], 2);
      size += Math.pow(a[i], 2);
    }
    return Math.sqrt(difference / size);
  }

  private static Stream<Arguments> shapes() {
    final Signature other = new Signature("ids", "mask", Optional.empty(), "hidden");
    return Stream.of(
        Arguments.of(Activation.GELU_ERF, EVEN, Pooling.MEAN, Signature.STANDARD),
        Arguments.of(Activation.GELU_TANH, EVEN, Pooling.CLS, Signature.STANDARD),
        Arguments.of(Activation.RELU, EVEN, Pooling.POOLER, other),
        Arguments.of(
            Activation.GELU_ERF,
            List.of(new LayerShape(3, 64), new LayerShape(1, 17), new LayerShape(4, 80)),
            Pooling.MEAN,
            other));
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void floatFilesComputeWhatTheEncoderComputes(
      Activation activation, List<LayerShape> layers, Pooling pooling, Signature signature) {
    for (OnnxOutput output : OnnxOutput.values()) {
      final Checkpoint model =
          RandomModel.of(
              activation,
              layers,
              pooling,
              output == OnnxOutput.LOGITS ? HEAD : Optional.empty(),
              signature);
      final CompressedModel weights = RandomModel.dense(model);
      final float[] expected = own(model, weights, output);
      final Path file = write(model, weights, OnnxFormat.FLOAT, output);
      for (boolean optimised : new boolean[] {false, true}) {
        final double difference = largest(expected, runtime(file, optimised, signature, output));
        assertTrue(difference < 2e-5, output + ", " + optimised + ": " + difference);
      }
      assertTrue(largest(expected, interpreted(file, signature, output)) < 2e-5);
    }
  }

  @Test
  void inputsAndOutputsHaveTheNamesOfTheSource() {
    final Signature other = new Signature("ids", "mask", Optional.of("types"), "hidden");
    final Checkpoint model =
        RandomModel.of(Activation.RELU, EVEN, Pooling.MEAN, Optional.empty(), other);
    final Onnx.ModelProto written =
        OnnxWriter.model(model, RandomModel.dense(model), OnnxFormat.FLOAT, OnnxOutput.TOKENS);
    assertEquals(
        List.of("ids", "mask", "types"),
        written.getGraph().getInputList().stream().map(Onnx.ValueInfoProto::getName).toList());
    assertEquals("hidden", written.getGraph().getOutput(0).getName());
  }

  /** 2, 3, 4 and 8 bits; groups of a block, of several blocks, of a row; with zero points. */
  @ParameterizedTest
  @CsvSource({"4, 16, false", "4, 48, true", "2, 16, true", "3, 16, true", "8, 16, false"})
  void blocksComputeWhatTheirCodesRestoreTo(int bits, int width, boolean zeroPoint) {
    final Checkpoint model = RandomModel.usual();
    final CompressedModel weights =
        RandomModel.forms(
            model,
            (name, tensor) ->
                name.startsWith("embeddings")
                    ? RandomModel.quantize(tensor, 8, width, zeroPoint)
                    : RandomModel.quantize(tensor, bits, width, zeroPoint));
    final float[] expected = own(model, weights, OnnxOutput.TOKENS);
    final Path file = write(model, weights, OnnxFormat.INT4, OnnxOutput.TOKENS);
    for (boolean optimised : new boolean[] {false, true}) {
      final double difference =
          largest(expected, runtime(file, optimised, Signature.STANDARD, OnnxOutput.TOKENS));
      assertTrue(difference < 5e-5, optimised + ": " + difference);
    }
    assertTrue(largest(expected, interpreted(file, Signature.STANDARD, OnnxOutput.TOKENS)) < 5e-5);
  }

  /**
   * Activations of 8 bits: near the encoder of the same codes, and ONNX Runtime computes what the
   * interpreter computes but for codes next to a half step.
   */
  @ParameterizedTest
  @CsvSource({"8, false", "7, false", "8, true", "4, false"})
  void integersComputeTheSameEverywhere(int bits, boolean zeroPoint) {
    final Checkpoint model = RandomModel.usual();
    final CompressedModel weights =
        RandomModel.forms(
            model, (name, tensor) -> RandomModel.quantize(tensor, bits, 1_000, zeroPoint));
    final float[] expected = own(model, weights, OnnxOutput.TOKENS);
    final Path file = write(model, weights, OnnxFormat.INT8, OnnxOutput.TOKENS);
    final float[] interpreted = interpreted(file, Signature.STANDARD, OnnxOutput.TOKENS);
    assertTrue(relative(expected, interpreted) < 0.05, "" + relative(expected, interpreted));
    assertTrue(relative(expected, interpreted) > 1e-4, "activations are quantized");
    for (boolean optimised : new boolean[] {false, true}) {
      final float[] values = runtime(file, optimised, Signature.STANDARD, OnnxOutput.TOKENS);
      assertTrue(relative(interpreted, values) < 0.02, "" + relative(interpreted, values));
    }
  }

  /** Without the rounding of activations only the weights are left, so one wrong scale shows. */
  @ParameterizedTest
  @CsvSource({"8, false", "4, true"})
  void unroundedTheFileGivesWhatItsWeightsGive(int bits, boolean zeroPoint) {
    final Checkpoint model = RandomModel.usual();
    final CompressedModel weights =
        RandomModel.forms(
            model, (name, tensor) -> RandomModel.quantize(tensor, bits, 1_000, zeroPoint));
    final float[] expected = own(model, weights, OnnxOutput.TOKENS);
    final Onnx.ModelProto right =
        OnnxWriter.model(model, weights, OnnxFormat.INT8, OnnxOutput.TOKENS);
    assertTrue(relative(expected, unrounded(right)) < 1e-5);
    final Onnx.ModelProto.Builder wrong = right.toBuilder();
    int changed = 0;
    for (Onnx.TensorProto.Builder tensor : wrong.getGraphBuilder().getInitializerBuilderList()) {
      if (tensor.getName().equals("encoder.layer.1.output.dense.weight_scale")) {
        final ByteBuffer scales =
            ByteBuffer.wrap(tensor.getRawData().toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
        scales.putFloat(0, 1.5f * scales.getFloat(0));
        tensor.setRawData(ByteString.copyFrom(scales.array()));
        changed++;
      }
    }
    assertEquals(1, changed);
    assertTrue(relative(expected, unrounded(wrong.build())) > 1e-4);
  }

  private static float[] unrounded(Onnx.ModelProto model) {
    return TEXTS.withoutPadding(
        new OnnxInterpreter(model)
            .runUnrounded(TEXTS.inputs(Signature.STANDARD), TEXTS.texts().size()));
  }

  /** The products of layers are all of integers, and no matrix is stored twice. */
  @Test
  void noLayerIsLeftInFloat() throws IOException {
    final Checkpoint model = RandomModel.usual();
    final CompressedModel weights =
        RandomModel.forms(model, (n, tensor) -> RandomModel.quantize(tensor, 8, 1_000, false));
    final Path file = write(model, weights, OnnxFormat.INT8, OnnxOutput.TOKENS);
    final Path rewritten = folder.resolve("rewritten.onnx");
    new OrtModel(file, true, rewritten).close();
    final Onnx.GraphProto graph =
        Onnx.ModelProto.parseFrom(Files.readAllBytes(rewritten)).getGraph();
    final Set<String> stored = new TreeSet<>();
    graph.getInitializerList().forEach(t -> stored.add(t.getName()));
    final Map<String, Integer> operators = new TreeMap<>();
    for (Onnx.NodeProto node : graph.getNodeList()) {
      operators.merge(node.getOpType(), 1, Integer::sum);
      assertTrue(
          !node.getOpType().equals("MatMul") || !stored.contains(node.getInput(1)),
          node.getName() + " multiplies by a float matrix");
    }
    assertEquals(2 * 4, operators.get("DynamicQuantizeMatMul"), operators.toString());
    assertEquals(2 * 2, operators.get("SkipLayerNormalization"), operators.toString());
  }

  @ParameterizedTest
  @EnumSource(OnnxFormat.class)
  void onlyBlocksNeedOperatorsBeyondTheStandard(OnnxFormat format) {
    final Checkpoint model = RandomModel.usual();
    final CompressedModel weights =
        RandomModel.forms(model, (n, tensor) -> RandomModel.quantize(tensor, 8, 1_000, false));
    final Onnx.ModelProto written = OnnxWriter.model(model, weights, format, OnnxOutput.TOKENS);
    assertEquals(
        format == OnnxFormat.INT4,
        written.getGraph().getNodeList().stream().anyMatch(n -> !n.getDomain().isEmpty()));
    assertEquals(17, written.getOpsetImport(0).getVersion());
    assertEquals(8, written.getIrVersion());
  }

  @Test
  void integerCodesAreTakenOverAsTheyAre() {
    final Checkpoint model = RandomModel.usual();
    final String name = "encoder.layer.1.output.dense.weight";
    final CompressedModel weights =
        RandomModel.forms(model, (n, tensor) -> RandomModel.quantize(tensor, 8, 1_000, false));
    final Onnx.TensorProto stored =
        OnnxWriter.model(model, weights, OnnxFormat.INT8, OnnxOutput.TOKENS)
            .getGraph()
            .getInitializerList()
            .stream()
            .filter(t -> t.getName().equals(name + "_quantized"))
            .findFirst()
            .orElseThrow();
    final byte[] expected = ((GroupedTensor) weights.tensors().get(name)).codes();
    final byte[] turned = new byte[expected.length];
    for (int in = 0; in < 80; in++) {
      for (int out = 0; out < 48; out++) {
        turned[in * 48 + out] = expected[out * 80 + in];
      }
    }
    assertArrayEquals(turned, stored.getRawData().toByteArray());
    assertEquals(List.of(80L, 48L), stored.getDimsList());
  }

  @Test
  void equalModelsGiveEqualBytes() throws IOException {
    final Checkpoint model = RandomModel.usual();
    final Path file = write(model, RandomModel.dense(model), OnnxFormat.FLOAT, OnnxOutput.SENTENCE);
    final byte[] first = Files.readAllBytes(file);
    write(RandomModel.usual(), RandomModel.dense(model), OnnxFormat.FLOAT, OnnxOutput.SENTENCE);
    assertArrayEquals(first, Files.readAllBytes(file));
  }

  @Test
  void aFormThatTheFormatCannotHoldIsRefused() {
    final Checkpoint model = RandomModel.usual();
    final CompressedModel sparse =
        RandomModel.forms(
            model, (n, tensor) -> BitmaskTensor.of(tensor.dense(), SafetensorsType.F32));
    final CompressedModel odd =
        RandomModel.forms(model, (n, tensor) -> RandomModel.quantize(tensor, 4, 24, false));
    for (CompressedModel weights : List.of(sparse, odd)) {
      for (OnnxFormat format : List.of(OnnxFormat.INT8, OnnxFormat.INT4)) {
        assertThrows(
            IllegalArgumentException.class,
            () -> OnnxWriter.model(model, weights, format, OnnxOutput.TOKENS));
      }
    }
  }
}
