package dev.bantam.runner.experiment;

import dev.bantam.tensor.Suggestions;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Reads the value of {@code task:}, which is also what a task file holds. */
final class TaskReader {
  /** Metrics that a file with labels can be scored by (design of results.csv). */
  static final List<String> METRICS =
      List.of("accuracy", "f1", "mcc", "pearson", "spearman", "span_f1");

  private static final String FORMS =
      "Write a named task, or a mapping with 'train', 'glue', 'conll' or 'embed'.";

  private final List<String> named;
  private final Problems problems;

  TaskReader(List<String> named, Problems problems) {
    this.named = named;
    this.problems = problems;
  }

  /** One task or a list of them with different names. */
  List<TaskSpec> readAll(Yaml value) {
    final List<TaskSpec> tasks = new ArrayList<>();
    final Set<String> names = new LinkedHashSet<>();
    for (Yaml item : YamlSettings.oneOrList(value)) {
      final Optional<TaskSpec> task = read(item);
      if (task.isPresent() && !names.add(task.get().name())) {
        problems.add(
            item.at(),
            "task lists '" + task.get().name() + "' twice",
            "Delete one of the two, or rename its file: a file's name names its task.");
      }
      task.ifPresent(tasks::add);
    }
    if (value instanceof Yaml.Sequence list && list.items().isEmpty()) {
      problems.add(value.at(), "task is an empty list", FORMS);
    }
    return tasks;
  }

  Optional<TaskSpec> read(Yaml value) {
    if (value instanceof Yaml.Mapping mapping) {
      final YamlSettings settings = new YamlSettings(mapping, "task", problems);
      final Optional<TaskSpec> task = read(settings);
      settings.finish();
      return task;
    }
    if (value instanceof Yaml.Scalar scalar && scalar.kind() == Yaml.Kind.TEXT) {
      return named(scalar);
    }
    problems.add(value.at(), "task is " + value.describe(), FORMS);
    return Optional.empty();
  }

  private Optional<TaskSpec> named(Yaml.Scalar name) {
    if (named.contains(name.text())) {
      return Optional.of(new TaskSpec.Named(name.text()));
    }
    final String remedy =
        name.text().startsWith("glue:")
            ? "In a file, write GLUE as '{glue: sst2, path: DIR}'."
            : Suggestions.didYouMean(name.text(), named)
                + "Known: "
                + String.join(", ", named)
                + ".";
    problems.add(name.at(), "unknown task '" + name.text() + "'", remedy);
    return Optional.empty();
  }

  /** The kind of a task given as a mapping shows in the keys that are there. */
  Optional<TaskSpec> read(YamlSettings s) {
    final int before = problems.reports();
    final TaskSpec task;
    if (s.has("glue")) {
      task = new TaskSpec.Glue(glue(s), s.text("path", null));
    } else if (s.has("conll")) {
      task = conll(s);
    } else if (s.has("embed")) {
      task = embed(s);
    } else if (Stream.of("train", "dev", "text", "label", "features").anyMatch(s::has)) {
      task = s.has("features") ? features(s) : delimited(s);
    } else {
      problems.add(s.at(), "task does not say what kind it is", FORMS);
      return Optional.empty();
    }
    return problems.reports() == before ? Optional.of(task) : Optional.empty();
  }

  private static TaskSpec.Glue.Benchmark glue(YamlSettings s) {
    return s.choice("glue", TaskSpec.Glue.Benchmark.class, null);
  }

  private TaskSpec delimited(YamlSettings s) {
    final String train = s.text("train", null);
    final String dev = s.text("dev", null);
    final List<String> text = s.texts("text", null);
    if (text.size() > 2) {
      s.problemAt(
          "text",
          "task.text lists " + text.size() + " columns, but an encoder reads one or two texts",
          "Write for example 'text: [premise, hypothesis]'.");
    } else if (s.value("text").filter(v -> YamlSettings.oneOrList(v).isEmpty()).isPresent()) {
      s.problemAt("text", "task.text names no column", "Write for example 'text: [sentence]'.");
    }
    final String label = s.text("label", null);
    return new TaskSpec.Delimited(train, dev, text, label, metric(s));
  }

  private TaskSpec features(YamlSettings s) {
    final String train = s.text("train", null);
    final String dev = s.text("dev", null);
    final List<String> features = s.texts("features", null);
    Patterns.check(s, "features", features);
    return new TaskSpec.Features(
        train, dev, features, s.text("label", null), s.texts("classes", List.of()), metric(s));
  }

  private static Optional<String> metric(YamlSettings s) {
    final Optional<Yaml> value = s.value("metric");
    final Optional<String> metric = value.flatMap(v -> s.asText("task.metric", v));
    metric.ifPresent(m -> s.asChoice("task.metric", value.orElseThrow().at(), m, METRICS));
    return metric;
  }

  private TaskSpec embed(YamlSettings s) {
    return new TaskSpec.Embed(
        s.text("embed", null), s.value("train").flatMap(v -> s.asText("task.train", v)));
  }

  private TaskSpec conll(YamlSettings s) {
    final YamlSettings files = s.mappingOrEmpty("conll");
    final YamlSettings columns = s.mappingOrEmpty("columns");
    return new TaskSpec.Conll(
        files.text("train", null),
        files.text("dev", null),
        columns.integer("token", 0, 1000, 0),
        columns.integer("tag", 0, 1000, 1));
  }

  /** What {@link #read} reads back. */
  static ResolvedValue resolved(TaskSpec task) {
    if (task instanceof TaskSpec.Named t) {
      return text(t.name());
    } else if (task instanceof TaskSpec.Delimited t) {
      return delimited(t);
    } else if (task instanceof TaskSpec.Features t) {
      return features(t);
    } else if (task instanceof TaskSpec.Glue t) {
      return ResolvedValue.Mapping.of(entry("glue", text(t.name())), entry("path", text(t.path())));
    } else if (task instanceof TaskSpec.Conll t) {
      return ResolvedValue.Mapping.of(
          entry("conll", files(t.train(), t.dev())),
          entry(
              "columns",
              ResolvedValue.Mapping.of(
                  entry("token", ResolvedValue.Number.of(t.tokenColumn())),
                  entry("tag", ResolvedValue.Number.of(t.tagColumn())))));
    }
    final TaskSpec.Embed embed = (TaskSpec.Embed) Objects.requireNonNull(task, "task");
    final List<ResolvedValue.Entry> entries = new ArrayList<>();
    entries.add(entry("embed", text(embed.file())));
    embed.train().ifPresent(t -> entries.add(entry("train", text(t))));
    return new ResolvedValue.Mapping(entries);
  }

  private static ResolvedValue delimited(TaskSpec.Delimited task) {
    final List<ResolvedValue.Entry> entries =
        new ArrayList<>(files(task.train(), task.dev()).entries());
    entries.add(entry("text", ResolvedValue.Sequence.ofTexts(task.text())));
    entries.add(entry("label", text(task.label())));
    task.metric().ifPresent(m -> entries.add(entry("metric", text(m))));
    return new ResolvedValue.Mapping(entries);
  }

  private static ResolvedValue features(TaskSpec.Features task) {
    final List<ResolvedValue.Entry> entries =
        new ArrayList<>(files(task.train(), task.dev()).entries());
    entries.add(entry("features", ResolvedValue.Sequence.ofTexts(task.features())));
    entries.add(entry("label", text(task.label())));
    if (!task.classes().isEmpty()) {
      entries.add(entry("classes", ResolvedValue.Sequence.ofTexts(task.classes())));
    }
    task.metric().ifPresent(m -> entries.add(entry("metric", text(m))));
    return new ResolvedValue.Mapping(entries);
  }

  private static ResolvedValue.Mapping files(String train, String dev) {
    return ResolvedValue.Mapping.of(entry("train", text(train)), entry("dev", text(dev)));
  }

  private static ResolvedValue.Entry entry(String key, ResolvedValue value) {
    return new ResolvedValue.Entry(key, value);
  }

  private static ResolvedValue text(String text) {
    return new ResolvedValue.Text(text);
  }
}
