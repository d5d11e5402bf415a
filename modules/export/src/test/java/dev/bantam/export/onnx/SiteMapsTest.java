package dev.bantam.export.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Signature;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.Operations;
import dev.bantam.export.RoundingCheck;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import onnx.Onnx;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.shade.protobuf.ByteString;

/**
 * Files of models that round activations by fixed ranges or shift and scale residuals, against our
 * own encoder and against ONNX Runtime with its graph optimisations on and off.
 */
class SiteMapsTest {
  private static final Workers WORKERS = new Workers(2);
  private static final Checkpoint MODEL = RandomModel.usual();
  private static final List<String> PRODUCT_INPUTS =
      List.of(
          "attention.input",
          "attention.query",
          "attention.key",
          "attention.value",
          "attention.probabilities",
          "attention.context",
          "ffn.input",
          "ffn.hidden");
  private static final PaddedBatch TEXTS = texts(1, 9, 40, 23);

  /**
   * Sums that differ in their last bits give the same codes but next to a half step, where one
   * moves by a 255th of the range. Observed is 3e-7, without any; rounding itself changes outputs
   * by 0.1.
   */
  private static final double SAME = 2e-3;

  @TempDir private Path folder;

  @AfterAll
  static void close() {
    WORKERS.close();
  }

  private static PaddedBatch texts(int... lengths) {
    final SplittableRandom random = new SplittableRandom(5);
    return new PaddedBatch(
        IntStream.of(lengths)
            .mapToObj(
                n -> new Encoding(random.ints(n, 0, RandomModel.VOCABULARY).toArray(), new int[n]))
            .toList(),
        0);
  }

  private static EncoderModel encoder(CompressedModel model) {
    final EncoderModel encoder =
        new EncoderModel(
            MODEL.architecture(), MODEL.head(), MODEL.pooling(), model.dense(), WORKERS);
    Operations.attach(encoder, model.operations());
    return encoder;
  }

  private static float[] own(CompressedModel model) {
    try (EncoderModel encoder = encoder(model)) {
      return encoder.encode(Batch.of(TEXTS.texts()));
    }
  }

  /** Weights so large that attention is uneven and layers outweigh their residuals. */
  private static CompressedTensor strong(String name, CompressedTensor tensor) {
    return name.startsWith("embeddings") ? tensor : DenseTensor.float32(tensor.dense().mul(8));
  }

  /** Of 7 bits, whose sums every processor adds exactly. */
  private static CompressedModel integers(boolean zeroPoints) {
    return RandomModel.forms(
        MODEL, (name, tensor) -> RandomModel.quantize(strong(name, tensor), 7, 1_000, zeroPoints));
  }

  /** Residuals stretched and moved in every layer, which changes what the model gives. */
  private static Map<String, StoredOperation> residuals() {
    final SplittableRandom random = new SplittableRandom(8);
    final Map<String, StoredOperation> operations = new TreeMap<>();
    for (int layer = 0; layer < 2; layer++) {
      for (String site : List.of("attention.residual", "ffn.residual")) {
        final float[] scale = new float[48];
        final float[] shift = new float[48];
        for (int j = 0; j < 48; j++) {
          scale[j] = (float) (0.5 + random.nextDouble());
          shift[j] = (float) (random.nextDouble() - 0.5);
        }
        operations.put("layer." + layer + "." + site, SiteOperation.affine(scale, shift));
      }
    }
    return operations;
  }

  /** A model that rounds at some sites, by the middle 99 % of what passes there. */
  private static CompressedModel rounded(
      CompressedModel model, List<String> sites, int bits, boolean signed) {
    final Map<String, StoredOperation> operations = new TreeMap<>(model.operations());
    try (EncoderModel encoder = encoder(model)) {
      for (int layer = 0; layer < 2; layer++) {
        for (String name : sites) {
          final String site = "layer." + layer + "." + name;
          final float[] x =
              encoder.siteValues(Batch.of(TEXTS.texts()), List.of(encoder.site(site))).get(0);
          Arrays.sort(x);
          operations.put(
              site,
              SiteOperation.rounded(
                  x[x.length / 200], x[x.length - 1 - x.length / 200], bits, signed));
        }
      }
    }
    return new CompressedModel(model.tensors(), operations);
  }

  private Path write(CompressedModel model, OnnxFormat format) {
    final Path file = folder.resolve(format.id() + ".onnx");
    OnnxWriter.write(MODEL, model, format, OnnxOutput.TOKENS, file);
    return file;
  }

  private static float[] runtime(Path file, boolean optimised) {
    try (OrtModel opened = new OrtModel(file, optimised)) {
      return TEXTS.withoutPadding(
          opened.run(TEXTS.inputs(Signature.STANDARD), TEXTS.texts().size()));
    }
  }

  private static float[] interpreted(Path file) {
    return TEXTS.withoutPadding(
        new OnnxInterpreter(file).run(TEXTS.inputs(Signature.STANDARD), TEXTS.texts().size()));
  }

  private static double relative(float[] expected, float[] got) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow((double) expected[i] - got[i], 2);
      size += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / size);
  }

  private static void requireNear(float[] expected, float[] got, double bound, String what) {
    final double difference = relative(expected, got);
    assertTrue(difference < bound, what + ": " + difference);
  }

  private void requireSame(CompressedModel model, OnnxFormat format, double bound) {
    final float[] expected = own(model);
    final Path file = write(model, format);
    requireNear(expected, interpreted(file), bound, "interpreted");
    for (boolean optimised : new boolean[] {false, true}) {
      requireNear(expected, runtime(file, optimised), bound, "optimised " + optimised);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "8, false, false",
    "8, true, false",
    "8, false, true",
    "6, false, false",
    "4, true, true"
  })
  void roundedModelsComputeTheSameEverywhere(int bits, boolean signed, boolean zeroPoints) {
    final CompressedModel plain = integers(zeroPoints);
    final CompressedModel model = rounded(plain, PRODUCT_INPUTS, bits, signed);
    assertTrue(relative(own(plain), own(model)) > 50 * SAME, "rounding changes the model");
    requireSame(model, OnnxFormat.INT8, SAME);
  }

  /** Where nothing is rounded, layers multiply with the values of their codes, and nothing else. */
  @Test
  void whatHasNoRangeStaysFloat() {
    final List<String> sites = List.of("attention.query", "attention.key", "ffn.hidden");
    requireSame(rounded(integers(false), sites, 8, false), OnnxFormat.INT8, SAME);
    final CompressedModel unlike =
        rounded(integers(false), List.of("attention.probabilities"), 8, false);
    requireSame(unlike, OnnxFormat.INT8, SAME);
  }

  /** Float32 matrices behind rounded inputs. */
  @Test
  void floatMatricesReadRoundedInputs() {
    requireSame(
        rounded(RandomModel.forms(MODEL, SiteMapsTest::strong), PRODUCT_INPUTS, 8, false),
        OnnxFormat.INT8,
        SAME);
  }

  @ParameterizedTest
  @EnumSource(OnnxFormat.class)
  void residualsAreShiftedAndScaled(OnnxFormat format) {
    final CompressedModel codes = integers(false);
    final CompressedModel model = new CompressedModel(codes.tensors(), residuals());
    assertTrue(relative(own(codes), own(model)) > 0.2, "the maps change the model");
    // activations of onnx-int8 are rounded by ranges of the batch
    requireSame(model, format, format == OnnxFormat.INT8 ? 0.05 : 1e-5);
    if (format == OnnxFormat.INT8) {
      requireSame(rounded(model, PRODUCT_INPUTS, 8, false), format, SAME);
    }
  }

  /** Without rounding, the file of a rounded model gives what its weights and residuals give. */
  @Test
  void unroundedOnlyWeightsAndResidualsAreLeft() {
    final CompressedModel plain = new CompressedModel(integers(true).tensors(), residuals());
    final Path file = write(rounded(plain, PRODUCT_INPUTS, 6, true), OnnxFormat.INT8);
    final float[] unrounded =
        TEXTS.withoutPadding(
            new OnnxInterpreter(file)
                .runUnrounded(TEXTS.inputs(Signature.STANDARD), TEXTS.texts().size()));
    requireNear(own(plain), unrounded, 1e-5, "unrounded");
  }

  /** Damage to one place that the outputs alone would hardly show after a few layers. */
  private enum Damage {
    OTHER_SCALE("rounds -?[0-9.E-]+ at layer.1.ffn.hidden to"),
    OTHER_ZERO_POINT("rounds -?[0-9.E-]+ at layer.1.ffn.hidden to"),
    OTHER_BOUND("rounds -?[0-9.E-]+ at layer.1.ffn.hidden to"),
    OTHER_PLACE("rounds other values at layer.1.ffn.(hidden|input) than the model"),
    NO_ROUNDING("rounds at \\[.*, and the model at \\[");

    private final String message;

    Damage(String message) {
      this.message = message;
    }

    void to(Onnx.GraphProto.Builder graph) {
      final String hidden = "layer.1.ffn.hidden";
      switch (this) {
        case OTHER_SCALE -> floats(tensor(graph, hidden + "_scale"), 1.01f);
        case OTHER_BOUND -> floats(tensor(graph, hidden + "_high"), 0.98f);
        case OTHER_ZERO_POINT -> {
          final Onnx.TensorProto.Builder zero = tensor(graph, hidden + "_zero_point");
          zero.setRawData(
              ByteString.copyFrom(new byte[] {(byte) (zero.getRawData().byteAt(0) + 1)}));
        }
        case OTHER_PLACE ->
            node(graph, "/layer.1/ffn/input/Clip")
                .setInput(0, node(graph, "/layer.1/attention/input/Clip").getInput(0));
        case NO_ROUNDING -> {
          final Onnx.NodeProto.Builder quantize = node(graph, "/layer.1/ffn/hidden/QuantizeLinear");
          final Onnx.NodeProto.Builder restore =
              node(graph, "/layer.1/ffn/hidden/DequantizeLinear");
          final String before = quantize.getInput(0);
          quantize.clearInput().addInput(before).setOpType("Relu");
          restore.clearInput().addInput(before).setOpType("Relu");
        }
      }
    }

    private static void floats(Onnx.TensorProto.Builder tensor, float factor) {
      final float value =
          tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN).getFloat();
      final ByteBuffer raw = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      tensor.setRawData(ByteString.copyFrom(raw.putFloat(value * factor).array()));
    }

    private static Onnx.TensorProto.Builder tensor(Onnx.GraphProto.Builder graph, String name) {
      return graph.getInitializerBuilderList().stream()
          .filter(t -> t.getName().equals(name))
          .findFirst()
          .orElseThrow();
    }

    private static Onnx.NodeProto.Builder node(Onnx.GraphProto.Builder graph, String name) {
      return graph.getNodeBuilderList().stream()
          .filter(n -> n.getName().equals(name))
          .findFirst()
          .orElseThrow();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDamagedPlaceIsFound(Damage damage) throws IOException {
    final CompressedModel plain = new CompressedModel(integers(false).tensors(), residuals());
    // narrower codes are cut before, and there any zero point gives the same
    final int bits = damage == Damage.OTHER_ZERO_POINT ? 8 : 6;
    final CompressedModel model = rounded(plain, PRODUCT_INPUTS, bits, false);
    final Path file = write(model, OnnxFormat.INT8);
    try (EncoderModel exact = encoder(plain)) {
      RoundingCheck.require(exact, MODEL, model, file);
      final Onnx.ModelProto.Builder changed =
          Onnx.ModelProto.parseFrom(Files.readAllBytes(file)).toBuilder();
      damage.to(changed.getGraphBuilder());
      Files.write(file, changed.build().toByteArray());
      final String message =
          assertThrows(
                  IllegalStateException.class,
                  () -> RoundingCheck.require(exact, MODEL, model, file))
              .getMessage();
      assertTrue(Pattern.compile(damage.message).matcher(message).find(), message);
    }
  }

  /** Every product becomes one of integers; no matrix is left in float32. */
  @Test
  void allProductsAreOfIntegers() throws IOException {
    final Path file = write(rounded(integers(false), PRODUCT_INPUTS, 8, false), OnnxFormat.INT8);
    final Path rewritten = folder.resolve("rewritten.onnx");
    new OrtModel(file, true, rewritten).close();
    final Map<String, Integer> operators = new TreeMap<>();
    for (Onnx.NodeProto node :
        Onnx.ModelProto.parseFrom(Files.readAllBytes(rewritten)).getGraph().getNodeList()) {
      operators.merge(node.getOpType(), 1, Integer::sum);
    }
    assertNull(operators.get("MatMul"), operators.toString());
    assertNull(operators.get("MatMulNBits"), operators.toString());
    assertEquals(
        2 * 6, // queries, keys and values are one product
        operators.getOrDefault("MatMulIntegerToFloat", 0)
            + operators.getOrDefault("QLinearMatMul", 0),
        operators.toString());
  }

  @Test
  void theFileSaysThatItsRangesAreFixed() throws IOException {
    final CompressedModel plain = integers(false);
    final Set<String> said = new TreeSet<>();
    for (CompressedModel model : List.of(plain, rounded(plain, PRODUCT_INPUTS, 8, false))) {
      Onnx.ModelProto.parseFrom(Files.readAllBytes(write(model, OnnxFormat.INT8)))
          .getMetadataPropsList()
          .forEach(p -> said.add(p.getKey() + "=" + p.getValue()));
    }
    assertTrue(said.contains("bantam.activations=static"), said.toString());
    assertEquals(1, said.stream().filter(s -> s.startsWith("bantam.activations")).count());
  }

  @Test
  void whatAFormatCannotHoldIsRefusedByName() {
    final CompressedModel rounding = rounded(integers(false), List.of("ffn.input"), 8, false);
    final StoredOperation affine = SiteOperation.affine(new float[48], new float[48]);
    final List<Refusal> cases = new ArrayList<>();
    cases.add(new Refusal(rounding, OnnxFormat.FLOAT, "'site-map' at layer.0.ffn.input"));
    cases.add(new Refusal(rounding, OnnxFormat.INT4, "onnx-int4 does not hold"));
    cases.add(
        new Refusal(
            new CompressedModel(integers(false).tensors(), Map.of("layer.1.ffn.sum", affine)),
            OnnxFormat.INT8,
            "'site-map' at layer.1.ffn.sum"));
    cases.add(
        new Refusal(
            new CompressedModel(
                integers(false).tensors(),
                Map.of("layer.0.ffn.residual", SiteOperation.rounded(0, 1, 8, false))),
            OnnxFormat.INT8,
            "at layer.0.ffn.residual"));
    for (Refusal refused : cases) {
      final BantamException e =
          assertThrows(
              BantamException.class,
              () -> OnnxWriter.requireHeld(MODEL, refused.model, refused.format));
      assertEquals(ExitCode.USAGE, e.exitCode());
      assertTrue(e.getMessage().contains(refused.message), e.getMessage());
      assertThrows(BantamException.class, () -> write(refused.model, refused.format));
    }
  }

  private record Refusal(CompressedModel model, OnnxFormat format, String message) {}
}
