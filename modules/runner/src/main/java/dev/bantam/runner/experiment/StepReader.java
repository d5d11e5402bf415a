package dev.bantam.runner.experiment;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Suggestions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads a list of steps, each a mapping with the step's name as its only key. */
final class StepReader<S> {
  private static final String EXAMPLE =
      "Write for example 'steps: [{prune: {method: magnitude, sparsity: 0.5}}]'.";

  private final Catalogue<S> catalogue;
  private final Problems problems;

  StepReader(Catalogue<S> catalogue, Problems problems) {
    this.catalogue = catalogue;
    this.problems = problems;
  }

  /** A step, and the settings it was read from, where later problems can be reported. */
  record Placed<S>(ParsedStep<S> step, YamlSettings settings) {}

  List<Placed<S>> read(String what, Yaml value) {
    if (!(value instanceof Yaml.Sequence list) || list.items().isEmpty()) {
      final String found = value instanceof Yaml.Sequence ? "an empty list" : value.describe();
      problems.add(value.at(), what + " must be a list of steps, but is " + found, EXAMPLE);
      return List.of();
    }
    final List<Placed<S>> steps = new ArrayList<>();
    for (Yaml item : list.items()) {
      step(item).ifPresent(steps::add);
    }
    return steps;
  }

  private Optional<Placed<S>> step(Yaml item) {
    if (!(item instanceof Yaml.Mapping mapping) || mapping.entries().size() != 1) {
      final String found =
          item instanceof Yaml.Mapping m
              ? "a mapping with " + m.entries().size() + " keys"
              : item.describe();
      problems.add(
          item.at(), "a step must be a mapping with one key, its name, but is " + found, EXAMPLE);
      return Optional.empty();
    }
    final Yaml.Entry entry = mapping.entries().get(0);
    if (!catalogue.steps().contains(entry.key())) {
      problems.add(
          entry.at(),
          "unknown step '" + entry.key() + "'",
          Suggestions.didYouMean(entry.key(), catalogue.steps())
              + "Possible: "
              + String.join(", ", catalogue.steps())
              + ".");
      return Optional.empty();
    }
    if (!(entry.value() instanceof Yaml.Mapping settings)) {
      problems.add(
          entry.value().at(),
          entry.key() + " must be a mapping of its settings, but is " + entry.value().describe(),
          "Write for example '"
              + entry.key()
              + ": {method: "
              + catalogue.methods(entry.key()).get(0)
              + "}'.");
      return Optional.empty();
    }
    return parse(entry, new YamlSettings(settings, entry.key(), problems));
  }

  private Optional<Placed<S>> parse(Yaml.Entry entry, YamlSettings settings) {
    final int before = problems.reports();
    final List<String> methods = catalogue.methods(entry.key());
    final String method = settings.text("method", methods.get(0));
    final Position at = settings.value("method").map(Yaml::at).orElse(entry.at());
    if (settings.asChoice(settings.full("method"), at, method, methods) < 0) {
      return Optional.empty();
    }
    final S step;
    try {
      step = catalogue.parse(entry.key(), method, settings);
    } catch (IllegalArgumentException | BantamException e) {
      // The stand-in for a value that was reported may be invalid too; that is not news.
      if (problems.reports() == before) {
        problems.add(entry.at(), entry.key() + ": " + e.getMessage(), "");
      }
      settings.finish();
      return Optional.empty();
    }
    settings.finish();
    return problems.reports() == before
        ? Optional.of(
            new Placed<>(
                new ParsedStep<>(entry.key(), method, step, settings.resolved()), settings))
        : Optional.empty();
  }
}
