package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.Hashes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SafetensorsWriterTest {
  @TempDir Path temp;

  /** The 72 bytes that the reference writer makes of one tensor [1, -2]. */
  @Test
  void writesTheReferenceBytes() throws IOException {
    final Path file = temp.resolve("a.safetensors");
    final var written =
        new SafetensorsWriter()
            .add("a", SafetensorsType.F32, Nd4j.createFromArray(1f, -2f))
            .write(file);
    final byte[] bytes = Files.readAllBytes(file);
    assertEquals(
        "3800000000000000"
            + HexFormat.of()
                .formatHex(
                    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}  "
                        .getBytes(StandardCharsets.UTF_8))
            + "0000803f000000c0",
        HexFormat.of().formatHex(bytes));
    assertEquals(72, written.bytes());
    assertEquals(Hashes.of(bytes), written.sha256());
  }

  @Test
  void ordersByElementSizeThenName() {
    final Path file = temp.resolve("order.safetensors");
    new SafetensorsWriter()
        .add("z", SafetensorsType.F32, new long[] {1}, new byte[4])
        .add("a", SafetensorsType.U8, new long[] {3}, new byte[] {1, 2, 3})
        .add("m", SafetensorsType.I64, new long[0], new byte[8])
        .add("b", SafetensorsType.F32, new long[] {0, 7}, new byte[0])
        .add("half", SafetensorsType.F16, new long[] {1, 1}, new byte[2])
        .metadata("z", "ü\"\\\n")
        .metadata("a", "1")
        .write(file);
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertEquals(List.of("m", "b", "z", "half", "a"), List.copyOf(read.entries().keySet()));
      assertEquals(List.of("a", "z"), List.copyOf(read.metadata().keySet()));
      assertEquals("ü\"\\\n", read.metadata().get("z"));
      assertArrayEquals(new byte[] {1, 2, 3}, read.bytes("a"));
      assertArrayEquals(new long[] {0, 7}, read.floats("b").shape());
      assertEquals(0, read.floats("b").length());
    }
  }

  /** Odd shapes, a view, F order and a tensor longer than one tile come back bit by bit. */
  @ParameterizedTest
  @ValueSource(strings = {"1", "1,1", "7,1,5", "13,31", "257,389", "3,2,2,2"})
  void roundTripsAwkwardShapes(String text) {
    final long[] shape = Stream.of(text.split(",")).mapToLong(Long::parseLong).toArray();
    final SplittableRandom random = new SplittableRandom(text.hashCode());
    final INDArray array =
        FloatTensors.create(
            shape,
            (from, tile, count) -> {
              for (int i = 0; i < count; i++) {
                tile[i] = (float) random.nextDouble(-3, 3);
              }
            });
    final Path file = temp.resolve("t.safetensors");
    final INDArray reversed = Nd4j.createUninitialized(array.dataType(), shape, 'f').assign(array);
    new SafetensorsWriter()
        .add("c", SafetensorsType.F32, array)
        .add("f", SafetensorsType.F32, reversed)
        .add("t", SafetensorsType.F32, array.rank() == 2 ? array.transpose() : array)
        .add("half", SafetensorsType.F16, array)
        .add("brain", SafetensorsType.BF16, array)
        .write(file);
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertEquals(array, read.floats("c"));
      assertArrayEquals(read.bytes("c"), read.bytes("f"));
      assertEquals(array.rank() == 2 ? array.transpose() : array, read.floats("t"));
      assertEquals('c', read.floats("f").ordering());
      final INDArray half = read.floats("half").reshape(-1);
      final INDArray brain = read.floats("brain").reshape(-1);
      final INDArray flat = array.reshape(-1);
      for (int i = 0; i < flat.length(); i++) {
        assertEquals(flat.getDouble(i), half.getDouble(i), 3.0 / 2048, "half " + i);
        assertEquals(flat.getDouble(i), brain.getDouble(i), 3.0 / 256, "brain " + i);
      }
    }
  }

  @Test
  void scalarsRoundTrip() {
    final Path file = temp.resolve("s.safetensors");
    new SafetensorsWriter().add("s", SafetensorsType.F32, Nd4j.scalar(2.5f)).write(file);
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertEquals(List.of(), read.entry("s").dimensions());
      assertEquals(2.5f, read.floats("s").getFloat(0));
      assertEquals(0, read.floats("s").rank());
    }
  }

  @Test
  void aFailingSourceLeavesTheOldFileAndNoOther() throws IOException {
    final Path file = temp.resolve("keep.safetensors");
    new SafetensorsWriter().metadata("k", "old").write(file);
    final byte[] before = Files.readAllBytes(file);
    assertThrows(
        IllegalStateException.class,
        () ->
            new SafetensorsWriter()
                .add("short", SafetensorsType.U8, new long[] {5}, new byte[4])
                .write(file));
    assertArrayEquals(before, Files.readAllBytes(file));
    try (Stream<Path> left = Files.list(temp)) {
      assertEquals(List.of(file), left.toList());
    }
  }

  @Test
  void refusesDoubleNamesAndBadShapes() {
    final SafetensorsWriter writer =
        new SafetensorsWriter().add("a", SafetensorsType.U8, new long[] {1}, new byte[1]);
    assertThrows(
        IllegalArgumentException.class,
        () -> writer.add("a", SafetensorsType.U8, new long[] {1}, new byte[1]));
    assertThrows(
        IllegalArgumentException.class,
        () -> writer.add("f4", SafetensorsType.F4, new long[] {3}, new byte[2]));
    assertThrows(
        IllegalArgumentException.class,
        () -> writer.add("__metadata__", SafetensorsType.U8, new long[] {1}, new byte[1]));
    Cases.refused(
        () -> new SafetensorsWriter().write(temp.resolve("no/such/folder/x")), "no/such/folder");
    assertTrue(Files.notExists(temp.resolve("no")));
  }
}
