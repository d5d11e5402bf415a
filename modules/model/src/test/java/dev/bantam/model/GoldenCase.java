package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.HuggingFaceFolder;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.Progress;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/** A golden case with a reader of its own, so that it shares no code with what it tests. */
final class GoldenCase {
  private static final Set<String> FAMILIES =
      Set.of("bert", "distilbert", "roberta", "xlm-roberta", "electra", "albert", "mpnet");

  final Path folder;
  final JsonNode description;
  private final JsonNode header;
  private final ByteBuffer data;

  GoldenCase(String name) {
    try {
      folder = Path.of(GoldenCase.class.getResource("/" + name).toURI());
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
    } catch (IOException | URISyntaxException e) {
      throw new AssertionError("Golden case " + name, e);
    }
  }

  boolean has(String tensor) {
    return header.has(tensor);
  }

  double[] numbers(String tensor) {
    final JsonNode entry = header.path(tensor);
    assertTrue(entry.isObject(), "no tensor " + tensor);
    final int from = entry.path("data_offsets").get(0).intValue();
    final int to = entry.path("data_offsets").get(1).intValue();
    final String type = entry.path("dtype").textValue();
    final int size = "F64".equals(type) || "I64".equals(type) ? 8 : 4;
    final double[] values = new double[(to - from) / size];
    for (int i = 0; i < values.length; i++) {
      final int at = from + i * size;
      values[i] =
          switch (type) {
            case "F64" -> data.getDouble(at);
            case "I64" -> data.getLong(at);
            case "F32" -> data.getFloat(at);
            case "I32" -> data.getInt(at);
            default -> throw new AssertionError(type);
          };
    }
    return values;
  }

  int[] shape(String tensor) {
    final JsonNode shape = header.path(tensor).path("shape");
    final int[] dimensions = new int[shape.size()];
    for (int i = 0; i < dimensions.length; i++) {
      dimensions[i] = shape.get(i).intValue();
    }
    return dimensions;
  }

  /** The float32 form of a tensor. */
  float[] floats(String tensor) {
    final double[] values = numbers(tensor);
    final float[] rounded = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      rounded[i] = (float) values[i];
    }
    return rounded;
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

  /** Compares with the tolerance that the case states for {@code what}. */
  void check(String what, double[] expected, float[] got, String label) {
    assertEquals(expected.length, got.length, label + ": length");
    assertTrue(expected.length > 0, label + " is empty");
    final double abs = tolerance(what, "abs");
    final double rel = tolerance(what, "rel");
    for (int i = 0; i < got.length; i++) {
      assertEquals(expected[i], got[i], abs + rel * Math.abs(expected[i]), label + " element " + i);
    }
  }

  /** The rows of the case that have a visible token, padding dropped, positions kept. */
  Batch batch() {
    return batch(visibleRows());
  }

  List<Integer> visibleRows() {
    final double[] mask = numbers("attention_mask");
    final int n = shape("attention_mask")[1];
    final List<Integer> rows = new ArrayList<>();
    for (int r = 0; r < shape("attention_mask")[0]; r++) {
      for (int t = 0; t < n; t++) {
        if (mask[r * n + t] != 0) {
          rows.add(r);
          break;
        }
      }
    }
    return rows;
  }

  Batch batch(List<Integer> rows) {
    final double[] mask = numbers("attention_mask");
    final double[] ids = numbers("input_ids");
    final double[] types =
        has("token_type_ids") ? numbers("token_type_ids") : new double[ids.length];
    final int n = shape("attention_mask")[1];
    final List<int[]> tokens = new ArrayList<>();
    final int[] offsets = new int[rows.size() + 1];
    for (int i = 0; i < rows.size(); i++) {
      for (int t = 0; t < n; t++) {
        final int at = rows.get(i) * n + t;
        if (mask[at] != 0) {
          tokens.add(new int[] {(int) ids[at], (int) types[at], t});
        }
      }
      offsets[i + 1] = tokens.size();
    }
    return new Batch(column(tokens, 0), column(tokens, 1), column(tokens, 2), offsets);
  }

  /** The rows with a visible token as a caller with padded rows packs them. */
  Batch packed(Architecture architecture) {
    final int[][] ids = rows("input_ids");
    final int[][] mask = rows("attention_mask");
    final int[][] types =
        has("token_type_ids") ? rows("token_type_ids") : new int[ids.length][ids[0].length];
    return Batch.ofPadded(ids, mask, types, architecture);
  }

  private int[][] rows(String tensor) {
    final double[] values = numbers(tensor);
    final int n = shape(tensor)[1];
    return visibleRows().stream()
        .map(r -> IntStream.range(r * n, (r + 1) * n).map(i -> (int) values[i]).toArray())
        .toArray(int[][]::new);
  }

  /** Whether the ids of masked tokens are all those of padding. */
  boolean masksPaddingOnly(int padTokenId) {
    final double[] mask = numbers("attention_mask");
    final double[] ids = numbers("input_ids");
    return IntStream.range(0, ids.length).allMatch(i -> mask[i] != 0 || ids[i] == padTokenId);
  }

  private static int[] column(List<int[]> tokens, int column) {
    return tokens.stream().mapToInt(t -> t[column]).toArray();
  }

  /** Whether the first column of this row is visible. */
  boolean firstVisible(int row) {
    return numbers("attention_mask")[row * shape("attention_mask")[1]] != 0;
  }

  /** Whether a folder of the case holds a model of a supported family. */
  boolean hasModel(String model) {
    return FAMILIES.contains(config(model).path("model_type").asText());
  }

  /** Whether a folder of the case holds a model with a head of this kind. */
  boolean isFor(String model, String head) {
    return hasModel(model)
        && config(model).path("architectures").path(0).asText().endsWith("For" + head);
  }

  private JsonNode config(String model) {
    final Path config = folder.resolve(model).resolve("config.json");
    try {
      return Files.isRegularFile(config)
          ? new ObjectMapper().readTree(config.toFile())
          : MissingNode.getInstance();
    } catch (IOException e) {
      throw new AssertionError(config.toString(), e);
    }
  }

  /** The tensor names of the case. */
  List<String> tensors() {
    final List<String> names = new ArrayList<>();
    header.fieldNames().forEachRemaining(names::add);
    names.remove("__metadata__");
    return names;
  }

  Checkpoint checkpoint(String model) {
    return HuggingFaceFolder.read(folder.resolve(model), Progress.NONE);
  }

  static EncoderModel model(
      Checkpoint checkpoint, Optional<Head> head, Pooling pooling, Workers workers) {
    return new EncoderModel(
        checkpoint.architecture(), head, pooling, checkpoint.parameters(), workers);
  }
}
