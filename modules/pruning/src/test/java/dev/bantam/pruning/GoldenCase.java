package dev.bantam.pruning;

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

  JsonNode parameters() {
    return json.path("parameters");
  }

  JsonNode expected() {
    return json.path("expected");
  }

  /** What an expected value may be off by: {@code abs + rel |expected|}. */
  JsonNode tolerance(String name) {
    final JsonNode tolerance = json.path("tolerance").path(name);
    if (tolerance.isMissingNode()) {
      throw new IllegalArgumentException(this + " has no tolerance for " + name);
    }
    return tolerance;
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
