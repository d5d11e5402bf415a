package dev.bantam.runner.experiment;

import dev.bantam.tensor.BantamException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Reads experiment files. The grammar is in docs/experiment-file.md; this class is the home of its
 * top level.
 *
 * @param <S> a step as the catalogue reads it
 */
public final class ExperimentReader<S> {
  /** The name of the file in a folder given instead of a file. */
  public static final String FILE_NAME = "experiment.yaml";

  static final long MAX_SEED = Integer.MAX_VALUE;

  private static final String VERSION_LINE = "version: " + Experiment.VERSION;

  private final Catalogue<S> catalogue;

  public ExperimentReader(Catalogue<S> catalogue) {
    this.catalogue = Objects.requireNonNull(catalogue, "catalogue");
  }

  /**
   * Reads a file, or {@link #FILE_NAME} of a folder.
   *
   * @throws BantamException with BAD_INPUT if it cannot be read, with BAD_FILE and every problem in
   *     it if it is wrong
   */
  public ExperimentFile<S> read(Path fileOrFolder) {
    final Path file =
        Files.isDirectory(fileOrFolder) ? fileOrFolder.resolve(FILE_NAME) : fileOrFolder;
    return parse(file.toString(), FileBytes.read(file, "experiment file"));
  }

  /**
   * Reads the bytes of a file.
   *
   * @param fileName what messages call it
   * @throws BantamException with BAD_FILE and every problem in it if it is wrong
   */
  public ExperimentFile<S> parse(String fileName, byte[] bytes) {
    final Problems problems = new Problems(fileName);
    final Yaml root = YamlComposer.compose(bytes, problems);
    if (!(root instanceof Yaml.Mapping mapping)) {
      throw problems.fatal(
          root.at(),
          "an experiment file must be a mapping, but is " + root.describe(),
          "Begin it with the line '" + VERSION_LINE + "'.");
    }
    version(new YamlSettings(mapping, "", problems), problems);
    final Path folder = Path.of(fileName).toAbsolutePath().getParent();
    final YamlSettings top =
        new YamlSettings(new Includes(folder, problems).resolve(mapping), "", problems);
    top.required("version", VERSION_LINE);
    final ExperimentFile<S> file = experiment(top, problems);
    problems.throwIfAny();
    return file;
  }

  /** Another version means another grammar: nothing else is worth reporting then. */
  private static void version(YamlSettings top, Problems problems) {
    final Optional<Yaml> value = top.required("version", VERSION_LINE);
    final Optional<Long> version =
        value.flatMap(
            v ->
                top.asInteger(
                    "version", v, Long.MIN_VALUE, Long.MAX_VALUE, "Write '" + VERSION_LINE + "'."));
    if (version.isPresent() && version.get() != Experiment.VERSION) {
      throw problems.fatal(
          value.orElseThrow().at(),
          "version is " + version.get() + ", but this Bantam reads version " + Experiment.VERSION,
          "Write '"
              + VERSION_LINE
              + "', or use a Bantam that knows version "
              + version.get()
              + ".");
    }
  }

  private ExperimentFile<S> experiment(YamlSettings top, Problems problems) {
    final String name = name(top);
    final List<String> models = models(top);
    final List<TaskSpec> tasks =
        top.required("task", "task: wordnet-supersense")
            .map(new TaskReader(catalogue.tasks(), problems)::readAll)
            .orElse(List.of());
    final List<Long> seeds = top.integers("seeds", 0, MAX_SEED, List.of(1L));
    final int draws = top.integer("draws", 1, 1000, 1);
    final YamlSettings finetuneSettings = top.mappingOrEmpty("finetune");
    final FinetuneSettings finetune = FinetuneSettings.read(finetuneSettings, top.has("finetune"));
    final List<String> taskNames =
        Stream.concat(tasks.stream().map(TaskSpec::name), catalogue.tasks().stream())
            .distinct()
            .toList();
    final VariantReader<S> reader =
        new VariantReader<>(catalogue, seeds, finetune, taskNames, problems);
    final List<Variant<S>> variants =
        top.required("variants", "variants: [{name: dense}]").map(reader::read).orElse(List.of());
    final EvaluateSettings evaluate = EvaluateSettings.read(top.mappingOrEmpty("evaluate"));
    final List<ExportFormat> exports = exports(top, problems);
    final Optional<Gate> gate = top.mapping("gate").map(Gate::read);
    derivedSeeds(top, seeds, draws);
    top.finish();
    final Experiment<S> experiment =
        new Experiment<>(
            Experiment.VERSION,
            name,
            models,
            tasks,
            seeds,
            draws,
            finetune,
            variants,
            evaluate,
            exports,
            gate);
    return new ExperimentFile<>(experiment, problems, top, finetuneSettings, reader.settings());
  }

  private static String name(YamlSettings top) {
    final Optional<String> name =
        top.required("name", "name: quickstart").flatMap(v -> top.asText("name", v));
    if (name.isPresent() && !Variant.isName(name.get())) {
      top.problemAt(
          "name",
          "name is '" + name.get() + "', which does not match [a-z0-9.+-]{1,64}",
          "Use lower-case letters, digits, '.', '+' and '-' only: it names a folder.");
    }
    return name.orElse("");
  }

  private static List<String> models(YamlSettings top) {
    if (top.required("model", "model: all-minilm-l6-v2").isEmpty()) {
      return List.of();
    }
    final List<String> models = top.texts("model", null);
    final Set<String> different = new LinkedHashSet<>();
    for (String model : models) {
      if (!different.add(model)) {
        top.problemAt("model", "model lists '" + model + "' twice", "Delete one of the two.");
      }
    }
    if (top.value("model").orElseThrow() instanceof Yaml.Sequence list && list.items().isEmpty()) {
      top.problemAt("model", "model is an empty list", "Write 'model: all-minilm-l6-v2'.");
    }
    return models;
  }

  private static List<ExportFormat> exports(YamlSettings top, Problems problems) {
    final List<String> words = YamlSettings.words(ExportFormat.class);
    final List<ExportFormat> formats = new ArrayList<>();
    for (Yaml item : top.value("export").map(YamlSettings::oneOrList).orElse(List.of())) {
      final int index =
          top.asText("export", item)
              .map(t -> top.asChoice("export", item.at(), t, words))
              .orElse(-1);
      if (index >= 0 && formats.contains(ExportFormat.values()[index])) {
        problems.add(
            item.at(), "export lists '" + words.get(index) + "' twice", "Delete one of the two.");
      } else if (index >= 0) {
        formats.add(ExportFormat.values()[index]);
      }
    }
    return formats;
  }

  /** A resolved file carries its derived seeds; they are no settings, so they must agree. */
  private static void derivedSeeds(YamlSettings top, List<Long> seeds, int draws) {
    final Optional<Yaml> written = top.value(ResolvedExperiment.DERIVED_SEEDS);
    if (written.isPresent() && !DerivedSeeds.agree(written.get(), seeds, draws)) {
      top.problemAt(
          ResolvedExperiment.DERIVED_SEEDS,
          "derived-seeds do not follow from seeds and draws",
          "Delete them: they are computed, and written only to document a run.");
    }
  }
}
