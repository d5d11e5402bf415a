package dev.bantam.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.function.Function;

/** One JSON object of a file, read key by key; errors name file, key and value. */
final class Json {
  /** The fast writer of doubles gives the same digits on every Java version; the JDK's does not. */
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
          .build();

  private static final DefaultIndenter INDENT = new DefaultIndenter("  ", "\n");

  private final Path file;
  private final String path;
  private final JsonNode node;

  private Json(Path file, String path, JsonNode node) {
    this.file = file;
    this.path = path;
    this.node = node;
  }

  static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /** Reads a file whose root is an object; what {@code from} finds wrong becomes bad input. */
  static <T> T read(Path file, Function<Json, T> from) {
    final JsonNode root = tree(file);
    if (!root.isObject()) {
      throw damaged(file, "it does not hold a JSON object", null);
    }
    try {
      return from.apply(new Json(file, "", root));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw damaged(file, e.getMessage(), e);
    }
  }

  /** Any JSON document. */
  static JsonNode tree(Path file) {
    try {
      final JsonNode root = MAPPER.readTree(Files.readAllBytes(file));
      if (root.isMissingNode()) {
        throw damaged(file, "it is empty", null);
      }
      return root;
    } catch (JsonProcessingException e) {
      throw damaged(file, "it is not valid JSON, " + e.getOriginalMessage() + where(e), e);
    } catch (NoSuchFileException e) {
      throw BantamException.badInput(
          "There is no file " + file + ". Is its folder the run folder of an experiment?", e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  private static String where(JsonProcessingException e) {
    return e.getLocation() == null
        ? ""
        : " at line " + e.getLocation().getLineNr() + ", column " + e.getLocation().getColumnNr();
  }

  private static BantamException damaged(Path file, String problem, Throwable cause) {
    return BantamException.badInput(
        file + " is damaged: " + problem + ". Delete its folder and run the experiment again.",
        cause);
  }

  /** Numbers in the types that reading gives; a copy. */
  static JsonNode canonical(JsonNode node) {
    try {
      return MAPPER.readTree(text(node));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("Not a JSON value: " + node, e);
    }
  }

  /** Indented by two, lines end in a line feed on every platform, one after the last. */
  static String text(JsonNode node) {
    final DefaultPrettyPrinter printer = new DefaultPrettyPrinter();
    printer.indentObjectsWith(INDENT);
    printer.indentArraysWith(INDENT);
    try {
      return MAPPER.writer(printer).writeValueAsString(node) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("Not a JSON value: " + node, e);
    }
  }

  static void write(Path file, JsonNode node) {
    AtomicFiles.write(file, text(node));
  }

  JsonNode node() {
    return node;
  }

  List<String> keys() {
    final List<String> keys = new ArrayList<>();
    node.fieldNames().forEachRemaining(keys::add);
    return keys;
  }

  BantamException problem(String key, String need) {
    final JsonNode value = node.path(key);
    final String found =
        value.isMissingNode() ? "is missing" : value.isValueNode() ? "is " + value : "is not right";
    return damaged(file, "key '" + path + key + "' " + found + "; " + need, null);
  }

  String text(String key) {
    if (!node.path(key).isTextual()) {
      throw problem(key, "a text is needed");
    }
    return node.path(key).textValue();
  }

  long whole(String key) {
    final JsonNode value = node.path(key);
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw problem(key, "a whole number is needed");
    }
    return value.longValue();
  }

  int integer(String key) {
    if (!node.path(key).canConvertToInt()) {
      throw problem(key, "a whole number is needed");
    }
    return Math.toIntExact(whole(key));
  }

  double number(String key) {
    if (!node.path(key).isNumber()) {
      throw problem(key, "a number is needed");
    }
    return node.path(key).doubleValue();
  }

  boolean has(String key) {
    return node.has(key);
  }

  OptionalDouble optionalNumber(String key) {
    return node.has(key) ? OptionalDouble.of(number(key)) : OptionalDouble.empty();
  }

  OptionalInt optionalInteger(String key) {
    return node.has(key) ? OptionalInt.of(integer(key)) : OptionalInt.empty();
  }

  Json child(String key) {
    if (!node.path(key).isObject()) {
      throw problem(key, "an object is needed");
    }
    return new Json(file, path + key + ".", node.get(key));
  }

  <T> List<T> list(String key, Function<Json, T> element) {
    final List<T> all = new ArrayList<>();
    for (final JsonNode value : array(key)) {
      if (!value.isObject()) {
        throw problem(key, "a list of objects is needed");
      }
      all.add(element.apply(new Json(file, path + key + "[" + all.size() + "].", value)));
    }
    return all;
  }

  List<String> texts(String key) {
    final List<String> all = new ArrayList<>();
    for (final JsonNode value : array(key)) {
      if (!value.isTextual()) {
        throw problem(key, "a list of texts is needed");
      }
      all.add(value.textValue());
    }
    return all;
  }

  private JsonNode array(String key) {
    if (!node.path(key).isArray()) {
      throw problem(key, "a list is needed");
    }
    return node.get(key);
  }
}
