package dev.bantam.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.HuggingFaceFolder;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Folders as compressed-tensors 0.20 writes them, against files that it wrote. */
class CompressedTensorsFolderTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String QUERY = "encoder.layer.0.attention.self.query";

  @TempDir private Path folder;

  private static Path golden(String name) {
    try {
      return Path.of(
          Objects.requireNonNull(
                  CompressedTensorsFolderTest.class.getResource("/quantization/" + name), name)
              .toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static SafetensorsFile tensors(Path golden) {
    return SafetensorsFile.open(golden.resolve("tensors.safetensors"));
  }

  private static JsonNode json(Path file) throws IOException {
    return JSON.readTree(Files.readAllBytes(file));
  }

  /** Small integers that a golden case stores as int32 or int64. */
  private static byte[] codes(SafetensorsFile file, String name) {
    final ByteBuffer in = ByteBuffer.wrap(file.bytes(name)).order(ByteOrder.LITTLE_ENDIAN);
    final int width = file.entry(name).type().bits() / Byte.SIZE;
    final byte[] codes = new byte[in.remaining() / width];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = in.get(i * width); // little endian: the lowest byte
    }
    return codes;
  }

  @ParameterizedTest
  @ValueSource(strings = {"ct-pack-s1", "ct-pack-s2"})
  void wordsAreThoseOfTheLibrary(String name) {
    try (SafetensorsFile file = tensors(golden(name))) {
      for (int bits = 1; bits <= 8; bits++) {
        final String input = "input.q.k" + bits;
        final int rows = (int) file.entry(input).shape()[0];
        final int columns = (int) file.entry(input).shape()[1];
        final byte[] codes = codes(file, input);
        final byte[] alongRows = file.bytes("expected.words.k" + bits + ".dim1");
        final byte[] alongColumns = file.bytes("expected.words.k" + bits + ".dim0");
        assertArrayEquals(alongRows, PackedWords.rows(codes, rows, columns, bits), input);
        assertArrayEquals(alongColumns, PackedWords.columns(codes, rows, columns, bits), input);
        assertArrayEquals(codes, PackedWords.fromRows(alongRows, rows, columns, bits));
        assertArrayEquals(codes, PackedWords.fromColumns(alongColumns, rows, columns, bits));
      }
    }
  }

  /** Codes and zero points, told from the values that the library restores. */
  private static GroupedTensor tensor(SafetensorsFile file, JsonNode settings, String name) {
    final long[] shape = file.entry("input.weight." + name).shape();
    final int columns = (int) shape[1];
    final int bits = settings.path("num_bits").asInt();
    final int group = settings.path("group").asInt();
    final Groups groups = Groups.ofColumns((int) shape[0], columns, group == 0 ? columns : group);
    final float[] dense = Floats.toArray(file.floats("expected.dense." + name));
    final float[] scales = Floats.toArray(file.floats("expected.weight_scale." + name));
    final String zeroName = "expected.zero_point_unpacked." + name;
    final boolean affine = file.entries().containsKey(zeroName);
    final byte[] zeros = affine ? codes(file, zeroName) : new byte[scales.length];
    final byte[] codes = new byte[dense.length];
    for (int i = 0; i < codes.length; i++) {
      final int g = groups.at(i / columns, i % columns);
      codes[i] = (byte) (Math.rint(dense[i] / scales[g]) + zeros[g]);
    }
    return affine
        ? GroupedTensor.affine(shape, bits, groups, codes, scales, zeros, SafetensorsType.F32)
        : GroupedTensor.symmetric(shape, bits, groups, codes, scales, SafetensorsType.F32);
  }

  /** A model whose query matrix has another form, written as a folder. */
  private CompressedModel write(CompressedTensor form) {
    final Checkpoint tiny = tiny();
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    tiny.parameters().forEach((name, t) -> tensors.put(name, DenseTensor.float32(t)));
    tensors.put(QUERY + ".weight", form);
    final CompressedModel model = new CompressedModel(tensors);
    CompressedTensorsFolder.write(folder, tiny, model, "card");
    return model;
  }

  private static Checkpoint tiny() {
    try {
      return HuggingFaceFolder.read(
          Path.of(
              Objects.requireNonNull(CompressedTensorsFolderTest.class.getResource("/tiny-bert"))
                  .toURI()),
          Progress.NONE);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Every width, groups and rows, with and without zero points. */
  @ParameterizedTest
  @ValueSource(strings = {"ct-weights-s1", "ct-weights-s2"})
  void entriesAreThoseOfTheLibrary(String name) throws IOException {
    final Path golden = golden(name);
    int compared = 0;
    try (SafetensorsFile expected = tensors(golden)) {
      for (Map.Entry<String, JsonNode> setting :
          json(golden.resolve("case.json")).path("parameters").properties()) {
        final String form = setting.getKey();
        final boolean plain = form.contains("plain");
        final GroupedTensor tensor = tensor(expected, setting.getValue(), form);
        write(tensor);
        try (SafetensorsFile written = SafetensorsFile.open(folder.resolve("model.safetensors"))) {
          assertArrayEquals(
              expected.bytes("expected.weight_scale." + form),
              written.bytes(QUERY + ".weight_scale"),
              form);
          final boolean asBytes = written.entries().containsKey(QUERY + ".weight");
          if (plain || asBytes) { // 8-bit rows are never packed here
            assertEquals(SafetensorsType.I8, written.entry(QUERY + ".weight").type());
            assertTrue(form.startsWith("int8"), form);
          }
          if (plain) {
            assertArrayEquals(
                codes(expected, "expected.weight." + form), written.bytes(QUERY + ".weight"), form);
          } else if (!asBytes) {
            assertArrayEquals(
                expected.bytes("expected.weight_packed." + form),
                written.bytes(QUERY + ".weight_packed"),
                form);
            assertEquals(SafetensorsType.I64, written.entry(QUERY + ".weight_shape").type());
          }
          final String zero = "expected.weight_zero_point." + form;
          if (expected.entries().containsKey(zero)) {
            assertArrayEquals(
                plain ? codes(expected, zero) : expected.bytes(zero),
                written.bytes(QUERY + ".weight_zero_point"),
                form);
          } else {
            assertFalse(written.entries().containsKey(QUERY + ".weight_zero_point"));
          }
        }
        final CompressedTensor back =
            CompressedTensorsFolder.read(folder).tensors().get(QUERY + ".weight");
        assertArrayEquals(
            Floats.toArray(expected.floats("expected.dense." + form)),
            Floats.toArray(back.dense()),
            form);
        compared++;
      }
    }
    assertEquals(9, compared);
  }

  /** A folder of the library is a model: restored weights, outputs, and the same files again. */
  @Test
  void aFolderOfTheLibraryIsAModel() throws IOException {
    final Path golden = golden("ct-bert-int4-g32-s1");
    final Path theirs = golden.resolve("model");
    final Checkpoint model = ModelFolder.read(theirs, Progress.NONE);
    try (SafetensorsFile expected = tensors(golden);
        Workers workers = new Workers(1)) {
      requireDense(expected, model.parameters());
      requireOutputs(expected, model, workers);
    }
    final CompressedModel weights = ModelFolder.weights(theirs, model.architecture());
    CompressedTensorsFolder.write(folder, model, weights, "card");
    try (SafetensorsFile one = SafetensorsFile.open(theirs.resolve("model.safetensors"));
        SafetensorsFile other = SafetensorsFile.open(folder.resolve("model.safetensors"))) {
      assertEquals(one.entries().keySet(), other.entries().keySet());
      for (String name : one.entries().keySet()) {
        assertEquals(one.entry(name).type(), other.entry(name).type(), name);
        assertArrayEquals(one.entry(name).shape(), other.entry(name).shape(), name);
        assertArrayEquals(one.bytes(name), other.bytes(name), name);
      }
    }
    assertEquals(quantization(theirs), quantization(folder));
  }

  private static JsonNode quantization(Path folder) throws IOException {
    final ObjectNode node =
        (ObjectNode) json(folder.resolve("config.json")).path("quantization_config");
    node.remove("moe_sparsity_config"); // null, and not known to earlier versions
    return node;
  }

  private static void requireDense(SafetensorsFile expected, Map<String, INDArray> weights) {
    int compared = 0;
    for (String name : expected.entries().keySet()) {
      if (name.startsWith("expected.dense.")) {
        assertArrayEquals(
            Floats.toArray(expected.floats(name)),
            Floats.toArray(weights.get(name.substring("expected.dense.".length()))),
            name);
        compared++;
      }
    }
    assertEquals(7, compared);
  }

  private static void requireOutputs(SafetensorsFile expected, Checkpoint model, Workers workers) {
    final byte[] ids = codes(expected, "input.input_ids");
    final byte[] mask = codes(expected, "input.attention_mask");
    final int length = (int) expected.entry("input.input_ids").shape()[1];
    final float[] hidden = Floats.toArray(expected.floats("expected.last_hidden_state"));
    final int d = hidden.length / ids.length;
    final List<Encoding> texts = new ArrayList<>();
    final List<Float> visible = new ArrayList<>();
    for (int from = 0; from < ids.length; from += length) {
      int n = 0;
      while (n < length && mask[from + n] == 1) {
        n++;
      }
      final int[] row = new int[n];
      for (int i = 0; i < n; i++) {
        row[i] = ids[from + i];
      }
      texts.add(new Encoding(row, new int[n]));
      for (int i = from * d; i < (from + n) * d; i++) {
        visible.add(hidden[i]);
      }
    }
    try (EncoderModel encoder =
        new EncoderModel(
            model.architecture(), model.head(), model.pooling(), model.parameters(), workers)) {
      final float[] got = encoder.encode(Batch.of(texts));
      assertEquals(visible.size(), got.length);
      for (int i = 0; i < got.length; i++) {
        assertEquals(visible.get(i), got[i], 2e-5 + 1e-4 * Math.abs(visible.get(i)), "" + i);
      }
    }
  }

  /** Its weights are read, but a model that rounds its inputs is more than its weights. */
  @Test
  void quantizedActivationsAreRefused() throws IOException {
    final Path golden = golden("ct-bert-w8a8-s1");
    final Path theirs = golden.resolve("model");
    final BantamException refused =
        assertThrows(BantamException.class, () -> ModelFolder.read(theirs, Progress.NONE));
    assertTrue(refused.getMessage().contains("quantizes activations"), refused.getMessage());
    try (SafetensorsFile expected = tensors(golden)) {
      final Map<String, INDArray> dense =
          CompressedTensorsFolder.weights(
                  theirs, json(theirs.resolve("config.json")).path("quantization_config"))
              .dense();
      requireDense(expected, dense);
    }
  }

  /** Two widths and a table: formats by group, and names where the class says too little. */
  @Test
  void widthsAndTablesHaveGroupsOfTheirOwn() throws IOException {
    final Checkpoint tiny = tiny();
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    tiny.parameters().forEach((name, t) -> tensors.put(name, DenseTensor.float32(t)));
    tensors.replaceAll(
        (name, t) ->
            name.equals(QUERY + ".weight")
                ? grouped(t, 3)
                : name.equals("encoder.layer.1.output.dense.weight")
                    ? grouped(t, 8)
                    : name.equals("embeddings.word_embeddings.weight") ? grouped(t, 4) : t);
    final CompressedModel model = new CompressedModel(tensors);
    CompressedTensorsFolder.write(folder, tiny, model, "card");
    final JsonNode quantization = quantization(folder);
    assertEquals("mixed-precision", quantization.path("format").asText());
    final Map<String, String> groups = new TreeMap<>();
    quantization
        .path("config_groups")
        .forEach(
            group ->
                groups.put(
                    group.path("targets").get(0).asText(),
                    group.path("format").asText()
                        + " "
                        + group.path("weights").path("num_bits").asInt()));
    assertEquals(
        Map.of(
            "embeddings.word_embeddings",
            "int-quantized 4",
            QUERY,
            "pack-quantized 3",
            "encoder.layer.1.output.dense",
            "int-quantized 8"),
        groups);
    final CompressedModel back = ModelFolder.weights(folder, tiny.architecture());
    model
        .tensors()
        .forEach(
            (name, t) ->
                assertArrayEquals(
                    Floats.toArray(t.dense()),
                    Floats.toArray(back.tensors().get(name).dense()),
                    name));
    assertTrue(ModelFolder.isPacked(folder));
  }

  private static GroupedTensor grouped(CompressedTensor tensor, int bits) {
    final int rows = (int) tensor.shape()[0];
    final int columns = (int) tensor.shape()[1];
    final byte[] codes = new byte[rows * columns];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) (i % (1 << bits) - (1 << (bits - 1)));
    }
    final float[] scales = new float[rows];
    Arrays.fill(scales, 0.25f);
    return GroupedTensor.symmetric(
        tensor.shape(), bits, Groups.perRow(rows, columns), codes, scales, SafetensorsType.F32);
  }

  @Test
  void whatIsMissingIsNamed() throws IOException {
    write(grouped(DenseTensor.float32(tiny().parameters().get(QUERY + ".weight")), 4));
    final Path config = folder.resolve("config.json");
    Files.writeString(config, Files.readString(config).replace("\"num_bits\" : 4", "\"bits\" : 4"));
    final BantamException refused =
        assertThrows(BantamException.class, () -> CompressedTensorsFolder.read(folder));
    assertTrue(
        refused.getMessage().contains("'" + QUERY + "'")
            && refused.getMessage().contains("how many bits"),
        refused.getMessage());
  }

  /** An entry of a file that is damaged, and what it becomes. */
  private record Entry(SafetensorsType type, long[] shape, byte[] bytes) {}

  /** Writes the weights of the folder again, with one entry changed, added or (null) left out. */
  private void replace(String name, Entry other) {
    final Map<String, Entry> entries = new TreeMap<>();
    final Path file = folder.resolve("model.safetensors");
    try (SafetensorsFile old = SafetensorsFile.open(file)) {
      old.entries().forEach((n, e) -> entries.put(n, new Entry(e.type(), e.shape(), old.bytes(n))));
    }
    entries.put(name, other);
    final SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    entries.forEach(
        (n, e) -> {
          if (e != null) {
            writer.add(n, e.type(), e.shape(), e.bytes());
          }
        });
    writer.write(file);
  }

  private static byte[] longs(long... values) {
    final ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      bytes.putLong(value);
    }
    return bytes.array();
  }

  static List<Arguments> damages() {
    final SafetensorsType f = SafetensorsType.F32;
    final SafetensorsType i = SafetensorsType.I32;
    final SafetensorsType l = SafetensorsType.I64;
    return List.of(
        Arguments.of(".weight_scale", new Entry(f, new long[] {1}, new byte[4]), "shape [1]"),
        Arguments.of(".weight_scale", new Entry(f, new long[] {0, 1}, new byte[0]), "shape [0, 1]"),
        Arguments.of(".weight_scale", null, "weight_scale' is missing"),
        Arguments.of(".weight_shape", new Entry(l, new long[] {1}, longs(8)), "two numbers"),
        Arguments.of(".weight_shape", new Entry(l, new long[] {2}, longs(8, 1L << 40)), "says [8"),
        Arguments.of(".weight_shape", null, "weight_shape' is missing"),
        Arguments.of(".weight_packed", new Entry(i, new long[] {3}, new byte[12]), "a matrix"),
        Arguments.of(".weight", new Entry(f, new long[] {1, 1}, new byte[4]), "twice"),
        Arguments.of(".weight_g_idx", new Entry(i, new long[] {4}, new byte[16]), "weight_g_idx"),
        Arguments.of(".input_scale", new Entry(f, new long[] {1}, new byte[4]), "input_scale"));
  }

  @ParameterizedTest
  @MethodSource("damages")
  void whatIsDamagedOrSurplusIsNamed(String suffix, Entry entry, String message)
      throws IOException {
    write(grouped(DenseTensor.float32(tiny().parameters().get(QUERY + ".weight")), 4));
    CompressedTensorsFolder.read(folder);
    replace(QUERY + suffix, entry);
    final BantamException refused =
        assertThrows(BantamException.class, () -> CompressedTensorsFolder.read(folder));
    assertEquals(ExitCode.BAD_INPUT, refused.exitCode());
    assertTrue(refused.getMessage().contains(message), refused.getMessage());
  }

  @Test
  void patternsAreMatchedFromTheBeginning() throws IOException {
    write(grouped(DenseTensor.float32(tiny().parameters().get(QUERY + ".weight")), 4));
    final Path config = folder.resolve("config.json");
    final String text = Files.readString(config);
    Files.writeString(
        config,
        text.replaceAll(
            "\"targets\" : \\[[^]]*\\]", "\"targets\" : [ \"re:never|" + QUERY + "|other\" ]"));
    CompressedTensorsFolder.read(folder);
    Files.writeString(
        config,
        text.replace("\"transform_config\" : { }", "\"transform_config\" : { \"R1\" : 1 }"));
    final BantamException refused =
        assertThrows(BantamException.class, () -> CompressedTensorsFolder.read(folder));
    assertTrue(refused.getMessage().contains("transform_config"), refused.getMessage());
  }
}
