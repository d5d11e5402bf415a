package dev.bantam.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where everything of a safetensors file stands, known before the first tensor is: the header, and
 * the place of each tensor, in a given order and without gaps. So tensors can be written in any
 * order, by several threads.
 */
public final class SafetensorsLayout {
  private final byte[] header;
  private final Map<String, Slot> slots;
  private final long bytes;

  /**
   * A tensor's place.
   *
   * @param name name, any text but {@code __metadata__}
   * @param type element type
   * @param dimensions shape, empty for a scalar
   * @param begin first byte in the file
   * @param bytes its length
   */
  public record Slot(
      String name, SafetensorsType type, List<Long> dimensions, long begin, long bytes) {}

  private SafetensorsLayout(byte[] header, Map<String, Slot> slots, long bytes) {
    this.header = header;
    this.slots = slots;
    this.bytes = bytes;
  }

  /**
   * Lays out tensors.
   *
   * @param metadata texts of {@code __metadata__}; written in order of their keys
   * @param tensors in the order of the file; what they say of their place is not read
   * @throws IllegalArgumentException if two have the same name, or one does not end at a byte
   */
  public static SafetensorsLayout of(Map<String, String> metadata, List<Slot> tensors) {
    final Map<String, Slot> relative = new LinkedHashMap<>();
    long at = 0;
    for (Slot tensor : tensors) {
      final long bits =
          Math.multiplyExact(
              SafetensorsEntry.elements(tensor.dimensions), (long) tensor.type.bits());
      if (bits % 8 != 0) {
        throw new IllegalArgumentException("'" + tensor.name + "' does not end at a byte");
      }
      final Slot placed =
          new Slot(tensor.name, tensor.type, List.copyOf(tensor.dimensions), at, bits / 8);
      if (relative.put(tensor.name, placed) != null) {
        throw new IllegalArgumentException("Tensor '" + tensor.name + "' is given twice");
      }
      at = Math.addExact(at, bits / 8);
    }
    final byte[] header = header(new TreeMap<>(metadata), relative);
    final Map<String, Slot> absolute = new LinkedHashMap<>();
    relative.forEach(
        (name, s) ->
            absolute.put(
                name, new Slot(name, s.type, s.dimensions, header.length + s.begin, s.bytes)));
    return new SafetensorsLayout(header, absolute, header.length + at);
  }

  private static byte[] header(Map<String, String> metadata, Map<String, Slot> slots) {
    final ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonGenerator out = new JsonFactory().createGenerator(json)) {
      out.writeStartObject();
      if (!metadata.isEmpty()) {
        out.writeObjectFieldStart(SafetensorsHeader.METADATA);
        for (final Map.Entry<String, String> entry : metadata.entrySet()) {
          out.writeStringField(entry.getKey(), entry.getValue());
        }
        out.writeEndObject();
      }
      for (final Slot slot : slots.values()) {
        out.writeObjectFieldStart(slot.name);
        out.writeStringField("dtype", slot.type.name());
        writeNumbers(out, "shape", slot.dimensions);
        writeNumbers(out, "data_offsets", List.of(slot.begin, slot.begin + slot.bytes));
        out.writeEndObject();
      }
      out.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    while (json.size() % 8 != 0) {
      json.write(' ');
    }
    return ByteBuffer.allocate(Math.addExact(Long.BYTES, json.size()))
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.size())
        .put(json.toByteArray())
        .array();
  }

  private static void writeNumbers(JsonGenerator out, String key, List<Long> numbers)
      throws IOException {
    out.writeArrayFieldStart(key);
    for (final long number : numbers) {
      out.writeNumber(number);
    }
    out.writeEndArray();
  }

  /** The bytes before the first tensor. */
  public byte[] header() {
    return header.clone();
  }

  /** Length of the file. */
  public long bytes() {
    return bytes;
  }

  /** Where a tensor stands. */
  public Slot slot(String name) {
    return slots.get(name);
  }

  /** All tensors, in order. */
  public List<Slot> slots() {
    return List.copyOf(slots.values());
  }
}
