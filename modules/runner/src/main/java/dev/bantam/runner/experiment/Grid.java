package dev.bantam.runner.experiment;

import dev.bantam.tensor.Suggestions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The {@code grid:} of a variant: names, each with a list of values.
 *
 * <p>{@code {name}} in the variant's name and {@code $name} as a whole value in its steps stand for
 * one of the values; every combination becomes a variant, the last name changing fastest.
 */
record Grid(List<Axis> axes) {
  /** One name, where it is written, and its values. */
  record Axis(String key, Position at, List<Yaml.Scalar> values) {}

  /** Most variants that one grid may give. */
  static final int MAX_VARIANTS = 1000;

  private static final Pattern KEY = Pattern.compile("[a-z][a-z0-9-]*");
  private static final Pattern IN_NAME = Pattern.compile("\\{([^{}]*)}");
  private static final Pattern IN_VALUE = Pattern.compile("\\$([a-z][a-z0-9-]*)");
  private static final String EXAMPLE = "Write for example 'grid: {sparsity: [0.6, 0.7]}'.";

  static final Grid NONE = new Grid(List.of());

  /** The grid, or nothing if it has a problem that leaves no sensible expansion. */
  static Optional<Grid> read(Yaml value, Problems problems) {
    if (!(value instanceof Yaml.Mapping mapping) || mapping.entries().isEmpty()) {
      problems.add(
          value.at(),
          "variant.grid must be a mapping of names to lists, but is "
              + (value instanceof Yaml.Mapping ? "empty" : value.describe()),
          EXAMPLE);
      return Optional.empty();
    }
    final int before = problems.reports();
    final List<Axis> axes = new ArrayList<>();
    long variants = 1;
    for (Yaml.Entry entry : mapping.entries()) {
      final Axis axis = axis(entry, problems);
      axes.add(axis);
      variants = Math.min(MAX_VARIANTS + 1L, variants * Math.max(1, axis.values().size()));
    }
    if (variants > MAX_VARIANTS) {
      problems.add(
          value.at(),
          "variant.grid gives more than " + MAX_VARIANTS + " variants",
          "Use fewer values, or several experiments.");
    }
    return problems.reports() == before ? Optional.of(new Grid(axes)) : Optional.empty();
  }

  private static Axis axis(Yaml.Entry entry, Problems problems) {
    final String what = "variant.grid." + entry.key();
    if (!KEY.matcher(entry.key()).matches()) {
      problems.add(
          entry.at(),
          "the grid name '" + entry.key() + "' is not made of a-z, 0-9 and -, beginning with a-z",
          EXAMPLE);
    }
    final List<Yaml.Scalar> values = new ArrayList<>();
    if (!(entry.value() instanceof Yaml.Sequence list) || list.items().isEmpty()) {
      final String found =
          entry.value() instanceof Yaml.Sequence ? "an empty list" : entry.value().describe();
      problems.add(
          entry.value().at(), what + " must be a list of values, but is " + found, EXAMPLE);
      return new Axis(entry.key(), entry.at(), values);
    }
    final Set<String> seen = new LinkedHashSet<>();
    for (Yaml item : list.items()) {
      if (!(item instanceof Yaml.Scalar scalar) || scalar.kind() == Yaml.Kind.NOTHING) {
        problems.add(
            item.at(),
            what + " holds " + item.describe() + " where a single value belongs",
            EXAMPLE);
      } else if (!seen.add(scalar.text())) {
        problems.add(
            item.at(), what + " lists " + scalar.text() + " twice", "Delete one of the two.");
      } else {
        values.add(scalar);
      }
    }
    return new Axis(entry.key(), entry.at(), values);
  }

  private List<String> keys() {
    return axes.stream().map(Axis::key).toList();
  }

  /** Every combination of values, the first name changing slowest; one empty one without axes. */
  List<Map<String, Yaml.Scalar>> combinations() {
    List<Map<String, Yaml.Scalar>> all = List.of(Map.of());
    for (Axis axis : axes) {
      final List<Map<String, Yaml.Scalar>> longer = new ArrayList<>();
      for (Map<String, Yaml.Scalar> shorter : all) {
        for (Yaml.Scalar value : axis.values()) {
          final Map<String, Yaml.Scalar> next = new LinkedHashMap<>(shorter);
          next.put(axis.key(), value);
          longer.add(next);
        }
      }
      all = longer;
    }
    return all;
  }

  /** Whether a variant's name uses every key of the grid and no other; problems if not. */
  boolean fits(String template, Position at, Problems problems) {
    final Set<String> used = new LinkedHashSet<>();
    final Matcher matcher = IN_NAME.matcher(template);
    while (matcher.find()) {
      used.add(matcher.group(1));
    }
    boolean fits = true;
    for (String key : used) {
      if (!keys().contains(key)) {
        problems.add(
            at,
            "the variant name '" + template + "' uses {" + key + "}, which no grid gives",
            Suggestions.didYouMean(key, keys()) + "Add 'grid: {" + key + ": [...]}'.");
        fits = false;
      }
    }
    for (String key : keys()) {
      if (!used.contains(key)) {
        problems.add(
            at,
            "the variant name '" + template + "' does not use {" + key + "} of its grid",
            "Write for example 'name: " + template + "-{" + key + "}'.");
        fits = false;
      }
    }
    return fits;
  }

  /** The name with every {@code {key}} replaced by its value as written. */
  static String fill(String template, Map<String, Yaml.Scalar> binding) {
    return IN_NAME
        .matcher(template)
        .replaceAll(
            m -> {
              final Yaml.Scalar value = binding.get(m.group(1));
              return Matcher.quoteReplacement(value == null ? m.group() : value.text());
            });
  }

  /**
   * {@code value} with every {@code $key} replaced by the grid's value, which keeps its own
   * position: that is what a user has to correct.
   *
   * @param used out, the keys that were found
   */
  static Yaml substitute(
      Yaml value, Map<String, Yaml.Scalar> binding, Set<String> used, Problems problems) {
    if (value instanceof Yaml.Mapping mapping) {
      return new Yaml.Mapping(
          mapping.at(),
          mapping.entries().stream()
              .map(
                  e ->
                      new Yaml.Entry(
                          e.key(), e.at(), substitute(e.value(), binding, used, problems)))
              .toList());
    }
    if (value instanceof Yaml.Sequence list) {
      return new Yaml.Sequence(
          list.at(),
          list.items().stream().map(i -> substitute(i, binding, used, problems)).toList());
    }
    return placeholder((Yaml.Scalar) value, binding, used, problems);
  }

  private static Yaml placeholder(
      Yaml.Scalar scalar, Map<String, Yaml.Scalar> binding, Set<String> used, Problems problems) {
    final Matcher matcher = IN_VALUE.matcher(scalar.text());
    if (scalar.kind() != Yaml.Kind.TEXT || !matcher.matches()) {
      return scalar;
    }
    final String key = matcher.group(1);
    final Yaml.Scalar bound = binding.get(key);
    if (bound == null) {
      problems.add(
          scalar.at(),
          "$" + key + " stands for a value that no grid gives",
          Suggestions.didYouMean(key, binding.keySet()) + "Add 'grid: {" + key + ": [...]}'.");
      return scalar;
    }
    used.add(key);
    return bound;
  }

  /** Reports the keys that no step uses. */
  void reportUnused(Set<String> used, Problems problems) {
    for (Axis axis : axes) {
      if (!used.contains(axis.key())) {
        problems.add(
            axis.at(),
            "the grid's '" + axis.key() + "' is used in no step, so its variants would be equal",
            "Write $" + axis.key() + " where its value belongs.");
      }
    }
  }
}
