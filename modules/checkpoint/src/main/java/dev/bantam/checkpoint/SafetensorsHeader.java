package dev.bantam.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JSON header of a safetensors file, checked as strictly as the reference reader does, and
 * beyond it in one point: a name that occurs twice is refused, because programs differ in which of
 * the two they take.
 *
 * @param entries tensors in the order of the header
 * @param metadata the texts under {@code __metadata__}, empty if there are none
 */
record SafetensorsHeader(Map<String, SafetensorsEntry> entries, Map<String, String> metadata) {
  /** Longest header that the reference reader takes. */
  static final long MAX_LENGTH = 100_000_000;

  static final String METADATA = "__metadata__";

  private static final JsonFactory JSON =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  SafetensorsHeader {
    entries = Collections.unmodifiableMap(entries);
    metadata = Collections.unmodifiableMap(metadata);
  }

  /** Signals what is wrong; the caller adds the file's name. */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String message) {
      super(message);
    }
  }

  /**
   * Parses and checks a header.
   *
   * @param json the header's bytes
   * @param dataLength bytes of the file after the header
   */
  static SafetensorsHeader parse(ByteBuffer json, long dataLength) throws Malformed {
    final SafetensorsHeader header;
    try (JsonParser parser = JSON.createParser(text(json))) {
      header = object(parser);
      if (parser.nextToken() != null) {
        throw new Malformed("the header goes on after its JSON object");
      }
    } catch (JsonProcessingException e) {
      throw new Malformed("the header is not valid JSON: " + e.getOriginalMessage());
    } catch (IOException e) {
      throw new IllegalStateException("Reading from memory failed", e);
    }
    checkCoverage(header.entries.values(), dataLength);
    return header;
  }

  private static String text(ByteBuffer json) throws Malformed {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT)
          .decode(json)
          .toString();
    } catch (CharacterCodingException e) {
      throw new Malformed("the header is not UTF-8");
    }
  }

  private static SafetensorsHeader object(JsonParser parser) throws IOException, Malformed {
    if (parser.nextToken() != JsonToken.START_OBJECT) {
      throw new Malformed("the header is not a JSON object");
    }
    final Map<String, SafetensorsEntry> entries = new LinkedHashMap<>();
    Map<String, String> metadata = Map.of();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      final String name = parser.currentName();
      parser.nextToken();
      if (name.equals(METADATA)) {
        metadata = metadata(parser);
      } else {
        entries.put(name, entry(name, parser));
      }
    }
    return new SafetensorsHeader(entries, metadata);
  }

  private static Map<String, String> metadata(JsonParser parser) throws IOException, Malformed {
    if (parser.currentToken() == JsonToken.VALUE_NULL) {
      return Map.of();
    }
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      throw new Malformed("__metadata__ is not an object");
    }
    final Map<String, String> texts = new LinkedHashMap<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      final String key = parser.currentName();
      if (parser.nextToken() != JsonToken.VALUE_STRING) {
        throw new Malformed("__metadata__ '" + key + "' is not a text");
      }
      texts.put(key, parser.getText());
    }
    return texts;
  }

  private static SafetensorsEntry entry(String name, JsonParser parser)
      throws IOException, Malformed {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      throw new Malformed("tensor '" + name + "' is not described by an object");
    }
    SafetensorsType type = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      final String key = parser.currentName();
      parser.nextToken();
      switch (key) {
        case "dtype" -> type = type(name, parser);
        case "shape" -> shape = wholeNumbers(name, key, parser);
        case "data_offsets" -> offsets = wholeNumbers(name, key, parser);
        default -> parser.skipChildren();
      }
    }
    if (type == null || shape == null || offsets == null) {
      throw new Malformed("tensor '" + name + "' lacks dtype, shape or data_offsets");
    }
    if (offsets.size() != 2 || offsets.get(1) < offsets.get(0)) {
      throw new Malformed(
          "tensor '" + name + "' has data_offsets " + offsets + "; a begin and an end are needed");
    }
    return checkedSize(new SafetensorsEntry(name, type, shape, offsets.get(0), offsets.get(1)));
  }

  private static SafetensorsEntry checkedSize(SafetensorsEntry entry) throws Malformed {
    final long bits;
    try {
      bits = Math.multiplyExact(entry.elements(), (long) entry.type().bits());
    } catch (ArithmeticException e) {
      throw new Malformed(
          "tensor '" + entry.name() + "' has the impossible shape " + entry.dimensions());
    }
    if (bits % 8 != 0) {
      throw new Malformed(
          "tensor '" + entry.name() + "' of " + entry.type() + " does not end at a byte");
    }
    if (bits / 8 != entry.bytes()) {
      throw new Malformed(
          String.format(
              java.util.Locale.ROOT,
              "tensor '%s' of %s %s needs %d bytes, its data_offsets hold %d",
              entry.name(),
              entry.type(),
              entry.dimensions(),
              bits / 8,
              entry.bytes()));
    }
    return entry;
  }

  private static SafetensorsType type(String name, JsonParser parser)
      throws IOException, Malformed {
    final String text = parser.getText();
    for (final SafetensorsType type : SafetensorsType.values()) {
      if (parser.currentToken() == JsonToken.VALUE_STRING && type.name().equals(text)) {
        return type;
      }
    }
    throw new Malformed("tensor '" + name + "' has the unknown dtype " + text);
  }

  private static List<Long> wholeNumbers(String name, String key, JsonParser parser)
      throws IOException, Malformed {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw new Malformed("tensor '" + name + "': " + key + " is not a list");
    }
    final List<Long> numbers = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      final boolean fits =
          parser.currentToken() == JsonToken.VALUE_NUMBER_INT
              && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
      if (!fits || parser.getLongValue() < 0) {
        throw new Malformed(
            "tensor '"
                + name
                + "': "
                + key
                + " holds "
                + parser.getText()
                + " where a whole number of at least 0 is needed");
      }
      numbers.add(parser.getLongValue());
    }
    return numbers;
  }

  /** The tensors, in order of their offsets, must cover the data without hole or overlap. */
  private static void checkCoverage(Iterable<SafetensorsEntry> entries, long dataLength)
      throws Malformed {
    final List<SafetensorsEntry> sorted = new ArrayList<>();
    entries.forEach(sorted::add);
    sorted.sort(
        Comparator.comparingLong(SafetensorsEntry::begin).thenComparingLong(SafetensorsEntry::end));
    long at = 0;
    for (final SafetensorsEntry entry : sorted) {
      if (entry.begin() != at) {
        throw new Malformed(
            String.format(
                java.util.Locale.ROOT,
                "tensor '%s' begins at byte %d where %d is next (hole or overlap)",
                entry.name(),
                entry.begin(),
                at));
      }
      at = entry.end();
    }
    if (at != dataLength) {
      throw new Malformed(
          String.format(
              java.util.Locale.ROOT,
              "the header describes %d bytes of data, the file holds %d",
              at,
              dataLength));
    }
  }
}
