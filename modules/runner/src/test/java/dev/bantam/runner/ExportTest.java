package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.reader.PackedModel;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.stream.Collectors;
import onnx.Onnx;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code bantam export}: folders and single files, and what is refused. */
class ExportTest {
  private static final String DENSE = "encoder.layer.1.output.dense.weight";

  @TempDir private Path temporary;
  private Tiny tiny;

  @BeforeEach
  void copy() {
    tiny = Tiny.in(temporary);
  }

  private static Outcome export(Path model, String format, Path output, Object... more) {
    final Object[] command = new Object[6 + more.length];
    System.arraycopy(
        new Object[] {"export", model, "--format", format, "-o", output}, 0, command, 0, 6);
    System.arraycopy(more, 0, command, 6, more.length);
    return Outcome.of(command);
  }

  private Path compressed(String recipe) {
    final Path packed = temporary.resolve("small");
    final Path file = tiny.write("recipe.yaml", recipe);
    Outcome.of("compress", tiny.model(), "--recipe", file, "-o", packed).code(0);
    return packed;
  }

  private static JsonNode json(Path file) throws IOException {
    return new ObjectMapper().readTree(file.toFile());
  }

  @ParameterizedTest
  @ValueSource(strings = {"onnx", "onnx-int8", "onnx-int4"})
  void aFolderHoldsAllThatAProgramNeeds(String format) throws IOException {
    final Path folder = temporary.resolve("out");
    export(tiny.model(), format, folder).code(0).prints("Read back on 12 texts", "Written: ");
    assertEquals(
        List.of(
            "1_Pooling/config.json",
            "README.md",
            "config.json",
            "manifest.json",
            "model.onnx",
            "modules.json",
            "sentence_bert_config.json",
            "tokenizer.json"),
        Folders.files(folder));
    final JsonNode manifest = json(folder.resolve("manifest.json"));
    assertEquals(format, manifest.path("format").textValue());
    assertEquals("tokens", manifest.path("output").textValue());
    assertEquals(format.equals("onnx"), manifest.path("quantized_by").isMissingNode());
    assertEquals(
        Folders.hashes(folder).get("model.onnx"), manifest.path("file_sha256").textValue());
    final String card = Tiny.read(folder.resolve("README.md"));
    assertTrue(card.contains("`manifest.json` says"), card);
    Outcome.of("inspect", folder).code(4).says("Name the file " + folder.resolve("model.onnx"));
    assertTrue(
        card.contains(
            "new OnnxEmbeddingModel(\"model.onnx\", \"tokenizer.json\", PoolingMode.MEAN)"),
        card);
  }

  @Test
  void severalFilesShareAFolder() throws IOException {
    final Path folder = Files.createDirectory(temporary.resolve("models"));
    export(tiny.model(), "onnx", folder.resolve("full.onnx")).code(0);
    export(tiny.model(), "onnx-int8", folder.resolve("small.onnx"), "--bits", 7).code(0);
    export(tiny.model(), "onnx", folder.resolve("vectors.ONNX"), "--result", "sentence").code(0);
    assertEquals(
        List.of(
            "full.manifest.json",
            "full.md",
            "full.onnx",
            "small.manifest.json",
            "small.md",
            "small.onnx",
            "tokenizer.json",
            "vectors.ONNX",
            "vectors.manifest.json",
            "vectors.md"),
        Folders.files(folder));
    assertArrayEquals(
        Files.readAllBytes(tiny.model().resolve("tokenizer.json")),
        Files.readAllBytes(folder.resolve("tokenizer.json")));
    for (String stem : List.of("full", "small")) {
      final JsonNode manifest = json(folder.resolve(stem + ".manifest.json"));
      assertEquals(stem + ".onnx", manifest.path("file").textValue());
      final String card = Tiny.read(folder.resolve(stem + ".md"));
      assertTrue(card.contains("`" + stem + ".onnx` is ONNX"), card);
      assertTrue(card.contains("`" + stem + ".manifest.json` says"), card);
    }
    assertTrue(
        json(folder.resolve("small.manifest.json"))
            .path("quantized_by")
            .textValue()
            .contains("bits: 7"));
    assertEquals(List.of(), Folders.leftovers(folder));
  }

  @Test
  void anotherModelsTokenizerIsNotReplaced() throws IOException {
    final Path folder = Files.createDirectory(temporary.resolve("models"));
    final Path tokenizer = Files.writeString(folder.resolve("tokenizer.json"), "{}");
    export(tiny.model(), "onnx", folder.resolve("a.onnx"))
        .code(2)
        .says(tokenizer + " is not the tokenizer of 'tiny-bert'", "--force");
    assertEquals(List.of("tokenizer.json"), Folders.files(folder));
    export(tiny.model(), "onnx", folder.resolve("a.onnx"), "--force").code(0);
    assertTrue(Files.size(tokenizer) > 2);
  }

  @Test
  void whatExistsIsReplacedOnlyWhenForced() throws IOException {
    final Path folder = temporary.resolve("out");
    final Path file = Files.createDirectory(temporary.resolve("files")).resolve("m.onnx");
    for (Path output : List.of(folder, file)) {
      export(tiny.model(), "onnx", output).code(0);
      export(tiny.model(), "onnx-int8", output).code(2).says("exists already", "--force");
      export(tiny.model(), "onnx-int8", output, "--force").code(0);
    }
    assertEquals("onnx-int8", json(folder.resolve("manifest.json")).path("format").textValue());
    Files.delete(file);
    export(tiny.model(), "onnx", file).code(2).says("m.md exists already");
    Files.createDirectory(temporary.resolve("files/n.onnx"));
    export(tiny.model(), "onnx", file.resolveSibling("n.onnx"), "--force").code(2).says("a folder");
    final Path mine = Files.createDirectory(temporary.resolve("mine"));
    Files.writeString(mine.resolve("thesis.txt"), "mine");
    export(tiny.model(), "onnx", mine, "--force").code(2).says("not a model folder");
    assertEquals(List.of("thesis.txt"), Folders.files(mine));
    assertEquals(List.of(), Folders.leftovers(temporary));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      textBlock =
          """
          onxx         |                 | Did you mean 'onnx'
          onnx-int2    |                 | There are safetensors, compressed-tensors, onnx, onnx-int8, onnx-int4
          delta        |                 | --format delta needs --base
          onnx         | --bits 8        | --bits is 7 or 8, for --format onnx-int8 alone
          onnx-int8    | --bits 6        | --bits is 7 or 8
          compressed-tensors | --bits 9  | of compressed-tensors it is 2..8
          compressed-tensors | --result tokens | --result is for ONNX formats alone
          onnx-int4    | --bits 8        | --bits is 7 or 8, for --format onnx-int8 alone
          onnx         | --dense         | --dense is for --format safetensors alone
          safetensors  | --result tokens | --result is for ONNX formats alone
          onnx         | --result vector | --result
          onnx         | --result logits | 'tiny-bert' has no head, so it gives no logits
          """)
  void optionsWithoutMeaningAreRefused(String format, String options, String message) {
    final Path output = temporary.resolve("out");
    final Object[] more = options == null ? new Object[0] : (Object[]) options.split(" ");
    export(tiny.model(), format, output, more).code(2).says(message);
    export(tiny.model(), format, temporary.resolve("out.onnx"), more).code(2);
    assertFalse(Files.exists(output));
  }

  @Test
  void namesThatMeanSomethingElseAreRefused() {
    export(tiny.model(), "safetensors", temporary.resolve("m.onnx"))
        .code(2)
        .says("is the name of an ONNX file, and --format safetensors writes a folder");
    export(tiny.model(), "onnx", temporary.resolve(".onnx")).code(2).says("no name of a file");
    final Path packed = compressed("- quantize: {bits: 8}\n");
    export(packed, "onnx-int8", temporary.resolve("m.onnx"), "--bits", 7)
        .code(2)
        .says("--bits has no effect", "integer codes already");
  }

  @Test
  void aDryRunChecksAndWritesNothing() {
    final Path output = temporary.resolve("out.onnx");
    export(tiny.model(), "onnx-int8", output, "--dry-run")
        .code(0)
        .prints("Would write tiny-bert as onnx-int8 to " + output);
    export(tiny.model(), "onnx", output, "--dry-run", "--result", "logits").code(2).says("no head");
    assertEquals(
        List.of(), Folders.files(temporary).stream().filter(f -> f.contains("out")).toList());
  }

  /** The codes of the file, laid out as docs/formats.md says, are those of the graph. */
  @Test
  void packedCodesAreTakenOverBitForBit() {
    final Path packed = compressed("- quantize: {bits: 8}\n");
    final Path file = temporary.resolve("codes.onnx");
    export(packed, "onnx-int8", file).code(0);
    final Map<String, Onnx.TensorProto> stored = OrtFile.stored(file);
    try (SafetensorsFile source = SafetensorsFile.open(packed.resolve("model.safetensors"))) {
      requireSame(source, List.of(DENSE), stored, DENSE, 19);
      final String self = "encoder.layer.0.attention.self.";
      requireSame(
          source,
          List.of(self + "query.weight", self + "key.weight", self + "value.weight"),
          stored,
          self + "qkv.weight",
          15);
    }
  }

  /** Codes [out, in] of several matrices side by side as [in, sum of out], and their scales. */
  private static void requireSame(
      SafetensorsFile source,
      List<String> matrices,
      Map<String, Onnx.TensorProto> stored,
      String name,
      int in) {
    final int out = 15;
    final int width = matrices.size() * out;
    final byte[] expected = new byte[in * width];
    final ByteBuffer scales =
        ByteBuffer.allocate(Float.BYTES * width).order(ByteOrder.LITTLE_ENDIAN);
    for (int m = 0; m < matrices.size(); m++) {
      final byte[] codes = source.bytes(matrices.get(m) + ".codes"); // a byte each, plus 128
      assertEquals(out * in, codes.length);
      for (int i = 0; i < codes.length; i++) {
        expected[i % in * width + m * out + i / in] = (byte) (codes[i] - 128);
      }
      for (float scale : Floats.toArray(source.floats(matrices.get(m) + ".scales"))) {
        scales.putFloat(scale);
      }
    }
    final Onnx.TensorProto codes = stored.get(name + "_quantized");
    assertEquals(List.of((long) in, (long) width), codes.getDimsList());
    assertArrayEquals(expected, codes.getRawData().toByteArray(), name);
    assertArrayEquals(scales.array(), stored.get(name + "_scale").getRawData().toByteArray());
  }

  /** Folders for the library compressed-tensors: of a plain model, and of one with codes. */
  @Test
  void compressedTensorsFoldersAreModelsAgain() throws IOException {
    final Path plain = temporary.resolve("plain");
    export(tiny.model(), "compressed-tensors", plain, "--bits", 3).code(0).prints("Read back on");
    assertTrue(
        json(plain.resolve("manifest.json")).path("quantized_by").textValue().contains("bits: 3"));
    final JsonNode config = json(plain.resolve("config.json")).path("quantization_config");
    assertEquals("mixed-precision", config.path("format").textValue(), "tables are bytes");
    Outcome.of("inspect", plain).code(0).prints("grouped");
    final Path packed = compressed("- quantize: {bits: 8}\n");
    final Path folder = temporary.resolve("bytes");
    export(packed, "compressed-tensors", folder).code(0);
    try (SafetensorsFile source = SafetensorsFile.open(packed.resolve("model.safetensors"));
        SafetensorsFile target = SafetensorsFile.open(folder.resolve("model.safetensors"))) {
      final byte[] codes = source.bytes(DENSE + ".codes");
      for (int i = 0; i < codes.length; i++) {
        codes[i] -= (byte) 128;
      }
      assertArrayEquals(codes, target.bytes(DENSE));
      assertArrayEquals(
          Floats.toArray(source.floats(DENSE + ".scales")),
          Floats.toArray(target.floats(DENSE + "_scale")));
    }
    export(packed, "compressed-tensors", temporary.resolve("o"), "--bits", 4)
        .code(2)
        .says("--bits has no effect", "compressed-tensors keeps them");
    export(folder, "onnx-int8", temporary.resolve("again.onnx")).code(0);
  }

  @Test
  void denseIsWhatEveryReaderOpens() throws IOException {
    final Path packed = compressed("- prune: {sparsity: 0.5}\n- quantize: {bits: 4}\n");
    final Path dense = temporary.resolve("dense");
    export(packed, "safetensors", dense, "--dense").code(0);
    int compared = 0;
    try (SafetensorsFile plain = SafetensorsFile.open(dense.resolve("model.safetensors"));
        PackedModel before = PackedModel.open(packed)) {
      assertEquals(before.names(), plain.entries().keySet());
      for (String name : before.names()) {
        assertEquals(SafetensorsType.F32, plain.entry(name).type(), name);
        assertArrayEquals(before.floats(name), Floats.toArray(plain.floats(name)), name);
        compared++;
      }
    }
    assertEquals(39, compared);
    final String card = Tiny.read(dense.resolve("README.md"));
    assertTrue(card.contains("plain safetensors") && !card.contains("packed"), card);
    final Path again = temporary.resolve("again"); // as a model like any other
    Outcome.of("compress", dense, "--recipe", tiny.folder().resolve("recipe.yaml"), "-o", again)
        .code(0);
  }

  /** A written file is a model: float32 files of every result, with pooling, length and licence. */
  @ParameterizedTest
  @ValueSource(strings = {"tokens", "sentence"})
  void aFloatFileIsAModelAgain(String result) throws IOException {
    final Path file = temporary.resolve("again.onnx");
    export(tiny.model(), "onnx", file, "--result", result).code(0);
    Outcome.of("inspect", file)
        .code(0)
        .prints(
            "bert, 2 layers, width 15, heads of 5, vocabulary 92, up to 12 tokens, mean pooling");
    tiny.write(
        "texts.txt",
        Tiny.read(tiny.folder().resolve("signs.tsv"))
            .lines()
            .skip(1)
            .map(row -> row.split("\t", -1)[0])
            .collect(Collectors.joining("\n")));
    final Path task = tiny.write("texts.yaml", "{embed: texts.txt}\n");
    Outcome.of("evaluate", file, "--task", task, "--reference", tiny.model())
        .code(0)
        .prints("cosine 1.000000", "neighbours 1.000000");
    final Path fromFile = temporary.resolve("from-file");
    final Path recipe = tiny.write("recipe.yaml", "- quantize: {bits: 3}\n");
    Outcome.of("compress", file, "--recipe", recipe, "-o", fromFile).code(0);
    final Path fromFolder = compressed("- quantize: {bits: 3}\n");
    final SortedMap<String, String> hashes = Folders.hashes(fromFolder);
    assertEquals(hashes.get("config.json"), Folders.hashes(fromFile).get("config.json"));
    try (PackedModel expected = PackedModel.open(fromFolder);
        PackedModel got = PackedModel.open(fromFile)) {
      final List<String> read = // nothing in the graph reads the pooler
          expected.names().stream().filter(name -> !name.startsWith("pooler.")).toList();
      assertEquals(read, List.copyOf(got.names()));
      for (String name : read) {
        assertArrayEquals(expected.floats(name), got.floats(name), name);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"onnx-int8", "onnx-int4"})
  void aQuantizedFileIsNoSourceOfCompression(String format) {
    final Path file = temporary.resolve("small.onnx");
    export(tiny.model(), format, file).code(0);
    Outcome.of("inspect", file).code(4).says("is quantized", "take the file that it was made from");
  }

  @Test
  void licenceAndAttributionTravelAlong() throws IOException {
    final Path config = tiny.model().resolve("config.json");
    Files.writeString(
        config,
        Tiny.read(config)
            .replaceFirst(
                "\\{", "{\"bantam_licence\": \"MIT\", \"bantam_attribution\": \"by Ada\","));
    final Path packed = compressed("- quantize: {bits: 8}\n");
    final Path folder = temporary.resolve("onnx");
    export(packed, "onnx", folder).code(0);
    final Path file = temporary.resolve("last.onnx");
    export(folder.resolve("model.onnx"), "onnx-int4", file).code(0);
    for (Path card :
        List.of(
            packed.resolve("README.md"),
            folder.resolve("README.md"),
            temporary.resolve("last.md"))) {
      final String text = Tiny.read(card);
      assertTrue(text.contains("licence MIT. by Ada"), text);
    }
    Outcome.of("inspect", folder.resolve("model.onnx")).code(0).prints("licence MIT");
  }

  @Test
  void equalBytesOnAnyNumberOfThreads() {
    for (String format : List.of("onnx", "onnx-int8", "onnx-int4")) {
      final Path one = temporary.resolve(format + "-1");
      final Path three = temporary.resolve(format + "-3");
      export(tiny.model(), format, one, "--threads", 1).code(0);
      export(tiny.model(), format, three, "--threads", 3).code(0);
      assertEquals(List.of(), Folders.differences(Folders.hashes(one), Folders.hashes(three)));
    }
  }

  @Test
  void aModelWithoutATokenizerSaysSo() throws IOException {
    Files.delete(tiny.model().resolve("tokenizer.json"));
    final Path file = Files.createDirectory(temporary.resolve("files")).resolve("m.onnx");
    export(tiny.model(), "onnx", file).code(0);
    assertEquals(List.of("m.manifest.json", "m.md", "m.onnx"), Folders.files(file.getParent()));
    final String card = Tiny.read(file.resolveSibling("m.md"));
    assertTrue(card.contains("came without a tokenizer.json"), card);
    assertFalse(card.contains("LangChain4j:"), card);
    Outcome.of("inspect", file).code(4).says("needs the model's tokenizer.json beside it");
  }
}
