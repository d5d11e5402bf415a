package dev.bantam.outliersuppression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.SafetensorsEntry;
import dev.bantam.checkpoint.SafetensorsFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** A golden case under src/test/resources: its description and its tensors. */
final class GoldenCase implements AutoCloseable {
  private final Path folder;
  private final JsonNode json;
  private final SafetensorsFile file;

  GoldenCase(Path folder) {
    this.folder = folder;
    try {
      this.json = new ObjectMapper().readTree(Files.readAllBytes(folder.resolve("case.json")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    this.file = SafetensorsFile.open(folder.resolve("tensors.safetensors"));
  }

  /** The folders {@code area/prefix*}, at least one. */
  static List<Path> folders(String area, String prefix) {
    final Path root;
    try {
      root =
          Path.of(Objects.requireNonNull(GoldenCase.class.getResource("/" + area), area).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
    try (Stream<Path> all = Files.list(root)) {
      final List<Path> found =
          all.filter(p -> p.getFileName().toString().startsWith(prefix)).sorted().toList();
      if (found.isEmpty()) {
        throw new IllegalStateException("No case " + area + "/" + prefix);
      }
      return found;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A case by its name. */
  static GoldenCase of(String area, String name) {
    return new GoldenCase(
        folders(area, name).stream()
            .filter(folder -> folder.getFileName().toString().equals(name))
            .findFirst()
            .orElseThrow());
  }

  /**
   * Compares with an expected tensor within the case's own tolerance.
   *
   * @param what for messages and to find the tolerance
   */
  void near(float[] expected, float[] actual, String what) {
    final JsonNode tolerance = json.path("tolerance").path(what);
    if (tolerance.isMissingNode()) {
      throw new IllegalStateException(this + " has no tolerance for " + what);
    }
    if (expected.length != actual.length) {
      throw new AssertionError(
          this + " " + what + " has " + actual.length + " values, not " + expected.length);
    }
    for (int i = 0; i < expected.length; i++) {
      final double allowed =
          tolerance.path("abs").asDouble()
              + tolerance.path("rel").asDouble() * Math.abs((double) expected[i]);
      if (!(Math.abs((double) expected[i] - actual[i]) <= allowed)) {
        throw new AssertionError(
            this + " " + what + "[" + i + "] is " + actual[i] + ", not " + expected[i]);
      }
    }
  }

  /** As {@link #near(float[], float[], String)} with the tensor of the tolerance's name. */
  void near(String tensor, float... actual) {
    near(numbers(tensor), actual, tensor);
  }

  /** A float or an integer tensor. */
  float[] numbers(String tensor) {
    if (file.entry(tensor).type().toString().contains("I32")) {
      final int[] integers = ints(tensor);
      final float[] values = new float[integers.length];
      for (int i = 0; i < values.length; i++) {
        values[i] = integers[i];
      }
      return values;
    }
    return floats(tensor);
  }

  JsonNode parameters() {
    return json.path("parameters");
  }

  JsonNode expected() {
    return json.path("expected");
  }

  boolean has(String tensor) {
    return file.entries().containsKey(tensor);
  }

  List<String> names() {
    return List.copyOf(file.entries().keySet());
  }

  long[] shape(String tensor) {
    return file.entry(tensor).shape();
  }

  byte[] bytes(String tensor) {
    return file.bytes(tensor);
  }

  int[] ints(String tensor) {
    final int[] values = new int[bytes(tensor).length / 4];
    buffer(tensor).asIntBuffer().get(values);
    return values;
  }

  long[] longs(String tensor) {
    final long[] values = new long[bytes(tensor).length / 8];
    buffer(tensor).asLongBuffer().get(values);
    return values;
  }

  float[] floats(String tensor) {
    final float[] values = new float[bytes(tensor).length / 4];
    buffer(tensor).asFloatBuffer().get(values);
    return values;
  }

  double[] doubles(String tensor) {
    final double[] values = new double[bytes(tensor).length / 8];
    buffer(tensor).asDoubleBuffer().get(values);
    return values;
  }

  /** Bytes of a tensor behind an entry of that type. */
  SafetensorsEntry entry(String tensor) {
    return file.entry(tensor);
  }

  private ByteBuffer buffer(String tensor) {
    return ByteBuffer.wrap(bytes(tensor)).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public void close() {
    file.close();
  }

  @Override
  public String toString() {
    return folder.getFileName().toString();
  }
}
