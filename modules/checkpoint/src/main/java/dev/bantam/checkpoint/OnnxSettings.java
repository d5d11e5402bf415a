package dev.bantam.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.bantam.tensor.BantamException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * What an ONNX file says about its use, under {@code metadata_props}.
 *
 * @param pooling {@code bantam.pooling}: mean, cls or pooler
 * @param normalize {@code bantam.normalize}: true or false
 * @param maxLength {@code bantam.max_length}: longest input in tokens, special tokens included
 * @param head {@code bantam.labels}, a JSON list of texts, and {@code bantam.head}: single_label,
 *     multi_label or regression
 * @param licence {@code bantam.licence}
 * @param attribution {@code bantam.attribution}
 */
public record OnnxSettings(
    Optional<Pooling> pooling,
    Optional<Boolean> normalize,
    OptionalInt maxLength,
    Optional<Head> head,
    Optional<String> licence,
    Optional<String> attribution) {

  private static final String POOLING = "bantam.pooling";
  private static final String NORMALIZE = "bantam.normalize";
  private static final String MAX_LENGTH = "bantam.max_length";
  private static final String LABELS = "bantam.labels";
  private static final String HEAD = "bantam.head";
  private static final String LICENCE = "bantam.licence";
  private static final String ATTRIBUTION = "bantam.attribution";

  /**
   * What a file of this model says about itself.
   *
   * @param withHead whether the file holds the model's head
   * @return entries of {@code metadata_props}, sorted
   */
  public static Map<String, String> describe(Checkpoint model, boolean withHead) {
    final Map<String, String> metadata = new TreeMap<>();
    metadata.put(POOLING, word(model.pooling()));
    metadata.put(NORMALIZE, Boolean.toString(model.normalize()));
    metadata.put(MAX_LENGTH, Integer.toString(model.maxLength()));
    metadata.put(LICENCE, model.provenance().licence());
    if (!model.provenance().attribution().isEmpty()) {
      metadata.put(ATTRIBUTION, model.provenance().attribution());
    }
    if (withHead) {
      final Head head = model.head().orElseThrow();
      final ArrayNode labels = JsonNodeFactory.instance.arrayNode();
      head.labels().forEach(labels::add);
      metadata.put(LABELS, labels.toString());
      metadata.put(HEAD, word(head.kind()));
    }
    return metadata;
  }

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  /** Reads what is there; a value that means nothing goes to the problems. */
  static OnnxSettings read(Map<String, String> metadata, Problems problems) {
    return new OnnxSettings(
        choice(POOLING, metadata, Pooling.values(), problems),
        normalize(metadata.get(NORMALIZE), problems),
        maxLength(metadata.get(MAX_LENGTH), problems),
        head(metadata, problems),
        Optional.ofNullable(metadata.get(LICENCE)),
        Optional.ofNullable(metadata.get(ATTRIBUTION)));
  }

  private static <E extends Enum<E>> Optional<E> choice(
      String key, Map<String, String> metadata, E[] values, Problems problems) {
    final List<String> words = new ArrayList<>();
    for (final E value : values) {
      if (word(value).equals(metadata.get(key))) {
        return Optional.of(value);
      }
      words.add(word(value));
    }
    refuse(key, metadata.get(key), "one of " + String.join(", ", words), problems);
    return Optional.empty();
  }

  private static Optional<Boolean> normalize(String text, Problems problems) {
    if ("true".equals(text) || "false".equals(text)) {
      return Optional.of(text.equals("true"));
    }
    refuse(NORMALIZE, text, "true or false", problems);
    return Optional.empty();
  }

  private static OptionalInt maxLength(String text, Problems problems) {
    if (text != null && text.matches("[1-9][0-9]{0,8}")) {
      return OptionalInt.of(Integer.parseInt(text));
    }
    refuse(MAX_LENGTH, text, "a whole number of at least 1", problems);
    return OptionalInt.empty();
  }

  private static Optional<Head> head(Map<String, String> metadata, Problems problems) {
    final List<String> labels = labels(metadata.get(LABELS));
    final Optional<Head.Kind> kind = choice(HEAD, metadata, Head.Kind.values(), problems);
    if (labels.isEmpty() || (kind.equals(Optional.of(Head.Kind.REGRESSION)) && labels.size() > 1)) {
      refuse(LABELS, metadata.get(LABELS), "a JSON list of texts, one an output", problems);
      return Optional.empty();
    }
    return kind.map(k -> new Head(k, labels));
  }

  /** The texts of a JSON list; none if it is something else. */
  private static List<String> labels(String text) {
    final List<String> labels = new ArrayList<>();
    if (text != null) {
      try {
        final JsonNode list = JsonObject.tree(LABELS, text.getBytes(StandardCharsets.UTF_8));
        list.forEach(l -> labels.add(l.textValue()));
        return list.isArray() && !labels.contains(null) ? labels : List.of();
      } catch (BantamException e) {
        return List.of();
      }
    }
    return labels;
  }

  private static void refuse(String key, String text, String need, Problems problems) {
    if (text != null) {
      problems.add("the metadata '" + key + "' is '" + text + "'; " + need + " is needed");
    }
  }
}
