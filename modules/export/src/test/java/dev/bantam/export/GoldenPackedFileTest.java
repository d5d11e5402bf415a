package dev.bantam.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.BinaryTensor;
import dev.bantam.compression.BitmaskTensor;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.compression.IndexTensor;
import dev.bantam.compression.NOfMTensor;
import dev.bantam.compression.SparseGroupedTensor;
import dev.bantam.compression.TernaryTensor;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/**
 * A file of the first layout with every form, written once and never again: {@code
 * packed/version-1}. Today's writer gives its bytes, today's reader its values. The values beside
 * it were computed without Bantam, from the sentences of docs/formats.md.
 *
 * <p>A failure here means that users' files would change or become unreadable. A layout that has to
 * change gets a new version, a folder of its own beside this one, and a reader for both. What
 * today's writer gives lies in {@code target/packed} after the test.
 */
class GoldenPackedFileTest {
  private static final SafetensorsType F16 = SafetensorsType.F16;
  private static final SafetensorsType F32 = SafetensorsType.F32;

  private static Path golden(String name) {
    try {
      return Path.of(GoldenPackedFileTest.class.getResource("/packed/version-1/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static JsonNode expected() throws IOException {
    return new ObjectMapper().readTree(Files.readAllBytes(golden("expected.json")));
  }

  private static byte[] bytes(int... values) {
    final byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  private static boolean[] signs(String signs) {
    final boolean[] positive = new boolean[signs.length()];
    for (int i = 0; i < positive.length; i++) {
      positive[i] = signs.charAt(i) == '+';
    }
    return positive;
  }

  private static float[] floats(float... values) {
    return values;
  }

  private static long[] shape(long... dimensions) {
    return dimensions;
  }

  private static CompressedModel model() {
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    addValues(tensors);
    addGrouped(tensors);
    addSparseGrouped(tensors);
    addSigns(tensors);
    return new CompressedModel(tensors);
  }

  private static void addValues(Map<String, CompressedTensor> tensors) {
    final float[] awkward = {0f, -0f, Float.MIN_VALUE, Float.MAX_VALUE, -1.5f, 0.1f};
    tensors.put("dense.f32", DenseTensor.of(Floats.tensor(awkward, 2, 3), F32));
    tensors.put("dense.f16", DenseTensor.of(Floats.tensor(floats(1f, -2f), 2), F16));
    tensors.put("dense.東京", DenseTensor.of(Floats.tensor(floats(2.5f)), F32));
    final float[] sparse = new float[20];
    sparse[1] = 1.5f;
    sparse[8] = 2f;
    sparse[13] = -3f;
    sparse[19] = 4f;
    tensors.put("bitmask", BitmaskTensor.of(Floats.tensor(sparse, 2, 10), F16));
    tensors.put("bitmask.f32", BitmaskTensor.of(Floats.tensor(floats(0f, 0.1f, -0f), 3, 1), F32));
    tensors.put("index", IndexTensor.of(Floats.tensor(sparse, 2, 10), F16));
    final float[] pattern = {0f, 1f, 0f, 2f, 3f, 0f, 0f, 0f};
    tensors.put("n-of-m", NOfMTensor.of(Floats.tensor(pattern, 1, 8), 2, 4, F16));
  }

  private static GroupedTensor around(int... codes) {
    return GroupedTensor.symmetric(
        shape(1, codes.length), 4, Groups.whole(1, codes.length), bytes(codes), floats(0.5f), F16);
  }

  private static void addGrouped(Map<String, CompressedTensor> tensors) {
    tensors.put("grouped.none", around(-8, -1, 0, 1, 7));
    tensors.put(
        "grouped.integer",
        GroupedTensor.affine(
            shape(3, 2),
            4,
            Groups.perRow(3, 2),
            bytes(1, 2, -2, 7, 3, -8),
            floats(0.5f, 1f, 2f),
            bytes(1, -2, 3),
            F16));
    tensors.put(
        "grouped.offset",
        GroupedTensor.withOffsets(
            shape(2, 4),
            2,
            Groups.whole(2, 4),
            bytes(-2, -1, 0, 1, 1, 0, -1, -2),
            floats(0.5f),
            floats(-1f),
            F16));
    tensors.put(
        "grouped.ragged",
        GroupedTensor.symmetric(
            shape(2, 2, 3),
            3,
            new Groups(4, 3, 3, 2),
            bytes(-4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, 0),
            floats(0.1f, 0.2f, 0.3f, -0.4f),
            F32));
    tensors.put(
        "grouped.vector",
        GroupedTensor.symmetric(
            shape(3), 8, Groups.whole(1, 3), bytes(-128, 0, 127), floats(0x1p-7f), F16));
    tensors.put(
        "grouped.one-bit",
        GroupedTensor.withOffsets(
            shape(1, 4),
            1,
            Groups.whole(1, 4),
            bytes(-1, 0, 0, -1),
            floats(0.3f),
            floats(-0.1f),
            F32));
  }

  private static void addSparseGrouped(Map<String, CompressedTensor> tensors) {
    tensors.put("sparse-grouped.mask", SparseGroupedTensor.of(around(-8, -1, 0, 1, 7)));
    final byte[] codes = new byte[80];
    Arrays.fill(codes, 0, 40, (byte) 1);
    Arrays.fill(codes, 40, 80, (byte) -2);
    codes[3] = -2;
    codes[79] = 1;
    tensors.put(
        "sparse-grouped.gaps",
        SparseGroupedTensor.of(
            GroupedTensor.affine(
                shape(2, 40),
                2,
                Groups.perRow(2, 40),
                codes,
                floats(0.25f, -0.5f),
                bytes(1, -2),
                F16)));
  }

  private static void addSigns(Map<String, CompressedTensor> tensors) {
    tensors.put(
        "binary",
        BinaryTensor.of(shape(1, 9), Groups.whole(1, 9), signs("+--++-+-+"), floats(0.5f), F16));
    tensors.put(
        "binary.zero",
        BinaryTensor.of(shape(2, 3), Groups.perRow(2, 3), signs("+-+-+-"), floats(0f, 1.5f), F16));
    tensors.put(
        "ternary",
        TernaryTensor.of(
            shape(1, 6), Groups.whole(1, 6), bytes(-1, 0, 1, 1, 0, -1), floats(0.5f), F16));
    tensors.put(
        "ternary.two-rows",
        TernaryTensor.of(
            shape(2, 7),
            Groups.whole(2, 7),
            bytes(1, 1, 1, 1, 1, -1, 0, -1, -1, -1, -1, -1, 0, 1),
            floats(0.3f),
            F32));
  }

  @Test
  void todaysWriterGivesTheSameBytes() throws IOException, NoSuchAlgorithmException {
    final Path today =
        Files.createDirectories(Path.of("target/packed")).resolve("model.safetensors");
    final String written = PackedFile.write(model(), today).sha256();
    final byte[] golden = Files.readAllBytes(golden("model.safetensors"));
    final String hash =
        HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(golden));
    assertEquals(expected().path("sha256").asText(), hash, "the golden file itself has changed");
    assertEquals(hash, written, "the writer's bytes have changed");
    assertArrayEquals(golden, Files.readAllBytes(today));
  }

  @Test
  void todaysReaderGivesTheStatedValues() throws IOException {
    final CompressedModel model = PackedFile.read(golden("model.safetensors"));
    final List<String> names = new ArrayList<>();
    final TreeSet<String> forms = new TreeSet<>();
    for (final Map.Entry<String, JsonNode> tensor : expected().path("tensors").properties()) {
      final String name = tensor.getKey();
      final CompressedTensor read = model.tensors().get(name);
      names.add(name);
      forms.add(read.form());
      assertEquals(tensor.getValue().path("form").asText(), read.form(), name);
      assertArrayEquals(
          StreamSupport.stream(tensor.getValue().path("shape").spliterator(), false)
              .mapToLong(JsonNode::longValue)
              .toArray(),
          read.shape(),
          name);
      check(tensor.getValue().path("values"), Floats.toArray(read.dense()), name);
    }
    assertEquals(names, List.copyOf(model.tensors().keySet()));
    assertEquals(CompressedTensor.class.getPermittedSubclasses().length, forms.size());
  }

  /** Equal bits: every number is written with all its digits, and -0.0 with its sign. */
  private static void check(JsonNode expected, float[] values, String name) {
    assertEquals(expected.size(), values.length, name);
    for (int i = 0; i < values.length; i++) {
      assertEquals(
          Float.floatToRawIntBits(Float.parseFloat(expected.get(i).asText())),
          Float.floatToRawIntBits(values[i]),
          name + " " + i);
    }
  }
}
