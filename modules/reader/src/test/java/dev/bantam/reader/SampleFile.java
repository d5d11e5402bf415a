package dev.bantam.reader;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/** A safetensors file put together by hand, right or wrong. */
final class SampleFile {
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();
  private final StringBuilder header = new StringBuilder();
  private final StringBuilder tensors = new StringBuilder();

  /**
   * Adds an entry after the others.
   *
   * @param shape as in the header, such as {@code 2,3}
   * @param hex its bytes; blanks do not count
   */
  SampleFile entry(String name, String type, String shape, String hex) {
    final byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
    header
        .append(header.isEmpty() ? "" : ",")
        .append('"' + name + "\":{\"dtype\":\"" + type + "\",\"shape\":[" + shape + "],")
        .append("\"data_offsets\":[" + data.size() + "," + (data.size() + bytes.length) + "]}");
    data.writeBytes(bytes);
    return this;
  }

  /**
   * Lists a tensor.
   *
   * @param attributes as {@code form=binary shape=1,9}
   */
  SampleFile tensor(String name, String attributes) {
    final StringBuilder members = new StringBuilder();
    for (final String attribute : attributes.split(" ")) {
      final String[] parts = attribute.split("=", 2);
      members
          .append(members.isEmpty() ? "" : ",")
          .append("\\\"" + parts[0] + "\\\":\\\"" + parts[1] + "\\\"");
    }
    tensors.append(tensors.isEmpty() ? "" : ",").append("\\\"" + name + "\\\":{" + members + "}");
    return this;
  }

  /** Writes a packed folder of the tensors that were listed. */
  Path packed(Path folder) throws IOException {
    return described(folder, "{\\\"version\\\":1,\\\"tensors\\\":{" + tensors + "}}");
  }

  /**
   * Writes a packed folder.
   *
   * @param description the metadata entry, escaped for a JSON string
   */
  Path described(Path folder, String description) throws IOException {
    return write(
        folder,
        "{\"__metadata__\":{\"format\":\"pt\",\"bantam\":\""
            + description
            + "\"}"
            + (header.isEmpty() ? "" : ",")
            + header
            + "}");
  }

  /** Writes a plain folder. */
  Path plain(Path folder) throws IOException {
    return write(folder, "{" + header + "}");
  }

  byte[] plain() {
    return bytes("{" + header + "}");
  }

  private Path write(Path folder, String json) throws IOException {
    Files.createDirectories(folder);
    Files.write(folder.resolve("model.safetensors"), bytes(json));
    return folder;
  }

  private byte[] bytes(String json) {
    final byte[] text = json.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + text.length + data.size())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(text.length)
        .put(text)
        .put(data.toByteArray())
        .array();
  }
}
