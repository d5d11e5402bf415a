package dev.bantam.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A golden case with a reader of its own, so that it shares no code with what it tests. */
public final class GoldenCase {
  public final String name;
  public final JsonNode description;
  private final JsonNode header;
  private final ByteBuffer data;

  GoldenCase(Path folder) {
    try {
      name = folder.getFileName().toString();
      final ObjectMapper json = new ObjectMapper();
      description = json.readTree(folder.resolve("case.json").toFile());
      final ByteBuffer file =
          ByteBuffer.wrap(Files.readAllBytes(folder.resolve("tensors.safetensors")))
              .order(ByteOrder.LITTLE_ENDIAN);
      final int length = Math.toIntExact(file.getLong());
      header = json.readTree(new String(file.array(), 8, length, StandardCharsets.UTF_8));
      data =
          ByteBuffer.wrap(file.array(), 8 + length, file.array().length - 8 - length)
              .slice()
              .order(ByteOrder.LITTLE_ENDIAN);
    } catch (IOException e) {
      throw new AssertionError("Golden case " + folder, e);
    }
  }

  /** All training cases whose folder's name starts with {@code prefix}; never none. */
  static Stream<GoldenCase> named(String prefix) {
    return named("training", prefix);
  }

  /** All cases of an area whose folder's name starts with {@code prefix}; never none. */
  public static Stream<GoldenCase> named(String area, String prefix) {
    final URL url = GoldenCase.class.getResource("/" + area);
    assertTrue(url != null, "no golden cases");
    try (Stream<Path> folders = Files.list(Path.of(url.toURI()))) {
      final List<Path> found =
          folders
              .filter(f -> f.getFileName().toString().startsWith(prefix))
              .filter(f -> Files.isRegularFile(f.resolve("case.json")))
              .sorted()
              .toList();
      assertTrue(!found.isEmpty(), "no case " + prefix);
      return found.stream().map(GoldenCase::new);
    } catch (IOException | URISyntaxException e) {
      throw new AssertionError(prefix, e);
    }
  }

  public JsonNode parameter(String key) {
    return description.path("parameters").path(key);
  }

  public boolean has(String tensor) {
    return header.has(tensor);
  }

  public List<String> tensors() {
    final List<String> names = new ArrayList<>();
    header.fieldNames().forEachRemaining(names::add);
    names.remove("__metadata__");
    names.sort(null);
    return names;
  }

  public int[] shape(String tensor) {
    final JsonNode shape = header.path(tensor).path("shape");
    final int[] dimensions = new int[shape.size()];
    for (int i = 0; i < dimensions.length; i++) {
      dimensions[i] = shape.get(i).intValue();
    }
    return dimensions;
  }

  public double[] numbers(String tensor) {
    final JsonNode entry = header.path(tensor);
    assertTrue(entry.isObject(), "no tensor " + tensor);
    final int from = entry.path("data_offsets").get(0).intValue();
    final int to = entry.path("data_offsets").get(1).intValue();
    final String type = entry.path("dtype").textValue();
    final int size = "I8".equals(type) ? 1 : "F64".equals(type) || "I64".equals(type) ? 8 : 4;
    final double[] values = new double[(to - from) / size];
    for (int i = 0; i < values.length; i++) {
      final int at = from + i * size;
      values[i] =
          switch (type) {
            case "F64" -> data.getDouble(at);
            case "I64" -> data.getLong(at);
            case "F32" -> data.getFloat(at);
            case "I32" -> data.getInt(at);
            case "I8" -> data.get(at);
            default -> throw new AssertionError(type);
          };
    }
    return values;
  }

  public float[] floats(String tensor) {
    final double[] values = numbers(tensor);
    final float[] rounded = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      rounded[i] = (float) values[i];
    }
    return rounded;
  }

  public int[] integers(String tensor) {
    final double[] values = numbers(tensor);
    final int[] whole = new int[values.length];
    for (int i = 0; i < values.length; i++) {
      whole[i] = (int) values[i];
    }
    return whole;
  }

  /** Compares a tensor with the tolerance that the case states for it. */
  public void check(String what, double... got) {
    check(what, numbers(what), got);
  }

  /** Compares with the tolerance that the case states for {@code what}. */
  public void check(String what, double[] expected, double[] got) {
    assertEquals(expected.length, got.length, what + ": length");
    assertTrue(expected.length > 0, what + " is empty");
    final double abs = tolerance(what, "abs");
    final double rel = tolerance(what, "rel");
    for (int i = 0; i < got.length; i++) {
      assertEquals(
          expected[i],
          got[i],
          abs + rel * Math.abs(expected[i]),
          name + " " + what + " element " + i);
    }
  }

  public void check(String what, float[] got) {
    check(what, widen(got));
  }

  static double[] widen(float[] values) {
    final double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  private double tolerance(String what, String kind) {
    final JsonNode tolerances = description.path("tolerance");
    JsonNode found = tolerances.path(what);
    if (found.isMissingNode()) {
      for (var entry : tolerances.properties()) {
        if (what.matches(entry.getKey().replace(".", "\\.").replace("*", ".*"))) {
          found = entry.getValue();
        }
      }
    }
    assertTrue(found.isObject(), "no tolerance for " + what);
    return found.path(kind).doubleValue();
  }

  @Override
  public String toString() {
    return name;
  }
}
