package dev.bantam.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * One JSON object of a file, read key by key. What is wrong with a value goes to the problems with
 * file, key and value, and reading goes on with a harmless one.
 */
final class JsonObject {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final String file;
  private final JsonNode node;
  private final Problems problems;

  private JsonObject(String file, JsonNode node, Problems problems) {
    this.file = file;
    this.node = node;
    this.problems = problems;
  }

  /**
   * Reads a file whose root is an object.
   *
   * @throws BantamException (bad input) if it is missing, not JSON or not an object
   */
  static JsonObject read(Path path, Problems problems) {
    final JsonNode node = tree(path);
    if (!node.isObject()) {
      throw BantamException.badInput(path + " does not hold a JSON object.");
    }
    return new JsonObject(path.getFileName().toString(), node, problems);
  }

  /** Reads a file if it is there. */
  static Optional<JsonObject> readIfPresent(Path path, Problems problems) {
    return Files.isRegularFile(path) ? Optional.of(read(path, problems)) : Optional.empty();
  }

  /** Any JSON document. */
  static JsonNode tree(Path path) {
    try {
      return tree(path.toString(), Files.readAllBytes(path));
    } catch (NoSuchFileException e) {
      throw BantamException.badInput("There is no file " + path + ".", e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + path + ": " + e.getMessage() + ".", e);
    }
  }

  /** Any JSON document, from memory. */
  static JsonNode tree(String name, byte[] bytes) {
    try {
      return JSON.readTree(bytes);
    } catch (JsonProcessingException e) {
      throw BantamException.badInput(
          name + " is not valid JSON: " + e.getOriginalMessage() + where(e) + ".", e);
    } catch (IOException e) {
      throw BantamException.badInput(name + " cannot be read: " + e.getMessage() + ".", e);
    }
  }

  private static String where(JsonProcessingException e) {
    return e.getLocation() == null
        ? ""
        : " (line "
            + e.getLocation().getLineNr()
            + ", column "
            + e.getLocation().getColumnNr()
            + ")";
  }

  boolean has(String key) {
    return node.hasNonNull(key);
  }

  /** The raw value, a missing node if absent. */
  JsonNode at(String key) {
    return node.path(key);
  }

  /** Throws what was collected, where going on would only add what follows from it. */
  void throwProblems() {
    problems.throwIfAny();
  }

  void problem(String key, String need) {
    final JsonNode value = node.path(key);
    problems.add(
        file
            + ": key '"
            + key
            + "' "
            + (value.isMissingNode() ? "is missing" : "is " + value)
            + "; "
            + need);
  }

  /** A required whole number of at least {@code min}. */
  int integer(String key, int min) {
    return optionalInteger(key, min)
        .orElseGet(
            () -> {
              if (!has(key)) {
                problem(key, "a whole number of at least " + min + " is needed");
              }
              return Math.max(1, min);
            });
  }

  OptionalInt optionalInteger(String key, int min) {
    final JsonNode value = node.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return OptionalInt.empty();
    }
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < min) {
      problem(key, "a whole number of at least " + min + " is needed");
      return OptionalInt.empty();
    }
    return OptionalInt.of(value.intValue());
  }

  /** A required finite number above 0. */
  double positive(String key) {
    final JsonNode value = node.path(key);
    if (!value.isNumber() || !(value.doubleValue() > 0) || Double.isInfinite(value.doubleValue())) {
      problem(key, "a number above 0 is needed");
      return 1;
    }
    return value.doubleValue();
  }

  Optional<String> text(String key) {
    final JsonNode value = node.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return Optional.empty();
    }
    if (!value.isTextual()) {
      problem(key, "a text is needed");
      return Optional.empty();
    }
    return Optional.of(value.textValue());
  }

  Optional<Boolean> flag(String key) {
    final JsonNode value = node.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return Optional.empty();
    }
    if (!value.isBoolean()) {
      problem(key, "true or false is needed");
      return Optional.empty();
    }
    return Optional.of(value.booleanValue());
  }

  /** A list of texts, empty if absent. */
  List<String> texts(String key) {
    final JsonNode value = node.path(key);
    final List<String> texts = new ArrayList<>();
    if (value.isMissingNode() || value.isNull()) {
      return texts;
    }
    boolean good = value.isArray();
    for (final JsonNode element : value) {
      good &= element.isTextual();
      texts.add(element.asText());
    }
    if (!good) {
      problem(key, "a list of texts is needed");
      return List.of();
    }
    return texts;
  }
}
