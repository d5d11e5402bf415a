package dev.bantam.runner.experiment;

import dev.bantam.deltamerging.MergeMethod;
import dev.bantam.deltamerging.ParameterValue;
import dev.bantam.deltamerging.Rescale;
import dev.bantam.deltamerging.Sparsifier;
import dev.bantam.tensor.Suggestions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Reads the {@code parameters:} of a merge file: numbers, gradients over the layers, lists with
 * filters.
 */
final class MergeParameterReader {
  private final Problems problems;

  MergeParameterReader(Problems problems) {
    this.problems = problems;
  }

  /** {@code rescale} is a flag in mergekit; here it may also name the rule. */
  Optional<Rescale> rescale(Yaml value) {
    if (value instanceof Yaml.Scalar s) {
      switch (s.kind()) {
        case FLAG -> {
          return Optional.of(
              s.text().toLowerCase(Locale.ROOT).equals("true") ? Rescale.L1 : Rescale.NONE);
        }
        case INTEGER, DECIMAL -> {
          final double q = YamlSettings.decimal(s);
          if (q > 0 && q <= 1) {
            return Optional.of(Rescale.by(q));
          }
        }
        case TEXT -> {
          if (s.text().equals("l1")) {
            return Optional.of(Rescale.L1);
          }
          if (s.text().replace('-', '_').equals("inverse_density")) {
            return Optional.of(Rescale.INVERSE_DENSITY);
          }
        }
        case NOTHING -> {}
      }
    }
    problems.add(
        value.at(),
        "parameters.rescale is " + value.describe() + ", which is not known",
        "Possible: true or l1 (restores the sum of magnitudes), inverse_density (DARE's paper),"
            + " false, or a number in (0, 1] to divide by.");
    return Optional.empty();
  }

  /**
   * The parameters of a mapping.
   *
   * @param what names the mapping in messages
   * @param sparsifier in front of the method; its parameters are known too
   * @param ofModel whether only those that a model may have of its own are
   */
  Map<String, ParameterValue> parameters(
      Yaml value,
      String what,
      Optional<MergeMethod> method,
      Sparsifier sparsifier,
      boolean ofModel) {
    final Map<String, ParameterValue> found = new LinkedHashMap<>();
    if (!(value instanceof Yaml.Mapping mapping)) {
      problems.add(
          value.at(),
          what + " must be a mapping, but is " + value.describe(),
          "Write for example '" + what + ": {weight: 0.5}'.");
      return found;
    }
    final Map<String, MergeMethod.Key> keys = keys(method, sparsifier, ofModel);
    for (Yaml.Entry entry : mapping.entries()) {
      if (!ofModel && entry.key().equals("rescale")) {
        continue; // read before
      }
      final MergeMethod.Key key = keys.get(entry.key());
      if (key != null) {
        parameter(what + "." + entry.key(), entry.value(), key)
            .ifPresent(v -> found.put(entry.key(), v));
      } else if (method.isPresent()) {
        problems.add(
            entry.at(),
            "unknown key '" + entry.key() + "' in " + what + " of " + method.get().word(),
            Suggestions.didYouMean(entry.key(), keys.keySet())
                + (keys.isEmpty()
                    ? "The method has no parameters here."
                    : "Known here: " + String.join(", ", keys.keySet()) + "."));
      }
    }
    return found;
  }

  private static Map<String, MergeMethod.Key> keys(
      Optional<MergeMethod> method, Sparsifier sparsifier, boolean ofModel) {
    final Map<String, MergeMethod.Key> keys = new LinkedHashMap<>();
    final List<MergeMethod.Key> all = new ArrayList<>();
    method.ifPresent(m -> all.addAll(m.keys()));
    switch (sparsifier) {
      case NONE -> {}
      case DARE, DARE_EXACT, MAGNITUDE -> all.add(MergeMethod.TIES.key("density").orElseThrow());
      case BREADCRUMBS -> {
        all.add(MergeMethod.BREADCRUMBS.key("density").orElseThrow());
        all.add(MergeMethod.BREADCRUMBS.key("gamma").orElseThrow());
      }
      case DELLA -> {
        all.add(MergeMethod.DELLA.key("density").orElseThrow());
        all.add(MergeMethod.DELLA.key("epsilon").orElseThrow());
      }
    }
    for (MergeMethod.Key key : all) {
      if (!ofModel || key.perModel()) {
        keys.putIfAbsent(key.name(), key);
      }
    }
    return keys;
  }

  private Optional<ParameterValue> parameter(String what, Yaml value, MergeMethod.Key key) {
    final int before = problems.reports();
    final List<ParameterValue.Rule> rules = new ArrayList<>();
    final boolean filtered =
        value instanceof Yaml.Sequence list
            && list.items().stream().anyMatch(i -> i instanceof Yaml.Mapping);
    if (filtered) {
      for (Yaml item : ((Yaml.Sequence) value).items()) {
        rule(what, item, key).ifPresent(rules::add);
      }
    } else {
      gradient(what, value, key)
          .ifPresent(g -> rules.add(new ParameterValue.Rule(Optional.empty(), g)));
    }
    return problems.reports() == before && !rules.isEmpty()
        ? Optional.of(new ParameterValue(rules))
        : Optional.empty();
  }

  private Optional<ParameterValue.Rule> rule(String what, Yaml item, MergeMethod.Key key) {
    if (!(item instanceof Yaml.Mapping mapping)) {
      final Optional<List<Double>> all = gradient(what, item, key);
      return all.map(g -> new ParameterValue.Rule(Optional.empty(), g));
    }
    final YamlSettings s = new YamlSettings(mapping, what, problems);
    final Optional<String> filter = s.value("filter").flatMap(v -> s.asText(s.full("filter"), v));
    final Optional<List<Double>> gradient =
        s.required("value", "value: 0.5").flatMap(v -> gradient(s.full("value"), v, key));
    s.finish();
    return gradient.map(g -> new ParameterValue.Rule(filter, g));
  }

  private Optional<List<Double>> gradient(String what, Yaml value, MergeMethod.Key key) {
    final List<Yaml> items = YamlSettings.oneOrList(value);
    if (items.isEmpty()) {
      problems.add(value.at(), what + " is an empty list", "Write a number, or at least one.");
      return Optional.empty();
    }
    final List<Double> numbers = new ArrayList<>();
    for (Yaml item : items) {
      final Optional<Double> number = number(what, item, key);
      if (number.isEmpty()) {
        return Optional.empty();
      }
      numbers.add(number.get());
    }
    return Optional.of(numbers);
  }

  private Optional<Double> number(String what, Yaml item, MergeMethod.Key key) {
    if (item instanceof Yaml.Scalar s) {
      if (key.flag() && s.kind() == Yaml.Kind.FLAG) {
        return Optional.of(s.text().toLowerCase(Locale.ROOT).equals("true") ? 1.0 : 0.0);
      }
      if (!key.flag() && (s.kind() == Yaml.Kind.INTEGER || s.kind() == Yaml.Kind.DECIMAL)) {
        final double number = YamlSettings.decimal(s);
        if (Double.isFinite(number)
            && number >= key.range().least()
            && number <= key.range().most()) {
          return Optional.of(number);
        }
        problems.add(
            s.at(),
            what + " is " + s.text() + ", but must be " + range(key.range()),
            "Change the number.");
        return Optional.empty();
      }
    }
    problems.add(
        item.at(),
        what
            + " must be "
            + (key.flag() ? "true or false" : "a number")
            + ", but is "
            + item.describe(),
        "Write for example '" + key.name() + ": " + (key.flag() ? "true" : "0.5") + "'.");
    return Optional.empty();
  }

  private static String range(MergeMethod.Range range) {
    final boolean below = range.least() > -Double.MAX_VALUE;
    final boolean above = range.most() < Double.MAX_VALUE;
    if (below && above) {
      return "between "
          + Decimals.shortest(range.least())
          + " and "
          + Decimals.shortest(range.most());
    }
    return below ? "at least " + Decimals.shortest(range.least()) : "a finite number";
  }
}
