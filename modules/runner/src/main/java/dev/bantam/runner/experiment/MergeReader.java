package dev.bantam.runner.experiment;

import dev.bantam.tensor.Suggestions;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;

/** Reads {@code merge:} of a variant: its method and inputs, and its other keys as they are. */
final class MergeReader {
  private final List<String> tasks;
  private final Problems problems;

  /**
   * @param tasks the names that inputs may have
   */
  MergeReader(List<String> tasks, Problems problems) {
    this.tasks = tasks;
    this.problems = problems;
  }

  Optional<MergeSpec> read(Yaml value) {
    if (!(value instanceof Yaml.Mapping mapping)) {
      problems.add(
          value.at(),
          "variant.merge must be a mapping, but is " + value.describe(),
          "Write for example 'merge: {method: dare-ties, inputs: [a, b]}'.");
      return Optional.empty();
    }
    final int before = problems.reports();
    final YamlSettings s = new YamlSettings(mapping, "merge", problems);
    final String method = s.text("method", null);
    final List<String> inputs = s.texts("inputs", null);
    checkInputs(s, inputs);
    final ResolvedValue.Mapping settings = plain(mapping, "merge");
    return problems.reports() == before
        ? Optional.of(new MergeSpec(method, inputs, settings))
        : Optional.empty();
  }

  private void checkInputs(YamlSettings s, List<String> inputs) {
    if (s.has("inputs") && new LinkedHashSet<>(inputs).size() < 2) {
      s.problemAt(
          "inputs", "merge.inputs must name at least two different tasks", "Add another task.");
    }
    for (Yaml item : s.value("inputs").map(YamlSettings::oneOrList).orElse(List.of())) {
      if (item instanceof Yaml.Scalar name
          && name.kind() == Yaml.Kind.TEXT
          && !tasks.contains(name.text())) {
        problems.add(
            item.at(),
            "merge.inputs names the unknown task '" + name.text() + "'",
            Suggestions.didYouMean(name.text(), tasks)
                + "Known: "
                + String.join(", ", tasks)
                + ".");
      }
    }
  }

  private ResolvedValue.Mapping plain(Yaml.Mapping mapping, String what) {
    final List<ResolvedValue.Entry> entries = new ArrayList<>();
    for (Yaml.Entry entry : mapping.entries()) {
      entries.add(
          new ResolvedValue.Entry(entry.key(), plain(entry.value(), what + "." + entry.key())));
    }
    return new ResolvedValue.Mapping(entries);
  }

  private ResolvedValue plain(Yaml value, String what) {
    if (value instanceof Yaml.Mapping mapping) {
      return plain(mapping, what);
    }
    if (value instanceof Yaml.Sequence list) {
      return new ResolvedValue.Sequence(list.items().stream().map(i -> plain(i, what)).toList());
    }
    final Yaml.Scalar scalar = (Yaml.Scalar) value;
    return switch (scalar.kind()) {
      case TEXT -> new ResolvedValue.Text(scalar.text());
      case FLAG -> new ResolvedValue.Flag(scalar.text().equalsIgnoreCase("true"));
      case INTEGER -> new ResolvedValue.Number(YamlSettings.wholeNumber(scalar.text()).toString());
      case DECIMAL -> decimal(scalar, what);
      case NOTHING -> {
        problems.add(scalar.at(), what + " has no value", "Write one, or delete the line.");
        yield new ResolvedValue.Text("");
      }
    };
  }

  private ResolvedValue decimal(Yaml.Scalar scalar, String what) {
    final double number = YamlSettings.decimal(scalar);
    if (Double.isFinite(number)) {
      return ResolvedValue.Number.of(number);
    }
    problems.add(scalar.at(), what + " is " + scalar.text() + ", but must be a finite number", "");
    return ResolvedValue.Number.of(0L);
  }
}
