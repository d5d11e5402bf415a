package dev.bantam.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.compression.BinaryTensor;
import dev.bantam.compression.BitmaskTensor;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressedTensor.Part;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.compression.IndexTensor;
import dev.bantam.compression.NOfMTensor;
import dev.bantam.compression.SparseGroupedTensor;
import dev.bantam.compression.StoredEntry;
import dev.bantam.compression.TernaryTensor;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Through real files: every form comes back, every byte is accounted for, damage is refused. */
class PackedFileTest {
  @TempDir Path folder;

  /** Every form in awkward shapes, also a vector, a scalar and tensors without any value. */
  private static CompressedModel everything() {
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    final long[][] shapes = {{1, 1}, {5}, {3, 7}, {13, 24}, {2, 3, 8}, {1, 33}};
    for (int s = 0; s < shapes.length; s++) {
      for (SafetensorsType type : List.of(SafetensorsType.F16, SafetensorsType.F32)) {
        forms(tensors, "layer." + s + "." + type, shapes[s], type);
      }
    }
    tensors.put("scalar", DenseTensor.float32(Floats.tensor(new float[] {3f})));
    tensors.put("nothing", BitmaskTensor.of(Floats.tensor(new float[9], 9), SafetensorsType.F32));
    tensors.put("none", IndexTensor.of(Floats.tensor(new float[999], 9, 111), SafetensorsType.F16));
    return new CompressedModel(tensors);
  }

  private static void forms(
      Map<String, CompressedTensor> tensors, String name, long[] shape, SafetensorsType type) {
    final int columns = (int) shape[shape.length - 1];
    int n = 1;
    for (long size : shape) {
      n *= (int) size;
    }
    final int rows = n / columns;
    final Random random = new Random(n);
    final float[] values = new float[n];
    final boolean[] positive = new boolean[n];
    final byte[] ternary = new byte[n];
    for (int i = 0; i < n; i++) {
      values[i] = random.nextInt(4) == 0 ? (float) random.nextGaussian() : 0f;
      positive[i] = random.nextBoolean();
      ternary[i] = (byte) (random.nextInt(3) - 1);
    }
    final INDArray tensor = Floats.tensor(values, shape);
    tensors.put(name + ".dense.weight", DenseTensor.of(tensor, type));
    tensors.put(name + ".mask.weight", BitmaskTensor.of(tensor, type)); // a name like a suffix
    tensors.put(name + ".index.weight", IndexTensor.of(tensor, type));
    if (columns % 8 == 0) {
      final INDArray sparse = Floats.tensor(new float[n], shape);
      for (int i = 0; i < n; i += 8) {
        Floats.of(sparse).write(i, new float[] {0f, 1f, -2f}, 0, 3);
      }
      tensors.put(name + ".pattern", NOfMTensor.of(sparse, 2, 8, type));
    }
    final Groups groups = new Groups(rows, columns, Math.min(rows, 2), Math.min(columns, 5));
    final float[] scales = new float[groups.count()];
    final float[] offsets = new float[groups.count()];
    final byte[] zeros = new byte[groups.count()];
    for (int bits = 1; bits <= 8; bits++) {
      final int half = 1 << (bits - 1);
      for (int g = 0; g < scales.length; g++) {
        scales[g] = HalfFloats.fromHalf(HalfFloats.toHalf(random.nextFloat() - 1.01f));
        offsets[g] = HalfFloats.fromHalf(HalfFloats.toHalf(random.nextFloat()));
        zeros[g] = (byte) (random.nextInt(2 * half) - half);
      }
      final byte[] codes = new byte[n];
      for (int i = 0; i < n; i++) {
        codes[i] = (byte) (random.nextInt(3) > 0 ? 0 : random.nextInt(2 * half) - half);
      }
      final GroupedTensor symmetric =
          GroupedTensor.symmetric(shape, bits, groups, codes, scales, type);
      tensors.put(name + ".grouped" + bits, symmetric);
      tensors.put(
          name + ".affine" + bits,
          GroupedTensor.affine(shape, bits, groups, codes, scales, zeros, type));
      tensors.put(
          name + ".offset" + bits,
          GroupedTensor.withOffsets(shape, bits, groups, codes, scales, offsets, type));
      tensors.put(name + ".sparse" + bits, SparseGroupedTensor.of(symmetric));
    }
    tensors.put(name + ".binary", BinaryTensor.of(shape, groups, positive, scales, type));
    tensors.put(name + ".ternary", TernaryTensor.of(shape, groups, ternary, scales, type));
  }

  @Test
  void everyFormComesBackBitForBit() {
    final CompressedModel model = everything();
    final Path file = folder.resolve("model.safetensors");
    PackedFile.write(model, file);
    assertTrue(PackedFile.isPacked(file));
    final CompressedModel back = PackedFile.read(file);
    assertEquals(List.copyOf(model.tensors().keySet()), List.copyOf(back.tensors().keySet()));
    final TreeSet<String> forms = new TreeSet<>();
    model
        .tensors()
        .forEach(
            (name, tensor) -> {
              final CompressedTensor read = back.tensors().get(name);
              forms.add(read.form());
              assertEquals(tensor.form(), read.form(), name);
              assertEquals(tensor.attributes(), read.attributes(), name);
              assertArrayEquals(tensor.shape(), read.shape(), name);
              assertArrayEquals(bits(tensor.dense()), bits(read.dense()), name);
              for (int e = 0; e < tensor.encode().size(); e++) {
                final StoredEntry written = tensor.encode().get(e);
                assertEquals(written.suffix(), read.encode().get(e).suffix(), name);
                assertArrayEquals(written.bytes(), read.encode().get(e).bytes(), name);
              }
            });
    assertEquals(8, forms.size(), forms.toString());
  }

  private static int[] bits(INDArray tensor) {
    final float[] values = Floats.toArray(tensor);
    final int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  @Test
  void sameModelSameBytes() throws IOException {
    final SafetensorsWriter.Written first =
        PackedFile.write(everything(), folder.resolve("a.safetensors"));
    final SafetensorsWriter.Written second =
        PackedFile.write(
            PackedFile.read(folder.resolve("a.safetensors")), folder.resolve("b.safetensors"));
    assertEquals(first, second);
    assertArrayEquals(
        Files.readAllBytes(folder.resolve("a.safetensors")),
        Files.readAllBytes(folder.resolve("b.safetensors")));
  }

  /** One file for each form: its parts and the header, read from the file itself, are all of it. */
  @Test
  void partsAndHeaderAreTheWholeFileForEveryForm() throws IOException {
    final Map<String, CompressedTensor> byForm = new LinkedHashMap<>();
    everything()
        .tensors()
        .forEach((name, tensor) -> byForm.put(tensor.form() + tensor.attributes(), tensor));
    int checked = 0;
    for (CompressedTensor tensor : byForm.values()) {
      final CompressedModel model =
          new CompressedModel(Map.of("encoder.layer.0.output.dense.weight", tensor));
      final Path file = folder.resolve("one.safetensors");
      final long length = PackedFile.write(model, file).bytes();
      assertEquals(Files.size(file), length);
      final byte[] start = new byte[8];
      try (var in = Files.newInputStream(file)) {
        assertEquals(8, in.read(start));
      }
      final long header = 8 + ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).getLong();
      final List<PackedFile.Size> sizes = PackedFile.sizes(model, length);
      assertEquals(
          header,
          sizes.stream().filter(s -> s.part().equals("header")).findFirst().orElseThrow().bytes());
      assertEquals(length, sizes.stream().mapToLong(PackedFile.Size::bytes).sum());
      for (Map.Entry<Part, Long> part : tensor.parts().entrySet()) {
        if (part.getValue() > 0) {
          assertTrue(
              sizes.contains(new PackedFile.Size("encoder", part.getKey().id(), part.getValue())),
              tensor.form() + " " + sizes);
        }
      }
      checked++;
    }
    assertTrue(checked > 100, "checked " + checked);
  }

  @Test
  void bytesAreGroupedByParameter() {
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    final List<String> names =
        List.of(
            "embeddings.word_embeddings.weight",
            "embeddings.position_embeddings.weight",
            "embeddings.token_type_embeddings.weight",
            "embeddings.LayerNorm.weight",
            "encoder.layer.11.attention.self.query.weight",
            "encoder.layer.11.attention.self.key.weight",
            "encoder.layer.11.attention.self.value.weight",
            "encoder.layer.11.attention.output.dense.weight",
            "encoder.layer.11.intermediate.dense.weight",
            "encoder.layer.11.output.dense.weight",
            "encoder.layer.11.output.dense.bias",
            "encoder.layer.11.output.LayerNorm.weight",
            "pooler.dense.weight",
            "classifier.weight",
            "classifier.bias");
    for (String name : names) {
      tensors.put(name, DenseTensor.float32(Floats.tensor(new float[] {1f, 2f}, 1, 2)));
    }
    final CompressedModel model = new CompressedModel(tensors);
    final long bytes = PackedFile.write(model, folder.resolve("m.safetensors")).bytes();
    assertEquals(
        List.of(
            new PackedFile.Size("embeddings", "values", 3 * 8),
            new PackedFile.Size("encoder", "values", 6 * 8),
            new PackedFile.Size("head", "values", 2 * 8),
            new PackedFile.Size("rest", "values", 4 * 8),
            new PackedFile.Size("file", "header", bytes - 15 * 8)),
        PackedFile.sizes(model, bytes));
    assertEquals(6 * 8, model.encoderBytes());
    assertThrows(IllegalArgumentException.class, () -> PackedFile.sizes(model, 15 * 8));
  }

  /** A dense tensor keeps its name, so other programs find it. */
  @Test
  void denseTensorsAreReadableByAnyReader() {
    final Path file = folder.resolve("m.safetensors");
    PackedFile.write(
        new CompressedModel(
            Map.of("a.weight", DenseTensor.float32(Floats.tensor(new float[] {1f, 2f}, 1, 2)))),
        file);
    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
      assertArrayEquals(new float[] {1f, 2f}, Floats.toArray(opened.floats("a.weight")));
    }
  }

  private static final String ONE = "{\"form\":\"dense\"}";

  /** A file with a dense tensor [1, 2] under each name. */
  private Path file(String description, String... names) {
    final SafetensorsWriter writer = new SafetensorsWriter();
    if (description != null) {
      writer.metadata(PackedFile.KEY, description);
    }
    for (String name : names) {
      writer.add(name, SafetensorsType.F32, new long[] {1, 2}, new byte[8]);
    }
    final Path file = folder.resolve("damaged.safetensors");
    writer.write(file);
    return file;
  }

  private void refused(Path file, String... reasons) {
    final BantamException e = assertThrows(BantamException.class, () -> PackedFile.read(file));
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    for (String reason : reasons) {
      assertTrue(e.getMessage().contains(reason), "'" + reason + "' in: " + e.getMessage());
    }
    assertTrue(e.getMessage().contains("damaged.safetensors"), e.getMessage());
  }

  private static String tensors(String tensors) {
    return "{\"version\":1,\"tensors\":{" + tensors + "}}";
  }

  @Test
  void otherSafetensorsFilesAreNotPacked() {
    final Path file = file(null, "w");
    assertFalse(PackedFile.isPacked(file));
    refused(file, "is not a packed Bantam file");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "7",
        "{}",
        "{\"version\":1}",
        "{\"version\":1,\"tensors\":[]}",
        "{\"version\":\"1\",\"tensors\":{}}",
        "{\"tensors\":{}}",
        "{\"version\":1,\"tensors\":{},\"tensors\":{}}",
        "{\"version\":1,\"tensors\":{}} x",
        "{\"version\":1,\"tensors\":{\"w\":{\"form\":\"dense\"},\"w\":{\"form\":\"dense\"}}}",
        "null"
      })
  void aDescriptionThatIsNone(String description) {
    refused(file(description, "w"), "metadata entry 'bantam'");
  }

  @Test
  void laterVersionsAreRefused() {
    refused(file("{\"version\":3,\"tensors\":{}}"), "version 3", "versions up to 2");
  }

  @Test
  void missingSurplusAndUnknownEntries() {
    refused(file(tensors("\"w\":" + ONE)), "tensor 'w'", "without a suffix is missing");
    refused(file(tensors("\"w\":" + ONE), "w", "v", "u.codes"), "'u.codes', 'v'");
    refused(file(tensors("\"w\":" + ONE), "w", "w.codes"), "tensor 'w'", "[.codes]");
    refused(file(tensors("\"w\":" + ONE), "w", "w.secret"), "'w.secret'", "no known part");
    refused(file(tensors("\"w\":" + ONE), "w", "w.codes.codes"), "'w.codes.codes'");
    refused(file(tensors("\"w\":{}"), "w"), "tensor 'w'", "does not say its form");
    refused(file(tensors("\"w\":[]"), "w"), "tensor 'w'", "not a JSON object");
    refused(file(tensors("\"w\":{\"form\":7}"), "w"), "tensor 'w'", "'form' is not a text");
    refused(file(tensors("\"w\":{\"form\":\"zip\"}"), "w"), "tensor 'w'", "'zip' is not known");
    refused(
        file(tensors("\"w\":{\"form\":\"dense\",\"bits\":\"4\"}"), "w"), "tensor 'w'", "[bits]");
    refused(
        file(tensors("\"w\":{\"form\":\"binary\",\"shape\":\"1,8\",\"group\":\"1,8\"}"), "w.codes"),
        "tensor 'w'",
        "'.scales' is missing");
    refused(
        file(
            tensors("\"w\":{\"form\":\"binary\",\"shape\":\"1,8\",\"group\":\"1,8\"}"),
            "w.codes",
            "w.scales"),
        "tensor 'w'",
        "'.scales' is F32 [1, 2], but");
  }

  /** Every cut of a real file, and every flipped byte of its header, is an error or harmless. */
  @Test
  void truncatedAndCorruptedFilesNeverEndInAnythingElse() throws IOException {
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    forms(tensors, "w", new long[] {3, 8}, SafetensorsType.F16);
    tensors.keySet().removeIf(name -> name.matches(".*[1245678]"));
    final Path whole = folder.resolve("whole.safetensors");
    PackedFile.write(new CompressedModel(tensors), whole);
    final byte[] bytes = Files.readAllBytes(whole);
    final Path file = folder.resolve("damaged.safetensors");
    for (int length = 0; length < bytes.length; length += 7) {
      Files.write(file, java.util.Arrays.copyOf(bytes, length));
      refused(file);
    }
    int refused = 0;
    final Random random = new Random(6);
    for (int round = 0; round < 600; round++) {
      final byte[] damaged = bytes.clone();
      damaged[random.nextInt(bytes.length)] = (byte) (32 + random.nextInt(95));
      Files.write(file, damaged);
      try {
        PackedFile.read(file).tensors().values().forEach(CompressedTensor::dense);
      } catch (BantamException e) {
        assertEquals(ExitCode.BAD_INPUT, e.exitCode(), e.getMessage());
        refused++;
      }
    }
    assertTrue(refused > 300, "refused " + refused);
  }
}
