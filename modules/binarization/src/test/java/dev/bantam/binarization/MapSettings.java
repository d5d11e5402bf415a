package dev.bantam.binarization;

import dev.bantam.compression.Settings;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** Settings of a test: what a file would say, and the problems that reading it found. */
final class MapSettings implements Settings {
  private final Map<String, Object> values;
  final List<String> problems = new ArrayList<>();
  final Map<String, MapSettings> mappings = new LinkedHashMap<>();

  MapSettings(Map<String, Object> values) {
    this.values = values;
  }

  @Override
  public boolean has(String key) {
    return values.containsKey(key);
  }

  @Override
  public String text(String key, String fallback) {
    return (String) value(key, fallback, "");
  }

  @Override
  public <E extends Enum<E>> E choice(String key, Class<E> type, E fallback) {
    final Object word = values.get(key);
    if (word == null) {
      return fallback;
    }
    return Enum.valueOf(type, word.toString().toUpperCase(Locale.ROOT).replace('-', '_'));
  }

  @Override
  public int integer(String key, int min, int max, Integer fallback) {
    final int number = (Integer) value(key, fallback, min);
    if (number < min || number > max) {
      problem(key, number + " is not in [" + min + ", " + max + "]");
      return min;
    }
    return number;
  }

  @Override
  public OptionalInt integerOr(String word, String key, int min, int max) {
    final Object value = values.getOrDefault(key, word);
    return value.equals(word) ? OptionalInt.empty() : OptionalInt.of(integer(key, min, max, null));
  }

  @Override
  public double number(String key, double min, double max, Double fallback) {
    return (Double) value(key, fallback, min);
  }

  @Override
  public boolean flag(String key, boolean fallback) {
    return (Boolean) value(key, fallback, fallback);
  }

  @Override
  @SuppressWarnings("unchecked") // a test writes lists of texts
  public List<String> texts(String key, List<String> fallback) {
    return (List<String>) value(key, fallback, List.of());
  }

  @Override
  @SuppressWarnings("unchecked") // a test writes lists of numbers
  public List<Integer> wholeNumbers(String key, int min, int max, List<Integer> fallback) {
    return (List<Integer>) value(key, fallback, List.of(min));
  }

  private Object value(String key, Object fallback, Object harmless) {
    final Object value = values.getOrDefault(key, fallback);
    if (value == null) {
      problem(key, "is missing");
      return harmless;
    }
    return value;
  }

  @Override
  @SuppressWarnings("unchecked") // a test writes maps of settings
  public Optional<Settings> mapping(String key) {
    final Map<String, Object> nested = (Map<String, Object>) values.get(key);
    if (nested == null) {
      return Optional.empty();
    }
    final MapSettings settings = new MapSettings(nested);
    mappings.put(key, settings);
    return Optional.of(settings);
  }

  @Override
  public void problem(String key, String message) {
    problems.add(key + ": " + message);
  }
}
