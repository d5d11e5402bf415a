package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.model.Batch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A model folder of a golden case (transformers, see its {@code case.json}), with the case's inputs
 * and what transformers computed. Read without any class of the product.
 */
final class GoldenFolder {
  final Path model;
  final long[] ids;
  final long[] mask;
  final long[] types;

  /** Number of rows of the inputs. */
  final int rows;

  private final JsonNode description;
  private final JsonNode header;
  private final ByteBuffer data;

  /**
   * @param name {@code case/folder}
   */
  GoldenFolder(String name) {
    model = Repository.root().resolve("modules/model/src/test/resources/encoders").resolve(name);
    try {
      final ObjectMapper json = new ObjectMapper();
      description = json.readTree(model.resolveSibling("case.json").toFile());
      final ByteBuffer file =
          ByteBuffer.wrap(Files.readAllBytes(model.resolveSibling("tensors.safetensors")))
              .order(ByteOrder.LITTLE_ENDIAN);
      final int length = Math.toIntExact(file.getLong());
      header = json.readTree(new String(file.array(), 8, length, StandardCharsets.UTF_8));
      data = file.slice(8 + length, file.limit() - 8 - length).order(ByteOrder.LITTLE_ENDIAN);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    rows = header.path("input_ids").path("shape").path(0).intValue();
    ids = integers("input_ids");
    mask = integers("attention_mask");
    types = has("token_type_ids") ? integers("token_type_ids") : new long[ids.length];
  }

  private ByteBuffer bytes(String name, String type) {
    final JsonNode entry = header.path(name);
    assertEquals(type, entry.path("dtype").textValue(), name);
    final JsonNode offsets = entry.path("data_offsets");
    final int from = offsets.get(0).intValue();
    return data.slice(from, offsets.get(1).intValue() - from).order(ByteOrder.LITTLE_ENDIAN);
  }

  private long[] integers(String name) {
    final ByteBuffer values = bytes(name, "I32");
    final long[] wide = new long[values.remaining() / Integer.BYTES];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values.getInt();
    }
    return wide;
  }

  boolean has(String name) {
    return header.has(name);
  }

  float[] floats(String name) {
    final ByteBuffer values = bytes(name, "F32");
    final float[] floats = new float[values.remaining() / Float.BYTES];
    values.asFloatBuffer().get(floats);
    return floats;
  }

  /** How far a number may be from the case's. */
  double tolerance(String name) {
    final JsonNode all = description.path("tolerance");
    final JsonNode found =
        all.has(name) ? all.path(name) : all.path("*" + name.substring(name.lastIndexOf('.')));
    assertTrue(found.isObject(), "no tolerance for " + name);
    assertEquals(0.0, found.path("rel").doubleValue(), name);
    return found.path("abs").doubleValue();
  }

  private int length() {
    return ids.length / rows;
  }

  /** The visible tokens of all rows that have some. */
  Batch batch() {
    final List<Integer> tokens = new ArrayList<>();
    final List<Integer> offsets = new ArrayList<>(List.of(0));
    for (int row = 0; row < rows; row++) {
      for (int t = 0; t < length(); t++) {
        if (mask[row * length() + t] != 0) {
          tokens.add(row * length() + t);
        }
      }
      if (tokens.size() > offsets.get(offsets.size() - 1)) {
        offsets.add(tokens.size());
      }
    }
    return new Batch(
        tokens.stream().mapToInt(i -> (int) ids[i]).toArray(),
        tokens.stream().mapToInt(i -> (int) types[i]).toArray(),
        tokens.stream().mapToInt(i -> i % length()).toArray(),
        offsets.stream().mapToInt(i -> i).toArray());
  }

  /** The rows of visible tokens, [tokens, d], of hidden states [rows, length, d]. */
  float[] visible(float[] hidden) {
    final int d = hidden.length / ids.length;
    final float[] visible = new float[batch().tokens() * d];
    int at = 0;
    for (int i = 0; i < ids.length; i++) {
      if (mask[i] != 0) {
        System.arraycopy(hidden, i * d, visible, at, d);
        at += d;
      }
    }
    return visible;
  }
}
