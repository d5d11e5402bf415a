package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Models;
import dev.bantam.compression.TensorSelector;
import dev.bantam.export.ModelFolder;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.reader.PackedModel;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import onnx.Onnx;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * An encoder that is pruned to 90 % zeros, from the recipe to every file: zeros stay exactly zero,
 * and what is read back computes the same. Which weights are zero is decided here by sorting.
 */
class PrunedFilesTest {
  private static final String PRUNE = "- prune: {sparsity: 0.9}\n";
  private static final double SPARSITY = 0.9;

  @TempDir private static Path common;
  private static Tiny tiny;
  private static Checkpoint source;

  /** Encoder matrices with all but the largest tenth of their weights set to zero. */
  private static final Map<String, float[]> PRUNED = new LinkedHashMap<>();

  @TempDir private Path temporary;

  @BeforeAll
  static void tuneAndPrune() {
    tiny = Tiny.in(common).enlarged();
    final Path tuned = common.resolve("tuned");
    Outcome.of("finetune", tiny.model(), "--task", tiny.task(), "-o", tuned, "--epochs", 1).code(0);
    source = Models.open(tuned.toString(), Models.Options.DEFAULT);
    int count = 0;
    for (Map.Entry<String, INDArray> tensor : source.parameters().entrySet()) {
      if (TensorSelector.isEncoderMatrix(tensor.getKey())) {
        PRUNED.put(tensor.getKey(), Floats.toArray(tensor.getValue()));
        count += PRUNED.get(tensor.getKey()).length;
      }
    }
    final float[] magnitudes = new float[count];
    int filled = 0;
    for (float[] weights : PRUNED.values()) {
      for (float w : weights) {
        magnitudes[filled++] = Math.abs(w);
      }
    }
    Arrays.sort(magnitudes);
    final float last = magnitudes[(int) Math.rint(SPARSITY * count) - 1];
    assertTrue(last < magnitudes[(int) Math.rint(SPARSITY * count)], "no tie at the threshold");
    for (float[] weights : PRUNED.values()) {
      for (int i = 0; i < weights.length; i++) {
        weights[i] = Math.abs(weights[i]) <= last ? 0f : weights[i];
      }
    }
    assertEquals(12, PRUNED.size());
  }

  private Path compressed(String recipe) {
    final Path packed = temporary.resolve("small");
    final Path file = tiny.write("recipe.yaml", recipe);
    Outcome.of("compress", common.resolve("tuned"), "--recipe", file, "-o", packed).code(0);
    return packed;
  }

  private Map<String, Onnx.TensorProto> exported(Path model, String format, Object... more) {
    final Path file = temporary.resolve("model.onnx");
    final Object[] command = new Object[6 + more.length];
    System.arraycopy(
        new Object[] {"export", model, "--format", format, "-o", file}, 0, command, 0, 6);
    System.arraycopy(more, 0, command, 6, more.length);
    Outcome.of(command).code(0);
    return OrtFile.stored(file);
  }

  private static float[] logits(Map<String, INDArray> weights) {
    final List<Encoding> texts =
        Tiny.read(tiny.folder().resolve("signs-dev.tsv"))
            .lines()
            .skip(1)
            .map(row -> row.split("\t", -1)[0])
            .map(text -> source.tokenizer().orElseThrow().encode(text, source.maxLength()))
            .toList();
    try (Workers workers = new Workers(1);
        EncoderModel encoder =
            new EncoderModel(
                source.architecture(), source.head(), source.pooling(), weights, workers)) {
      return encoder.outputs(Batch.of(texts)).values();
    }
  }

  @Test
  void whatIsReadBackHasTheSameLogits() {
    final Map<String, INDArray> expected = new LinkedHashMap<>(source.parameters());
    expected.replaceAll(
        (name, tensor) ->
            PRUNED.containsKey(name) ? Floats.tensor(PRUNED.get(name), tensor.shape()) : tensor);
    final Checkpoint packed =
        ModelFolder.open(compressed(PRUNE).toString(), Models.Options.DEFAULT);
    final float[] logits = logits(packed.parameters());
    assertArrayEquals(logits(expected), logits);
    assertEquals(64, logits.length);
    assertNotEquals(Arrays.toString(logits(source.parameters())), Arrays.toString(logits));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "- quantize: {bits: 8}\n",
        "- quantize: {bits: 8, scheme: affine}\n",
        "- quantize: {bits: 4, group-size: 20}\n"
      })
  void zerosOfAPackedFolderAreExactly(String quantize) throws IOException {
    try (PackedModel packed = PackedModel.open(compressed(PRUNE + quantize))) {
      for (String name : PRUNED.keySet()) {
        requireZeros(name, packed.floats(name), quantize.isEmpty());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "''",
    "'- quantize: {bits: 8}'",
    "'- quantize: {bits: 8, scheme: affine}'",
    "'- quantize: {bits: 4, group-size: 20}'"
  })
  void zerosOfAFloatFileAreExactly(String quantize) {
    final var stored = exported(compressed(PRUNE + quantize + "\n"), "onnx");
    for (String name : PRUNED.keySet()) {
      final String module = name.substring(0, name.length() - ".weight".length());
      final Onnx.TensorProto weight = stored.get("onnx::" + module);
      final int in = (int) weight.getDims(0);
      final int out = (int) weight.getDims(1);
      final ByteBuffer values =
          ByteBuffer.wrap(weight.getRawData().toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
      final float[] back = new float[in * out];
      for (int i = 0; i < back.length; i++) {
        back[i % out * in + i / out] = values.getFloat();
      }
      requireZeros(name, back, quantize.isEmpty());
    }
  }

  /** Quantized while it is exported, also with 7 bits, or with the codes of the packed folder. */
  @ParameterizedTest
  @CsvSource({
    "'', 8",
    "'', 7",
    "'- quantize: {bits: 8}', 0",
    "'- quantize: {bits: 8, scheme: affine}', 0"
  })
  void zerosOfAFileOfCodesAreTheZeroPoint(String quantize, int bits) {
    final Object[] more = bits == 0 ? new Object[0] : new Object[] {"--bits", bits};
    final var stored = exported(compressed(PRUNE + quantize + "\n"), "onnx-int8", more);
    for (Map.Entry<String, float[]> pruned : PRUNED.entrySet()) {
      final String name = pruned.getKey();
      final List<String> joined = List.of("query", "key", "value");
      final String kind = name.replaceAll(".*\\.([a-z]+)\\.weight$", "$1");
      final boolean alone = stored.containsKey(name + "_quantized");
      final String tensor = alone ? name : name.replace("." + kind + ".", ".qkv.");
      final Onnx.TensorProto codes = stored.get(tensor + "_quantized");
      final byte[] bytes = codes.getRawData().toByteArray();
      final int in = (int) codes.getDims(0);
      final int width = (int) codes.getDims(1);
      final int out = pruned.getValue().length / in;
      final int first = alone ? 0 : joined.indexOf(kind) * out;
      final Onnx.TensorProto zeros = stored.get(tensor + "_zero_point");
      final byte[] zero = zeros == null ? new byte[width] : zeros.getRawData().toByteArray();
      final ByteBuffer scales =
          ByteBuffer.wrap(stored.get(tensor + "_scale").getRawData().toByteArray())
              .order(ByteOrder.LITTLE_ENDIAN);
      final float[] back = new float[in * out];
      for (int i = 0; i < back.length; i++) {
        final int column = first + i / in;
        back[i] =
            (bytes[i % in * width + column] - zero[column]) * scales.getFloat(Float.BYTES * column);
      }
      requireZeros(name, back, false);
    }
  }

  /**
   * @param exact whether the others must be the same bits too; codes may be off by half a step
   */
  private static void requireZeros(String name, float[] back, boolean exact) {
    final float[] expected = PRUNED.get(name);
    assertEquals(expected.length, back.length, name);
    int zeros = 0;
    int others = 0;
    for (int i = 0; i < back.length; i++) {
      if (expected[i] == 0f) {
        assertEquals(0f, back[i], name + " at " + i);
        zeros++;
      } else {
        // the largest weight of a row is below 0.3, so half a step of 4 bits is below 0.03
        assertEquals(expected[i], back[i], exact ? 0f : 0.03f, name + " at " + i);
        others += back[i] == 0f ? 0 : 1;
      }
    }
    assertTrue(zeros > back.length / 2, name + " has " + zeros + " zeros");
    assertTrue(others > back.length / 50, name + " has " + others + " others");
  }
}
