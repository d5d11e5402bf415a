package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

class SafetensorsFileTest {
  @TempDir Path temp;

  /**
   * Malformed and awkward files, with what the reference reader (safetensors 0.8) did with them.
   */
  @ParameterizedTest
  @ValueSource(strings = {"safetensors-files-s1", "safetensors-files-s2"})
  void refusesAndAcceptsWhatTheReferenceDoes(String name) {
    final Path folder = Cases.folder("quantization/" + name);
    final JsonNode expected = Cases.json(folder.resolve("case.json")).path("expected");
    int refused = 0;
    int accepted = 0;
    for (final Map.Entry<String, JsonNode> entry : expected.properties()) {
      final Path file = folder.resolve("files/" + entry.getKey() + ".safetensors");
      final boolean refuse = entry.getValue().path("outcome").asText().equals("refuse");
      // the reference takes the last of two equal names; refusing them is documented
      if (refuse || entry.getKey().equals("accept-duplicate_name")) {
        Cases.refused(() -> SafetensorsFile.open(file).close(), file.toString());
      } else {
        accept(file, entry.getValue());
      }
      if (refuse) {
        refused++;
      } else {
        accepted++;
      }
    }
    assertEquals(35, refused);
    assertEquals(21, accepted);
  }

  private static void accept(Path path, JsonNode expected) {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      final JsonNode tensors = expected.path("tensors");
      assertEquals(tensors.size(), file.entries().size(), path.toString());
      for (final Map.Entry<String, JsonNode> tensor : tensors.properties()) {
        final SafetensorsEntry entry = file.entry(tensor.getKey());
        assertEquals(tensor.getValue().path("dtype").asText(), entry.type().name());
        final long[] shape = entry.shape();
        assertEquals(tensor.getValue().path("shape").size(), shape.length);
        for (int i = 0; i < shape.length; i++) {
          assertEquals(tensor.getValue().path("shape").get(i).longValue(), shape[i]);
        }
        checkValues(file, entry, tensor.getValue().path("values"), path);
      }
      final Map<String, String> metadata = new TreeMap<>();
      expected
          .path("metadata")
          .properties()
          .forEach(e -> metadata.put(e.getKey(), e.getValue().asText()));
      assertEquals(metadata, new TreeMap<>(file.metadata()));
    }
  }

  private static void checkValues(
      SafetensorsFile file, SafetensorsEntry entry, JsonNode values, Path path) {
    assertEquals(values.size(), entry.elements(), path.toString());
    final ByteBuffer bytes =
        ByteBuffer.wrap(file.bytes(entry.name())).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < values.size(); i++) {
      final double want = values.get(i).doubleValue();
      final double got;
      if (entry.type().readsAsFloat()) {
        got = file.floats(entry.name()).reshape(-1).getDouble(i);
      } else {
        got =
            switch (entry.type()) {
              case U8 -> bytes.get(i) & 0xff;
              case I64 -> bytes.getLong(8 * i);
              default -> throw new IllegalStateException("A new type in the case: " + entry);
            };
      }
      assertEquals(want, got, 0, path + " " + entry.name() + " " + i);
    }
  }

  /** A tensor beyond 2 GiB in a sparse file: the last values and a part are read without it all. */
  @Test
  void readsBeyondTwoGigabytes() throws IOException {
    final long elements = 3L << 29; // 6 GiB of F32
    final Path path = temp.resolve("large.safetensors");
    final byte[] json =
        ("{\"big\":{\"dtype\":\"F32\",\"shape\":["
                + elements
                + "],\"data_offsets\":[0,"
                + 4 * elements
                + "]},\"tail\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":["
                + 4 * elements
                + ","
                + (4 * elements + 8)
                + "]}}")
            .getBytes(StandardCharsets.UTF_8);
    try (FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      final ByteBuffer head = ByteBuffer.allocate(8 + json.length).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(head.putLong(json.length).put(json).flip(), 0);
      final ByteBuffer end = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(
          end.putFloat(3f).putFloat(1.5f).putFloat(-2.5f).flip(),
          8 + json.length + 4 * elements - 4);
    }
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      final INDArray tail = file.floats("tail");
      assertEquals(1.5f, tail.getFloat(0));
      assertEquals(-2.5f, tail.getFloat(1));
      final ByteBuffer mapped = file.map("big", 4 * elements - 8, 8);
      assertEquals(0f, mapped.getFloat(0));
      assertEquals(3f, mapped.getFloat(4));
      final ByteBuffer read = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
      file.read("big", 4 * elements - 4, read);
      assertEquals(3f, read.getFloat(0));
      assertThrows(IllegalArgumentException.class, () -> file.map("big", 4 * elements - 4, 8));
      assertThrows(IllegalArgumentException.class, () -> file.bytes("big"));
    }
  }

  @Test
  void namesTheMissingTensorAndANearOne() {
    final Path path =
        Cases.folder("encoders/bert-storage-variants/plain").resolve("model.safetensors");
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      Cases.refused(
          () -> file.floats("classifier.wieght"), "classifier.wieght", "'classifier.weight'");
    }
  }

  @Test
  void refusesIntegersAsWeights() {
    final Path path =
        Cases.folder("encoders/bert-storage-variants/extra-keys").resolve("model.safetensors");
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      Cases.refused(() -> file.floats("bert.embeddings.position_ids"), "I64", "position_ids");
      assertEquals(31 * 8, file.bytes("bert.embeddings.position_ids").length);
    }
  }

  @Test
  void refusesMissingFilesAndFolders() {
    Cases.refused(() -> SafetensorsFile.open(temp.resolve("none")).close(), "none");
    Cases.refused(() -> SafetensorsFile.open(temp).close(), temp.toString());
  }

  @Test
  void namesKeepTheHeadersOrder() {
    final Path folder = Cases.folder("quantization/safetensors-files-s1/files");
    try (SafetensorsFile file =
        SafetensorsFile.open(folder.resolve("accept-reversed_header.safetensors"))) {
      final Object[] names = file.entries().keySet().toArray();
      assertArrayEquals(new Object[] {"b", "a"}, names);
    }
  }
}
