package dev.bantam.runner.experiment;

import dev.bantam.compression.Settings;
import dev.bantam.tensor.Suggestions;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Supplier;

/**
 * {@link Settings} over a mapping of a YAML file.
 *
 * <p>Remembers which keys were asked for and what was read, in that order. {@link #finish()}
 * reports the keys that nobody read.
 */
final class YamlSettings implements Settings {
  private final Yaml.Mapping node;
  private final String label;
  private final Problems problems;

  /** Keys that somebody asked about, for suggestions. */
  private final Set<String> known = new LinkedHashSet<>();

  /** Keys whose value somebody read or complained about. */
  private final Set<String> consumed = new LinkedHashSet<>();

  private final Map<String, Supplier<ResolvedValue>> read = new LinkedHashMap<>();
  private final Map<String, YamlSettings> children = new LinkedHashMap<>();

  /**
   * @param label what messages call this mapping, such as {@code finetune}; empty at the top
   */
  YamlSettings(Yaml.Mapping node, String label, Problems problems) {
    this.node = Objects.requireNonNull(node, "node");
    this.label = Objects.requireNonNull(label, "label");
    this.problems = Objects.requireNonNull(problems, "problems");
  }

  Position at() {
    return node.at();
  }

  Set<String> known() {
    return known;
  }

  /** A key with the name of its mapping in front: {@code finetune.epochs}. */
  String full(String key) {
    return label.isEmpty() ? key : label + "." + key;
  }

  @Override
  public boolean has(String key) {
    known.add(key);
    return node.get(key).isPresent();
  }

  /** The value as written, marked as read; nothing is kept for the resolved file. */
  Optional<Yaml> value(String key) {
    known.add(key);
    consumed.add(key);
    return node.get(key);
  }

  /** As {@link #value}, and an absent key is a problem that {@code example} helps to solve. */
  Optional<Yaml> required(String key, String example) {
    final Optional<Yaml> value = value(key);
    if (value.isEmpty()) {
      missing(key, example);
    }
    return value;
  }

  private void missing(String key, String example) {
    problems.add(node.at(), full(key) + " is missing", "Add a line such as '" + example + "'.");
  }

  void keep(String key, ResolvedValue value) {
    read.put(key, () -> value);
  }

  @Override
  public String text(String key, String fallback) {
    final String example = key + ": " + (fallback == null ? "<text>" : fallback);
    return orMissing(key, fallback, example)
        .flatMap(v -> asText(full(key), v))
        .map(t -> kept(key, t, new ResolvedValue.Text(t)))
        .orElseGet(
            () -> fallback == null ? "" : kept(key, fallback, new ResolvedValue.Text(fallback)));
  }

  /** The text of a scalar, or a problem; {@code what} names the value in the message. */
  Optional<String> asText(String what, Yaml value) {
    if (value instanceof Yaml.Scalar scalar && scalar.kind() == Yaml.Kind.TEXT) {
      if (!scalar.text().isBlank()) {
        return Optional.of(scalar.text());
      }
      problems.add(scalar.at(), what + " is empty", "Write a text, or delete the line.");
      return Optional.empty();
    }
    final String remedy =
        value instanceof Yaml.Scalar scalar && scalar.kind() != Yaml.Kind.NOTHING
            ? "Put it in quotes if it is meant as a text: \"" + scalar.text() + "\"."
            : "Write a single text.";
    wrongType(what, "a text", value, remedy);
    return Optional.empty();
  }

  private void wrongType(String what, String expected, Yaml found, String remedy) {
    problems.add(
        found.at(), what + " must be " + expected + ", but is " + found.describe(), remedy);
  }

  private static <T> String example(String key, T fallback, String otherwise) {
    return "Write for example '" + key + ": " + (fallback == null ? otherwise : fallback) + "'.";
  }

  @Override
  public <E extends Enum<E>> E choice(String key, Class<E> type, E fallback) {
    final E[] constants = type.getEnumConstants();
    final List<String> words = words(type);
    final E harmless = fallback == null ? constants[0] : fallback;
    return orMissing(key, fallback, key + ": " + words.get(0))
        .flatMap(v -> asText(full(key), v).map(t -> asChoice(full(key), v.at(), t, words)))
        .filter(i -> i >= 0)
        .map(i -> kept(key, constants[i], new ResolvedValue.Text(words.get(i))))
        .orElseGet(
            () -> kept(key, harmless, new ResolvedValue.Text(words.get(harmless.ordinal()))));
  }

  /** The constants of an enum as they are written in a file. */
  static <E extends Enum<E>> List<String> words(Class<E> type) {
    final List<String> words = new ArrayList<>();
    for (E constant : type.getEnumConstants()) {
      words.add(constant.name().toLowerCase(Locale.ROOT).replace('_', '-'));
    }
    return words;
  }

  /** The index of {@code word} in {@code words}; a problem and -1 if it is not there. */
  int asChoice(String what, Position at, String word, List<String> words) {
    final int index = words.indexOf(word);
    if (index < 0) {
      problems.add(
          at,
          what + " is '" + word + "', which is not known",
          Suggestions.didYouMean(word, words) + "Possible: " + String.join(", ", words) + ".");
    }
    return index;
  }

  @Override
  public int integer(String key, int min, int max, Integer fallback) {
    final String otherwise = Integer.toString(Math.max(min, Math.min(1, max)));
    final int harmless = fallback == null ? Integer.parseInt(otherwise) : fallback;
    return orMissing(key, fallback, key + ": " + otherwise)
        .flatMap(v -> asInteger(full(key), v, min, max, example(key, fallback, otherwise)))
        .map(i -> kept(key, i.intValue(), ResolvedValue.Number.of(i)))
        .orElseGet(() -> kept(key, harmless, ResolvedValue.Number.of(harmless)));
  }

  /** A whole number in [min, max], or a problem. */
  Optional<Long> asInteger(String what, Yaml value, long min, long max, String remedy) {
    if (!(value instanceof Yaml.Scalar s) || s.kind() != Yaml.Kind.INTEGER) {
      wrongType(what, "a whole number", value, remedy);
      return Optional.empty();
    }
    final BigInteger number = wholeNumber(s.text());
    if (number.compareTo(BigInteger.valueOf(min)) < 0
        || number.compareTo(BigInteger.valueOf(max)) > 0) {
      final boolean tooSmall = number.compareTo(BigInteger.valueOf(min)) < 0;
      final String range =
          tooSmall && max >= Integer.MAX_VALUE
              ? "at least " + min
              : "between " + min + " and " + max;
      problems.add(s.at(), what + " is " + s.text() + ", but must be " + range, remedy);
      return Optional.empty();
    }
    return Optional.of(number.longValueExact());
  }

  static BigInteger wholeNumber(String text) {
    if (text.startsWith("0x")) {
      return new BigInteger(text.substring(2), 16);
    }
    return text.startsWith("0o")
        ? new BigInteger(text.substring(2), 8)
        : new BigInteger(text.startsWith("+") ? text.substring(1) : text);
  }

  /** A whole number, or {@code word} for "no number", which is also the default. */
  @Override
  public OptionalInt integerOr(String word, String key, int min, int max) {
    final Optional<Yaml> value = value(key);
    final boolean isWord =
        value.isEmpty() || (value.get() instanceof Yaml.Scalar s && s.text().equals(word));
    if (isWord) {
      keep(key, new ResolvedValue.Text(word));
      return OptionalInt.empty();
    }
    final String remedy = "Write a whole number, or '" + key + ": " + word + "'.";
    return asInteger(full(key), value.get(), min, max, remedy)
        .map(i -> kept(key, OptionalInt.of(i.intValue()), ResolvedValue.Number.of(i)))
        .orElse(OptionalInt.empty());
  }

  @Override
  public double number(String key, double min, double max, Double fallback) {
    final double middle = Math.max(min, Math.min(max, 0.5));
    final double harmless = fallback == null ? middle : fallback;
    final String remedy = example(key, null, Decimals.shortest(harmless));
    return orMissing(key, fallback, key + ": " + Decimals.shortest(middle))
        .flatMap(v -> asNumber(full(key), v, min, max, remedy))
        .map(d -> kept(key, d, ResolvedValue.Number.of(d)))
        .orElseGet(() -> kept(key, harmless, ResolvedValue.Number.of(harmless)));
  }

  @Override
  public OptionalDouble numberOr(String word, String key, double min, double max, double fallback) {
    final Optional<Yaml> value = value(key);
    if (value.isPresent() && value.get() instanceof Yaml.Scalar s && s.text().equals(word)) {
      return kept(key, OptionalDouble.empty(), new ResolvedValue.Text(word));
    }
    final String remedy =
        "Write for example '"
            + key
            + ": "
            + Decimals.shortest(fallback)
            + "', or '"
            + key
            + ": "
            + word
            + "'.";
    final double number =
        value.flatMap(v -> asNumber(full(key), v, min, max, remedy)).orElse(fallback);
    return kept(key, OptionalDouble.of(number), ResolvedValue.Number.of(number));
  }

  private Optional<Double> asNumber(
      String what, Yaml value, double min, double max, String remedy) {
    if (!(value instanceof Yaml.Scalar s)
        || (s.kind() != Yaml.Kind.INTEGER && s.kind() != Yaml.Kind.DECIMAL)) {
      wrongType(what, "a number", value, remedy);
      return Optional.empty();
    }
    final double number = decimal(s);
    if (!Double.isFinite(number)) {
      problems.add(s.at(), what + " is " + s.text() + ", but must be a finite number", remedy);
      return Optional.empty();
    }
    if (number < min || number > max) {
      problems.add(s.at(), what + " is " + s.text() + ", but must be " + range(min, max), remedy);
      return Optional.empty();
    }
    return Optional.of(number);
  }

  /** One number in [min, max] or a list of different ones. */
  List<Double> numbers(String key, double min, double max, List<Double> fallback) {
    final Optional<Yaml> value = value(key);
    final Set<Double> numbers = new LinkedHashSet<>();
    final String remedy = "Write a number, or for example '" + key + ": [0.5, 1.0]'.";
    for (Yaml item : value.map(YamlSettings::oneOrList).orElse(List.of())) {
      final Optional<Double> number = asNumber(full(key), item, min, max, remedy);
      if (number.isPresent() && !numbers.add(number.get())) {
        problems.add(
            item.at(), full(key) + " lists " + number.get() + " twice", "Delete one of the two.");
      }
    }
    if (value.isPresent() && value.get() instanceof Yaml.Sequence list && list.items().isEmpty()) {
      problems.add(value.get().at(), full(key) + " is an empty list", remedy);
    }
    final List<Double> result = numbers.isEmpty() ? fallback : List.copyOf(numbers);
    return kept(
        key,
        result,
        result.size() == 1
            ? ResolvedValue.Number.of(result.get(0))
            : new ResolvedValue.Sequence(
                result.stream().map(d -> (ResolvedValue) ResolvedValue.Number.of(d)).toList()));
  }

  /** The value of a number as YAML 1.2 writes it; infinite or NaN if it says so or overflows. */
  static double decimal(Yaml.Scalar scalar) {
    if (scalar.kind() == Yaml.Kind.INTEGER) {
      return wholeNumber(scalar.text()).doubleValue();
    }
    return switch (scalar.text().toLowerCase(Locale.ROOT)) {
      case ".nan" -> Double.NaN;
      case ".inf", "+.inf" -> Double.POSITIVE_INFINITY;
      case "-.inf" -> Double.NEGATIVE_INFINITY;
      default -> Double.parseDouble(scalar.text());
    };
  }

  private static String range(double min, double max) {
    if (Double.isInfinite(max)) {
      return "at least " + Decimals.shortest(min);
    }
    return "between " + Decimals.shortest(min) + " and " + Decimals.shortest(max);
  }

  @Override
  public boolean flag(String key, boolean fallback) {
    final Optional<Yaml> value = value(key);
    boolean result = fallback;
    if (value.isPresent()) {
      if (value.get() instanceof Yaml.Scalar s && s.kind() == Yaml.Kind.FLAG) {
        result = s.text().toLowerCase(Locale.ROOT).equals("true");
      } else {
        wrongType(full(key), "true or false", value.get(), example(key, fallback, ""));
      }
    }
    return kept(key, result, new ResolvedValue.Flag(result));
  }

  @Override
  public List<String> texts(String key, List<String> fallback) {
    final Optional<Yaml> value = orMissing(key, fallback, key + ": <text>");
    if (value.isEmpty()) {
      return fallback == null
          ? List.of()
          : kept(key, List.copyOf(fallback), ResolvedValue.Sequence.ofTexts(fallback));
    }
    final List<String> texts = new ArrayList<>();
    for (Yaml item : oneOrList(value.get())) {
      asText(full(key), item).ifPresent(texts::add);
    }
    return kept(key, List.copyOf(texts), ResolvedValue.Sequence.ofTexts(texts));
  }

  /** The items of a list, or the one value that is not a list. */
  static List<Yaml> oneOrList(Yaml value) {
    return value instanceof Yaml.Sequence list ? list.items() : List.of(value);
  }

  /** One whole number or a list of different ones. */
  List<Long> integers(String key, long min, long max, List<Long> fallback) {
    final Optional<Yaml> value = value(key);
    if (value.isEmpty()) {
      return kept(key, fallback, ResolvedValue.Sequence.ofIntegers(fallback));
    }
    final Set<Long> numbers = new LinkedHashSet<>();
    final String remedy = "Write for example '" + key + ": [1, 2, 3]'.";
    for (Yaml item : oneOrList(value.get())) {
      final Optional<Long> number = asInteger(full(key), item, min, max, remedy);
      if (number.isPresent() && !numbers.add(number.get())) {
        problems.add(
            item.at(), full(key) + " lists " + number.get() + " twice", "Delete one of the two.");
      }
    }
    if (value.get() instanceof Yaml.Sequence list && list.items().isEmpty()) {
      problems.add(value.get().at(), full(key) + " is an empty list", remedy);
    }
    final List<Long> result = numbers.isEmpty() ? fallback : List.copyOf(numbers);
    return kept(key, result, ResolvedValue.Sequence.ofIntegers(result));
  }

  @Override
  public List<Integer> wholeNumbers(String key, int min, int max, List<Integer> fallback) {
    if (orMissing(key, fallback, key + ": [" + min + "]").isEmpty() && fallback == null) {
      return List.of(min);
    }
    final List<Integer> harmless = fallback == null ? List.of(min) : fallback;
    return integers(key, min, max, harmless.stream().map(Integer::longValue).toList()).stream()
        .map(Math::toIntExact)
        .toList();
  }

  @Override
  public Optional<Settings> mapping(String key) {
    return value(key).flatMap(v -> child(key, v)).map(Settings.class::cast);
  }

  /**
   * The nested mapping, or one without keys if it is absent or something else. In the latter case
   * that is the problem to report, not the keys it lacks.
   */
  YamlSettings mappingOrEmpty(String key) {
    final Optional<Yaml> value = value(key);
    final Optional<YamlSettings> child = value.flatMap(v -> child(key, v));
    final Problems lacking = value.isPresent() ? new Problems("") : problems;
    return child.orElseGet(
        () -> new YamlSettings(new Yaml.Mapping(at(), List.of()), full(key), lacking));
  }

  private Optional<YamlSettings> child(String key, Yaml value) {
    if (value instanceof Yaml.Mapping mapping) {
      final YamlSettings child =
          children.computeIfAbsent(key, k -> new YamlSettings(mapping, full(k), problems));
      read.put(key, child::resolved);
      return Optional.of(child);
    }
    wrongType(
        full(key), "a mapping", value, "Write the keys below it, indented, or '{key: value}'.");
    return Optional.empty();
  }

  @Override
  public void problem(String key, String message) {
    known.add(key);
    consumed.add(key);
    problemAt(key, full(key) + ": " + message, "");
  }

  /** A problem at the value of {@code key}, or at this mapping if the key is absent. */
  void problemAt(String key, String message, String suggestion) {
    problems.add(node.get(key).map(Yaml::at).orElse(node.at()), message, suggestion);
  }

  /** Reports every key that was written and not read, here and in the mappings below. */
  void finish() {
    for (Yaml.Entry entry : node.entries()) {
      if (!consumed.contains(entry.key())) {
        unread(entry);
      }
    }
    children.values().forEach(YamlSettings::finish);
  }

  private void unread(Yaml.Entry entry) {
    final String key = entry.key();
    if (known.contains(key)) {
      problems.add(
          entry.at(), full(key) + " has no effect beside the other settings", "Delete it.");
      return;
    }
    problems.add(
        entry.at(),
        "unknown key '" + key + "'" + (label.isEmpty() ? "" : " in " + label),
        Suggestions.didYouMean(key, known)
            + (known.isEmpty() ? "" : "Known here: " + String.join(", ", known) + "."));
  }

  /** Everything read so far, defaults included, in reading order. */
  ResolvedValue.Mapping resolved() {
    return new ResolvedValue.Mapping(
        read.entrySet().stream()
            .map(e -> new ResolvedValue.Entry(e.getKey(), e.getValue().get()))
            .toList());
  }

  private Optional<Yaml> orMissing(String key, Object fallback, String example) {
    return fallback == null ? required(key, example) : value(key);
  }

  private <T> T kept(String key, T value, ResolvedValue resolved) {
    keep(key, resolved);
    return value;
  }
}
