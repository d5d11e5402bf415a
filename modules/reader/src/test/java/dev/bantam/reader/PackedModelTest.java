package dev.bantam.reader;

import static dev.bantam.reader.Refusals.reading;
import static dev.bantam.reader.Refusals.refused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders of the kinds that people have, and the reader's own manners. */
class PackedModelTest {
  private static final String VARIANTS = "encoders/bert-storage-variants/";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String SHARD = "model-00001-of-00004.safetensors";

  @TempDir Path temp;

  private Path copy(String variant) throws IOException {
    final Path target = Files.createDirectories(temp.resolve(variant));
    try (Stream<Path> files = Files.list(Resources.path(VARIANTS + variant))) {
      for (final Path file : files.toList()) {
        Files.copy(file, target.resolve(file.getFileName().toString()));
      }
    }
    return target;
  }

  /** The same weights in shards, the shards written by another implementation. */
  @Test
  void shardsHoldWhatTheSingleFileHolds() throws IOException {
    try (PackedModel single = PackedModel.open(Resources.path(VARIANTS + "plain"));
        PackedModel sharded = PackedModel.open(Resources.path(VARIANTS + "sharded"))) {
      assertTrue(single.names().size() > 20);
      assertEquals(new TreeSet<>(single.names()), new TreeSet<>(sharded.names()));
      for (final String name : single.names()) {
        assertArrayEquals(single.shape(name), sharded.shape(name));
        assertArrayEquals(single.floats(name), sharded.floats(name), name);
      }
    }
  }

  /** Rounding to the nearest of 16 bits loses at most half of the last of 11 or 8 bits. */
  @ParameterizedTest
  @ValueSource(strings = {"f16", "bf16"})
  void halvesAreWidened(String variant) throws IOException {
    final double unit = variant.equals("f16") ? 0x1p-11 : 0x1p-8;
    try (PackedModel single = PackedModel.open(Resources.path(VARIANTS + "plain"));
        PackedModel halves = PackedModel.open(Resources.path(VARIANTS + variant))) {
      int differ = 0;
      for (final String name : halves.names()) {
        final float[] whole = single.floats(name);
        final float[] half = halves.floats(name);
        assertEquals(whole.length, half.length);
        for (int i = 0; i < half.length; i++) {
          assertEquals(whole[i], half[i], Math.max(Math.abs(whole[i]), 0x1p-14) * unit, name);
          differ += whole[i] != half[i] ? 1 : 0;
        }
      }
      assertTrue(differ > 100, differ + " differ");
    }
  }

  /** All binary16 numbers, by the definition: sign * 2^(e - 15) * (1 + f / 1024), in double. */
  @Test
  void everyHalfIsItsDefinition() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      final int exponent = bits >> 10 & 31;
      final double fraction = (bits & 1023) / 1024.0;
      final double sign = bits >> 15 == 1 ? -1 : 1;
      final float got = Floats.half((short) bits);
      if (exponent == 31 && fraction != 0) {
        assertTrue(Float.isNaN(got));
      } else {
        final double magnitude =
            exponent == 31
                ? Double.POSITIVE_INFINITY
                : exponent == 0
                    ? Math.pow(2, -14) * fraction
                    : Math.pow(2, exponent - 15) * (1 + fraction);
        assertEquals(sign * magnitude, got, 0, Integer.toHexString(bits));
      }
      assertEquals(bits >> 15 == 1, Float.floatToRawIntBits(got) < 0, Integer.toHexString(bits));
    }
  }

  @Test
  void integersAreListedAndNotRead() throws IOException {
    try (PackedModel model = PackedModel.open(Resources.path(VARIANTS + "extra-keys"))) {
      final String name = "bert.embeddings.position_ids";
      assertFalse(model.isFloat(name));
      assertTrue(model.isFloat("bert.embeddings.word_embeddings.weight"));
      assertEquals(2, model.shape(name).length);
      refused(() -> model.floats(name), name, "I64");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../secret.safetensors",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "..",
        ".",
        "",
        "c:x",
        "a\0b",
        "\n"
      })
  void namesInTheIndexStayInTheFolder(String name) throws IOException {
    final Path folder = copy("sharded");
    final ObjectNode json = (ObjectNode) Resources.json(folder.resolve(INDEX));
    ((ObjectNode) json.path("weight_map")).put("bert.pooler.dense.bias", name);
    Files.write(folder.resolve(INDEX), new ObjectMapper().writeValueAsBytes(json));
    refused(reading(folder), "bert.pooler.dense.bias", INDEX, "not the name of a file");
  }

  @Test
  void indexAndShardsHaveToAgree() throws IOException {
    final Path folder = copy("sharded");
    final JsonNode original = Resources.json(folder.resolve(INDEX));
    final String name = original.path("weight_map").fieldNames().next();
    final String place = original.path("weight_map").path(name).asText();

    final ObjectNode without = original.deepCopy();
    ((ObjectNode) without.path("weight_map")).remove(name);
    Files.write(folder.resolve(INDEX), new ObjectMapper().writeValueAsBytes(without));
    refused(reading(folder), name, place, "places it in none");

    final ObjectNode more = original.deepCopy();
    ((ObjectNode) more.path("weight_map")).put("more", place);
    Files.write(folder.resolve(INDEX), new ObjectMapper().writeValueAsBytes(more));
    refused(reading(folder), "more", place, "not in the file");

    Files.writeString(folder.resolve(INDEX), "{\"metadata\":{}}");
    refused(reading(folder), null, INDEX, "weight_map");
    Files.writeString(folder.resolve(INDEX), "{\"weight_map\":{\"a\":\"b\",\"a\":\"b\"}}");
    refused(reading(folder), null, INDEX, "twice");

    Files.write(folder.resolve(INDEX), new ObjectMapper().writeValueAsBytes(original));
    Files.delete(folder.resolve(SHARD));
    refused(reading(folder), null, SHARD, "no such file");
  }

  @Test
  void aPackedShardIsRefused() throws IOException {
    final Path folder = temp.resolve("shards");
    new SampleFile().tensor("w", "form=dense").entry("w", "F32", "1", "0000803f").packed(folder);
    Files.move(folder.resolve("model.safetensors"), folder.resolve("one.safetensors"));
    Files.writeString(folder.resolve(INDEX), "{\"weight_map\":{\"w\":\"one.safetensors\"}}");
    refused(reading(folder), null, "one.safetensors", "packed models are one file");
  }

  @Test
  void foldersWithoutAModel() throws IOException {
    refused(reading(temp.resolve("none")), null, "no such folder");
    refused(reading(temp), null, "neither model.safetensors nor " + INDEX);
    Files.createDirectories(temp.resolve("odd/model.safetensors"));
    refused(reading(temp.resolve("odd")), null, "this is a folder");
  }

  @Test
  void configurationIsGivenAsItIs() throws IOException {
    final Path folder = copy("plain");
    final String expected = Files.readString(folder.resolve("config.json"));
    try (PackedModel model = PackedModel.open(folder)) {
      assertEquals(expected, model.config());
      Files.write(folder.resolve("config.json"), new byte[] {'"', (byte) 0xff, '"'});
      refused(model::config, null, "config.json", "not UTF-8");
      Files.delete(folder.resolve("config.json"));
      refused(model::config, null, "config.json", "no such file");
    }
  }

  @Test
  void unknownNamesAndClosedModels() throws IOException {
    final PackedModel model = PackedModel.open(Resources.path(VARIANTS + "plain"));
    final String name = model.names().iterator().next();
    final IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> model.floats("no.such.weight"));
    assertTrue(e.getMessage().contains("'no.such.weight'"), e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> model.shape("x"));
    assertThrows(IllegalArgumentException.class, () -> model.form("x"));
    assertThrows(IllegalArgumentException.class, () -> model.isFloat("x"));
    assertThrows(UnsupportedOperationException.class, () -> model.names().clear());
    model.shape(name)[0] = -7;
    assertTrue(model.shape(name)[0] > 0, "shapes are copies");
    model.close();
    model.close();
    assertThrows(ClosedChannelException.class, () -> model.floats(name));
  }

  /** A refused folder leaves no file open; Windows would not delete it, Linux lists it. */
  @Test
  void refusedFilesAreClosed() throws IOException {
    final Path folder = new SampleFile().entry("w", "F32", "1", "00").plain(temp.resolve("bad"));
    final Path descriptors = Path.of("/proc/self/fd");
    refused(reading(folder), "w", "F32[1] takes 4 bytes", "gives it 1");
    if (Files.isDirectory(descriptors)) {
      try (Stream<Path> open = Files.list(descriptors)) {
        final Path model = folder.resolve("model.safetensors").toRealPath();
        final List<Path> held =
            open.filter(link -> model.equals(link.toAbsolutePath().resolve(target(link)))).toList();
        assertEquals(List.of(), held);
      }
    }
  }

  private static Path target(Path link) {
    try {
      return Files.readSymbolicLink(link);
    } catch (IOException e) {
      return link; // closed since it was listed
    }
  }

  @Test
  void aFileThatWasCutAfterOpeningIsRefused() throws IOException {
    final Path folder =
        new SampleFile().entry("w", "F32", "2", "0000803f 0000803f").plain(temp.resolve("cut"));
    try (PackedModel model = PackedModel.open(folder)) {
      final Path file = folder.resolve("model.safetensors");
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.truncate(channel.size() - 1);
      }
      refused(() -> model.floats("w"), null, "ends at byte");
    }
  }

  /** Six gigabytes of holes before a tensor of two numbers: nothing but the two is read. */
  @Test
  void tensorsAreReadByPosition() throws IOException {
    final long elements = 3L << 29;
    final String json =
        "{\"big\":{\"dtype\":\"F32\",\"shape\":["
            + elements
            + "],\"data_offsets\":[0,"
            + 4 * elements
            + "]},\"tail\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":["
            + 4 * elements
            + ","
            + (4 * elements + 8)
            + "]}}";
    final byte[] text = json.getBytes(StandardCharsets.UTF_8);
    try (FileChannel channel =
        FileChannel.open(
            temp.resolve("model.safetensors"),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      final ByteBuffer head = ByteBuffer.allocate(8 + text.length).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(head.putLong(text.length).put(text).flip(), 0);
      final ByteBuffer end = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(end.putFloat(1.5f).putFloat(-2.5f).flip(), 8 + text.length + 4 * elements);
    }
    try (PackedModel model = PackedModel.open(temp)) {
      assertArrayEquals(new float[] {1.5f, -2.5f}, model.floats("tail"));
      assertArrayEquals(new long[] {elements}, model.shape("big"));
    }
  }

  /** More elements than an array has, in a file of holes. */
  @Test
  void tensorsBeyondAnArrayAreRefusedWhenRead() throws IOException {
    final long elements = 1L << 31;
    final byte[] text =
        ("{\"big\":{\"dtype\":\"F16\",\"shape\":["
                + elements
                + "],\"data_offsets\":[0,"
                + 2 * elements
                + "]}}")
            .getBytes(StandardCharsets.UTF_8);
    try (FileChannel channel =
        FileChannel.open(
            temp.resolve("model.safetensors"),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      final ByteBuffer head = ByteBuffer.allocate(8 + text.length).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(head.putLong(text.length).put(text).flip(), 0);
      channel.write(ByteBuffer.allocate(1), 8 + text.length + 2 * elements - 1);
    }
    try (PackedModel model = PackedModel.open(temp)) {
      assertArrayEquals(new long[] {elements}, model.shape("big"));
      refused(() -> model.floats("big"), "big", "2147483648 elements");
    }
  }

  @Test
  void severalThreadsReadAtOnce() throws IOException {
    try (PackedModel model = PackedModel.open(Resources.path(VARIANTS + "plain"))) {
      final List<String> names = List.copyOf(model.names());
      final List<float[]> expected = names.stream().map(name -> floats(model, name)).toList();
      final long equal =
          IntStream.range(0, 2000)
              .parallel()
              .filter(
                  i ->
                      Arrays.equals(
                          expected.get(i % names.size()),
                          floats(model, names.get(i % names.size()))))
              .count();
      assertEquals(2000, equal);
    }
  }

  private static float[] floats(PackedModel model, String name) {
    try {
      return model.floats(name);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
