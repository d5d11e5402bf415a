package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.tensorflow.framework.DataType;
import org.tensorflow.framework.TensorShapeProto;
import org.tensorflow.util.BundleEntryProto;
import org.tensorflow.util.BundleHeaderProto;

/** TensorFlow checkpoints: the index of a real one, and small ones written here. */
class TensorBundleTest {
  private static final long REAL_BYTES = 440_419_560L;

  @TempDir private Path temporary;

  @Test
  void theIndexOfBertBase() throws Exception {
    final byte[] index = Files.readAllBytes(Cases.folder("tensorflow").resolve("variables.index"));
    final Map<String, byte[]> table = LevelTable.read(index);
    assertEquals(205, table.size());
    assertTrue(table.containsKey(""), "the header");
    long bytes = 0;
    for (final byte[] value : table.values()) {
      bytes += BundleEntryProto.parseFrom(value).getSize();
    }
    assertEquals(REAL_BYTES, bytes);
    assertEquals(new ArrayList<>(new TreeMap<>(table).keySet()), new ArrayList<>(table.keySet()));
    final BundleEntryProto words =
        BundleEntryProto.parseFrom(table.get("module/bert/embeddings/word_embeddings"));
    assertEquals(30_522, words.getShape().getDim(0).getSize());
    assertEquals(768, words.getShape().getDim(1).getSize());
  }

  /** A BERT of one layer of width 64, packed as the published jar is. */
  private static final class Written {
    private final Map<String, float[]> values = new TreeMap<>();
    private final Map<String, long[]> shapes = new TreeMap<>();
    private final Random random = new Random(4);

    Written() {
      final String bert = "module/bert/";
      for (final String table : List.of("word:7", "position:9", "token_type:2")) {
        final String[] parts = table.split(":", -1);
        add(bert + "embeddings/" + parts[0] + "_embeddings", Long.parseLong(parts[1]), 64);
      }
      norm(bert + "embeddings/LayerNorm");
      final String layer = bert + "encoder/layer_0/";
      for (final String part : List.of("query", "key", "value")) {
        dense(layer + "attention/self/" + part, 64, 64);
      }
      dense(layer + "attention/output/dense", 64, 64);
      norm(layer + "attention/output/LayerNorm");
      dense(layer + "intermediate/dense", 64, 48);
      dense(layer + "output/dense", 48, 64);
      norm(layer + "output/LayerNorm");
      dense(bert + "pooler/dense", 64, 64);
      dense("module/cls/predictions/transform/dense", 64, 64);
      norm("module/cls/predictions/transform/LayerNorm");
      add("module/cls/predictions/output_bias", 7);
    }

    private void dense(String name, long in, long out) {
      add(name + "/kernel", in, out);
      add(name + "/bias", out);
    }

    private void norm(String name) {
      add(name + "/gamma", 64);
      add(name + "/beta", 64);
    }

    private void add(String name, long... shape) {
      int n = 1;
      for (final long size : shape) {
        n *= (int) size;
      }
      final float[] numbers = new float[n];
      for (int i = 0; i < n; i++) {
        numbers[i] = (float) random.nextGaussian();
      }
      values.put(name, numbers);
      shapes.put(name, shape);
    }

    byte[] data() {
      final int length = values.values().stream().mapToInt(v -> 4 * v.length).sum();
      final ByteBuffer data = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
      values
          .values()
          .forEach(
              v -> {
                for (final float number : v) {
                  data.putFloat(number);
                }
              });
      return data.array();
    }

    /** The entries of the index by name; the header's name is empty. */
    Map<String, byte[]> entries() {
      final Map<String, byte[]> entries = new LinkedHashMap<>();
      entries.put("", BundleHeaderProto.newBuilder().setNumShards(1).build().toByteArray());
      final byte[] data = data();
      int offset = 0;
      for (final String name : values.keySet()) {
        final int size = 4 * values.get(name).length;
        final CRC32C crc = new CRC32C();
        crc.update(data, offset, size);
        final int sum = (int) crc.getValue();
        final TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
        for (final long n : shapes.get(name)) {
          shape.addDim(TensorShapeProto.Dim.newBuilder().setSize(n));
        }
        entries.put(
            name,
            BundleEntryProto.newBuilder()
                .setDtype(DataType.DT_FLOAT)
                .setShape(shape)
                .setOffset(offset)
                .setSize(size)
                .setCrc32C(((sum >>> 15) | (sum << 17)) + 0xa282ead8)
                .build()
                .toByteArray());
        offset += size;
      }
      return entries;
    }
  }

  /** A table of two data blocks whose keys share prefixes, with a restart every third entry. */
  private static byte[] table(Map<String, byte[]> entries) throws IOException {
    final ByteArrayOutputStream file = new ByteArrayOutputStream();
    final ByteArrayOutputStream index = new ByteArrayOutputStream();
    final List<String> names = new ArrayList<>(entries.keySet());
    final int half = names.size() / 2;
    for (final List<String> part :
        List.of(names.subList(0, half), names.subList(half, names.size()))) {
      final ByteArrayOutputStream block = new ByteArrayOutputStream();
      final List<Integer> restarts = new ArrayList<>();
      byte[] last = {};
      for (int i = 0; i < part.size(); i++) {
        if (i % 3 == 0) {
          restarts.add(block.size());
          last = new byte[0];
        }
        final byte[] key = part.get(i).getBytes(StandardCharsets.UTF_8);
        int shared = 0;
        while (shared < Math.min(last.length, key.length) && last[shared] == key[shared]) {
          shared++;
        }
        final byte[] value = entries.get(part.get(i));
        entry(block, key, shared, value);
        last = key;
      }
      final ByteArrayOutputStream handle = new ByteArrayOutputStream();
      handle(file, block, restarts, handle);
      entry(index, last, 0, handle.toByteArray());
    }
    final ByteArrayOutputStream footer = new ByteArrayOutputStream();
    handle(file, new ByteArrayOutputStream(), List.of(0), footer);
    handle(file, index, List.of(0), footer);
    file.write(footer.toByteArray());
    file.write(new byte[40 - footer.size()]);
    file.write(
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0xdb4775248b80fb57L).array());
    return file.toByteArray();
  }

  private static void entry(OutputStream block, byte[] key, int shared, byte[] value)
      throws IOException {
    varint(block, shared);
    varint(block, key.length - shared);
    varint(block, value.length);
    block.write(key, shared, key.length - shared);
    block.write(value);
  }

  private static void handle(
      ByteArrayOutputStream file,
      ByteArrayOutputStream block,
      List<Integer> restarts,
      OutputStream handle)
      throws IOException {
    final ByteBuffer end =
        ByteBuffer.allocate(4 * restarts.size() + 4).order(ByteOrder.LITTLE_ENDIAN);
    restarts.forEach(end::putInt);
    end.putInt(restarts.size());
    varint(handle, file.size());
    varint(handle, block.size() + end.capacity());
    file.write(block.toByteArray());
    file.write(end.array());
    file.write(new byte[5]); // no compression, and a checksum that nobody looks at
  }

  private static void varint(OutputStream out, long value) throws IOException {
    long left = value;
    while (left > 0x7f) {
      out.write((int) ((left & 0x7f) | 0x80));
      left >>>= 7;
    }
    out.write((int) left);
  }

  private TensorBundle open(byte[] index, byte[] data) throws IOException {
    return TensorBundle.open(
        Files.write(temporary.resolve("i"), index), Files.write(temporary.resolve("d"), data));
  }

  @Test
  void tensorsAreTheNumbersThatWereWritten() throws IOException {
    final Written written = new Written();
    final TensorBundle bundle = open(table(written.entries()), written.data());
    assertEquals(List.copyOf(written.values.keySet()), bundle.names());
    written.values.forEach(
        (name, numbers) -> {
          final INDArray tensor = bundle.floats(name);
          assertArrayEquals(written.shapes.get(name), tensor.shape(), name);
          assertArrayEquals(numbers, tensor.ravel().toFloatVector(), name);
        });
    final String kernel = "module/bert/encoder/layer_0/output/dense/kernel";
    final INDArray transposed = bundle.transposed(kernel);
    assertArrayEquals(new long[] {64, 48}, transposed.shape());
    for (int out = 0; out < 64; out++) {
      for (int in = 0; in < 48; in++) {
        assertEquals(written.values.get(kernel)[in * 64 + out], transposed.getFloat(out, in));
      }
    }
  }

  @Test
  void damageIsNamed() throws IOException {
    final Written written = new Written();
    final byte[] index = table(written.entries());
    final byte[] data = written.data();
    Cases.refused(() -> open(java.util.Arrays.copyOf(index, 30), data), "30 bytes");
    Cases.refused(() -> open(java.util.Arrays.copyOf(index, index.length - 1), data), "LevelDB");
    final byte[] shifted = index.clone();
    shifted[0] = 50; // shares more than there is
    Cases.refused(() -> open(shifted, data), "damaged", "shares 50 bytes");
    Cases.refused(
        () -> open(index, java.util.Arrays.copyOf(data, data.length - 4)),
        "'module/cls/predictions/transform/dense/kernel'",
        "in a file of");
    final byte[] flipped = data.clone();
    flipped[3] ^= 1;
    final TensorBundle bundle = open(index, flipped);
    Cases.refused(() -> bundle.floats(bundle.names().get(0)), "checksum", bundle.names().get(0));
    final Map<String, byte[]> halves = written.entries();
    halves.put(
        "module/bert/pooler/dense/bias",
        BundleEntryProto.newBuilder().setDtype(DataType.DT_HALF).build().toByteArray());
    Cases.refused(() -> open(table(halves), data), "pooler/dense/bias", "DT_HALF");
  }

  /** From a jar to a model: unpacked once, weights under our names, words as a tokenizer. */
  @Test
  void aJarIsUnpackedOnce() throws IOException {
    final Written written = new Written();
    final Path jar = jar(written, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n");
    final NamedModel named =
        new NamedModel(
            "small",
            new MavenArtifact("a:b:1", "0".repeat(64), 1, "MIT"),
            "inner/model",
            "assets/vocab.txt",
            Pooling.MEAN,
            false,
            9,
            "MIT",
            "",
            "",
            NamedModel.Form.TENSORFLOW);
    final Path cache = temporary.resolve("cache");
    final Checkpoint model = UnpackedBert.of(named, jar, cache).encoder();
    assertEquals(
        List.copyOf(EncoderParameters.shapes(model.architecture(), Optional.empty()).keySet()),
        List.copyOf(model.parameters().keySet()));
    assertEquals(1, model.architecture().layers().get(0).heads());
    assertArrayEquals(
        written.values.get("module/bert/embeddings/LayerNorm/gamma"),
        model.parameters().get("embeddings.LayerNorm.weight").toFloatVector());
    final INDArray query = model.parameters().get("encoder.layer.0.attention.self.query.weight");
    assertEquals(
        written.values.get("module/bert/encoder/layer_0/attention/self/query/kernel")[64 * 3 + 5],
        query.getFloat(5, 3));
    assertArrayEquals(
        new int[] {2, 5, 6, 4, 1, 3},
        model.tokenizer().orElseThrow().encode("Ab [MASK] c", 9).ids());
    assertArrayEquals(
        new int[] {0, 0, 0, 1, 1},
        model.tokenizer().orElseThrow().encodePair("a", "a", 9).typeIds());
    Files.delete(jar);
    final MaskedLanguageHead head = UnpackedBert.of(named, jar, cache).head();
    assertArrayEquals(
        written.values.get("module/cls/predictions/output_bias"),
        head.weights().get("cls.predictions.bias").toFloatVector());
    assertEquals(3, CachedFiles.list(cache).stream().filter(CachedFiles.Entry::own).count());
    assertEquals(3, CachedFiles.clean(cache).size());
    assertTrue(CachedFiles.list(cache).isEmpty());
    try (var left = Files.list(cache)) {
      assertEquals(0, left.count(), "folders are left");
    }
    Cases.refused(() -> UnpackedBert.of(named, jar, cache), "Cannot unpack");
  }

  private Path jar(Written written, String vocabulary) throws IOException {
    final ByteArrayOutputStream inner = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(inner)) {
      stored(zip, "saved_model.pb", new byte[9]);
      stored(zip, "assets/vocab.txt", vocabulary.getBytes(StandardCharsets.UTF_8));
      stored(zip, "variables/variables.data-00000-of-00001", written.data());
      stored(zip, "variables/variables.index", table(written.entries()));
    }
    final Path jar = temporary.resolve("small.jar");
    try (ZipOutputStream outer = new ZipOutputStream(Files.newOutputStream(jar))) {
      outer.putNextEntry(new ZipEntry("inner/model"));
      outer.write(inner.toByteArray());
    }
    return jar;
  }

  /** As in the published jar: without compression, sizes in front. */
  private static void stored(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
    final CRC32 crc = new CRC32();
    crc.update(bytes);
    final ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(bytes.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(bytes);
  }
}
