package dev.bantam.runner.experiment;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Puts other files into an experiment file: {@code include:} adds keys and variants of the top
 * level, {@code recipe:} gives a variant the steps of a recipe file.
 *
 * <p>A key of the experiment file counts before that of any included file, and that of a later
 * included file before that of an earlier one; values are replaced whole. Variants add up: those of
 * included files come first. Included files include nothing themselves. All names of files are
 * relative to the experiment file.
 */
final class Includes {
  private static final String INCLUDE = "include";
  private static final String RECIPE = "recipe";
  private static final String STEPS = "steps";
  private static final String VARIANTS = "variants";

  /** What makes a file an experiment of its own. */
  private static final Set<String> OWN = Set.of("version", "name", INCLUDE);

  private final Path folder;
  private final Problems problems;

  /**
   * @param folder of the experiment file
   */
  Includes(Path folder, Problems problems) {
    this.folder = folder;
    this.problems = problems;
  }

  /** The experiment with everything in it that it names. */
  Yaml.Mapping resolve(Yaml.Mapping root) {
    final Map<String, Yaml.Entry> entries = new LinkedHashMap<>();
    final List<Yaml> variants = new ArrayList<>();
    for (Yaml.Mapping included : included(root)) {
      for (Yaml.Entry entry : included.entries()) {
        if (OWN.contains(entry.key())) {
          problems.add(
              entry.at(),
              "an included file has no '" + entry.key() + "'",
              "Delete the key; the experiment file has its own.");
        } else if (entry.key().equals(VARIANTS)) {
          variants.addAll(items(entry.value()));
          entries.putIfAbsent(VARIANTS, entry);
        } else {
          entries.put(entry.key(), entry);
        }
      }
    }
    for (Yaml.Entry entry : root.entries()) {
      if (entry.key().equals(VARIANTS) && entry.value() instanceof Yaml.Sequence sequence) {
        variants.addAll(sequence.items());
      }
      if (!entry.key().equals(INCLUDE)) {
        entries.put(entry.key(), entry);
      }
    }
    entries.computeIfPresent(VARIANTS, (key, entry) -> withRecipes(entry, variants));
    return new Yaml.Mapping(root.at(), List.copyOf(entries.values()));
  }

  private List<Yaml> items(Yaml variants) {
    if (variants instanceof Yaml.Sequence sequence) {
      return sequence.items();
    }
    problems.add(
        variants.at(),
        "variants must be a list, but is " + variants.describe(),
        "Write '- ' in front of each variant.");
    return List.of();
  }

  private List<Yaml.Mapping> included(Yaml.Mapping root) {
    final List<Yaml.Mapping> files = new ArrayList<>();
    for (Yaml name : root.get(INCLUDE).map(YamlSettings::oneOrList).orElse(List.of())) {
      file(name, INCLUDE, "included file")
          .ifPresent(
              value -> {
                if (value instanceof Yaml.Mapping mapping) {
                  files.add(mapping);
                } else {
                  problems.add(
                      value.at(),
                      "an included file must be a mapping, but is " + value.describe(),
                      "Write keys of an experiment into it, such as 'finetune: {epochs: 2}'.");
                }
              });
    }
    return files;
  }

  /** The root of a file that a value names; empty, with a problem, if it names none. */
  private Optional<Yaml> file(Yaml name, String key, String what) {
    if (name instanceof Yaml.Scalar scalar
        && scalar.kind() == Yaml.Kind.TEXT
        && !scalar.text().isBlank()) {
      final Optional<Path> file = path(scalar);
      if (file.isPresent() && Files.isRegularFile(file.get())) {
        final byte[] bytes = FileBytes.read(file.get(), what);
        return Optional.of(YamlComposer.compose(bytes, problems.included(scalar.text())));
      }
      problems.add(
          name.at(),
          key + " names '" + scalar.text() + "', and there is no such file",
          "Check the spelling; names are relative to the folder of the experiment file.");
      return Optional.empty();
    }
    problems.add(
        name.at(),
        key + " must be the name of a file, but is " + name.describe(),
        "Write for example '" + key + ": ../common/" + key + ".yaml'.");
    return Optional.empty();
  }

  private Optional<Path> path(Yaml.Scalar name) {
    try {
      return Optional.of(folder.resolve(name.text()));
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }

  private Yaml.Entry withRecipes(Yaml.Entry variants, List<Yaml> items) {
    return variants.value() instanceof Yaml.Sequence sequence
        ? new Yaml.Entry(
            VARIANTS,
            variants.at(),
            new Yaml.Sequence(
                sequence.at(), items.stream().flatMap(v -> withRecipe(v).stream()).toList()))
        : variants; // reported where variants are read
  }

  /** Empty, with a problem, if there is no such recipe: a variant without steps says nothing. */
  private Optional<Yaml> withRecipe(Yaml variant) {
    if (!(variant instanceof Yaml.Mapping mapping) || mapping.get(RECIPE).isEmpty()) {
      return Optional.of(variant);
    }
    if (mapping.get(STEPS).isPresent()) {
      problems.add(
          mapping.at(),
          "the variant has both steps and recipe",
          "Keep one of them: both are lists of steps.");
      return Optional.empty();
    }
    final Optional<Yaml> steps = file(mapping.get(RECIPE).get(), RECIPE, "recipe file");
    return steps.map(
        value ->
            new Yaml.Mapping(
                mapping.at(),
                mapping.entries().stream()
                    .map(e -> e.key().equals(RECIPE) ? new Yaml.Entry(STEPS, e.at(), value) : e)
                    .toList()));
  }
}
