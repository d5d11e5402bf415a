package dev.bantam.runner.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** JSON files of a run: the same content gives the same bytes on every system. */
final class Json {
  /** The fast writer of doubles gives the same digits on every Java version; the JDK's does not. */
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER).build();

  private Json() {}

  static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  static String text(JsonNode node) {
    final DefaultIndenter lines = new DefaultIndenter("  ", "\n");
    try {
      return MAPPER
              .writer(new DefaultPrettyPrinter().withObjectIndenter(lines).withArrayIndenter(lines))
              .writeValueAsString(node)
          + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A tree of plain values is always written", e);
    }
  }

  static void write(Path file, JsonNode node) {
    AtomicFiles.write(file, text(node));
  }

  static JsonNode read(Path file) {
    try {
      return MAPPER.readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw BantamException.badInput(
          file + " is damaged: " + e.getOriginalMessage() + ". Delete its folder and run again.",
          e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e + ".", e);
    }
  }

  static String sha256(JsonNode node) {
    return Hashes.of(text(node).getBytes(StandardCharsets.UTF_8));
  }
}
