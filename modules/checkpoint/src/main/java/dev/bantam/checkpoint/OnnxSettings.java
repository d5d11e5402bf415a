package dev.bantam.checkpoint;

import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What an ONNX file says about its use, under {@code metadata_props}.
 *
 * @param pooling {@code bantam.pooling}: mean, cls or pooler
 * @param normalize {@code bantam.normalize}: true or false
 * @param maxLength {@code bantam.max_length}: longest input in tokens, special tokens included
 */
record OnnxSettings(Optional<Pooling> pooling, Optional<Boolean> normalize, OptionalInt maxLength) {

  private static final String POOLING = "bantam.pooling";
  private static final String NORMALIZE = "bantam.normalize";
  private static final String MAX_LENGTH = "bantam.max_length";

  /** Reads what is there; a value that means nothing goes to the problems. */
  static OnnxSettings read(Map<String, String> metadata, Problems problems) {
    return new OnnxSettings(
        pooling(metadata.get(POOLING), problems),
        normalize(metadata.get(NORMALIZE), problems),
        maxLength(metadata.get(MAX_LENGTH), problems));
  }

  private static Optional<Pooling> pooling(String text, Problems problems) {
    for (final Pooling pooling : Pooling.values()) {
      if (pooling.name().toLowerCase(Locale.ROOT).equals(text)) {
        return Optional.of(pooling);
      }
    }
    refuse(POOLING, text, "mean, cls or pooler", problems);
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

  private static void refuse(String key, String text, String need, Problems problems) {
    if (text != null) {
      problems.add("the metadata '" + key + "' is '" + text + "'; " + need + " is needed");
    }
  }
}
