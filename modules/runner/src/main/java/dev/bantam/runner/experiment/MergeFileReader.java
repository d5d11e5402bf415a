package dev.bantam.runner.experiment;

import dev.bantam.deltamerging.MergeMethod;
import dev.bantam.deltamerging.MergeMethod.Base;
import dev.bantam.deltamerging.MergeRecipe;
import dev.bantam.deltamerging.MergeSources;
import dev.bantam.deltamerging.MergeSources.Heads;
import dev.bantam.deltamerging.ParameterValue;
import dev.bantam.deltamerging.Precision;
import dev.bantam.deltamerging.Rescale;
import dev.bantam.deltamerging.Sparsifier;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Reads one merge file; everything wrong with it is reported. */
final class MergeFileReader {
  private static final Map<String, String> NOT_HERE =
      Map.of(
          "slices",
          "Layers cannot be stacked here: write 'models:' with whole models.",
          "modules",
          "Models have one module here: write 'models:'.",
          "chat_template",
          "Encoders have none: delete the line.");

  private final YamlSettings settings;
  private final Problems problems;
  private final Path folder;
  private final MergeParameterReader parameters;

  MergeFileReader(Yaml.Mapping root, Problems problems, Path folder) {
    this.settings = new YamlSettings(root, "", problems);
    this.problems = problems;
    this.folder = folder;
    this.parameters = new MergeParameterReader(problems);
    for (Yaml.Entry entry : root.entries()) {
      if (NOT_HERE.containsKey(entry.key())) {
        settings.value(entry.key());
        problems.add(
            entry.at(), "'" + entry.key() + "' is not supported", NOT_HERE.get(entry.key()));
      }
    }
  }

  MergeFile read() {
    final Optional<MergeMethod> method = method();
    final Optional<Place> base = settings.value("base_model").flatMap(v -> place(v, "base_model"));
    final List<Entry> entries = models(method);
    final Optional<Sparsifier> sparsifier = sparsifier();
    final Front front = front(method, sparsifier);
    final Map<String, ParameterValue> ofAll =
        settings
            .value("parameters")
            .map(v -> parameters.parameters(v, "parameters", method, front.sparsifier(), false))
            .orElse(Map.of());
    final Optional<Precision> dtype = precision("dtype");
    final Optional<Precision> out = precision("out_dtype");
    final List<String> dense = settings.texts("keep_dense", List.of());
    final Optional<String> tokenizer = tokenizer(base, entries);
    final Optional<Yaml> heads = settings.value("heads");
    settings.finish();
    problems.throwIfAny();
    final MergeMethod m = method.orElseThrow();
    final List<Entry> models = merged(m, base, entries);
    checkCounts(m, base, models, sparsifier);
    problems.throwIfAny();
    final List<String> names = names(models);
    final MergeRecipe recipe =
        new MergeRecipe(
            m,
            base.map(b -> nameOf(b, models, names)),
            list(models, names),
            ofAll,
            sparsifier,
            front.rescale(),
            dense,
            dtype);
    final MergeSources sources = sources(base, models, names, heads, tokenizer, out, recipe.base());
    problems.throwIfAny();
    return new MergeFile(recipe, sources);
  }

  /** A model's folder, and where that is written. */
  private record Place(String text, Path path, Position at) {}

  /** A model with its parameters. */
  private record Entry(
      Place place, Map<String, ParameterValue> parameters, Optional<Path> statistics) {}

  /** What stands in front of a method. */
  private record Front(Sparsifier sparsifier, Optional<Rescale> rescale) {}

  private Optional<MergeMethod> method() {
    final Optional<Yaml> value = settings.required("merge_method", "merge_method: dare_ties");
    final List<String> words = Arrays.stream(MergeMethod.values()).map(MergeMethod::word).toList();
    return value.flatMap(
        v ->
            settings
                .asText("merge_method", v)
                .flatMap(
                    word -> {
                      final Optional<MergeMethod> found = MergeMethod.ofWord(word);
                      if (found.isEmpty()) {
                        settings.asChoice("merge_method", v.at(), word, words);
                      }
                      return found;
                    }));
  }

  private Optional<Place> place(Yaml value, String what) {
    Yaml at = value;
    if (value instanceof Yaml.Mapping mapping && mapping.get("path").isPresent()) {
      at = mapping.get("path").get(); // mergekit's long form
    }
    final Yaml written = at;
    return settings
        .asText(what, written)
        .flatMap(
            text -> {
              if (text.contains("+")) {
                problems.add(
                    written.at(),
                    what + " names an adapter with '+', which is not supported",
                    "Merge the adapter into its model first.");
                return Optional.empty();
              }
              try {
                return Optional.of(new Place(text, folder.resolve(text).normalize(), written.at()));
              } catch (InvalidPathException e) {
                problems.add(written.at(), what + " is no path: " + e.getReason(), "");
                return Optional.empty();
              }
            });
  }

  private List<Entry> models(Optional<MergeMethod> method) {
    final List<Entry> entries = new ArrayList<>();
    final Optional<Yaml> value =
        settings.required("models", "models: [{model: DIR, parameters: {weight: 0.5}}]");
    if (value.isEmpty()) {
      return entries;
    }
    if (!(value.get() instanceof Yaml.Sequence list) || list.items().isEmpty()) {
      problems.add(
          value.get().at(),
          "models must be a list of models, but is "
              + (value.get() instanceof Yaml.Sequence ? "empty" : value.get().describe()),
          "Write for example 'models: [{model: DIR, parameters: {weight: 0.5}}]'.");
      return entries;
    }
    for (Yaml item : list.items()) {
      if (!(item instanceof Yaml.Mapping mapping)) {
        problems.add(
            item.at(),
            "a model must be a mapping, but is " + item.describe(),
            "Write for example '- {model: DIR, parameters: {weight: 0.5}}'.");
        continue;
      }
      model(mapping, method).ifPresent(entries::add);
    }
    return entries;
  }

  private Optional<Entry> model(Yaml.Mapping mapping, Optional<MergeMethod> method) {
    final YamlSettings s = new YamlSettings(mapping, "model", problems);
    final Optional<Place> place =
        s.required("model", "model: DIR").flatMap(v -> place(v, "model.model"));
    final Map<String, ParameterValue> own =
        s.value("parameters")
            .map(v -> parameters.parameters(v, "model.parameters", method, front(method), true))
            .orElse(Map.of());
    final Optional<Path> statistics =
        s.value("statistics").flatMap(v -> place(v, "model.statistics")).map(Place::path);
    s.finish();
    return place.map(p -> new Entry(p, own, statistics));
  }

  /** The sparsifier of the file, looked at before the rest is read. */
  private Sparsifier front(Optional<MergeMethod> method) {
    return settings
        .value("sparsifier")
        .flatMap(v -> v instanceof Yaml.Scalar s ? Optional.of(s.text()) : Optional.empty())
        .flatMap(MergeFileReader::sparsifier)
        .orElse(method.map(MergeMethod::sparsifier).orElse(Sparsifier.NONE));
  }

  private static Optional<Sparsifier> sparsifier(String word) {
    return Arrays.stream(Sparsifier.values())
        .filter(s -> s.name().toLowerCase(Locale.ROOT).equals(word.replace('-', '_')))
        .findFirst();
  }

  private Optional<Sparsifier> sparsifier() {
    final List<String> words =
        Arrays.stream(Sparsifier.values()).map(s -> s.name().toLowerCase(Locale.ROOT)).toList();
    return settings
        .value("sparsifier")
        .flatMap(
            v ->
                settings
                    .asText("sparsifier", v)
                    .flatMap(
                        word -> {
                          final Optional<Sparsifier> found = sparsifier(word);
                          if (found.isEmpty()) {
                            settings.asChoice("sparsifier", v.at(), word, words);
                          }
                          return found;
                        }));
  }

  private Front front(Optional<MergeMethod> method, Optional<Sparsifier> written) {
    final Sparsifier own = method.map(MergeMethod::sparsifier).orElse(Sparsifier.NONE);
    final Sparsifier sparsifier = written.orElse(own);
    final Optional<Yaml> value =
        settings
            .value("parameters")
            .flatMap(p -> p instanceof Yaml.Mapping m ? m.get("rescale") : Optional.empty());
    Optional<Rescale> rescale = Optional.empty();
    if (value.isPresent()) {
      rescale = parameters.rescale(value.get());
      if (sparsifier == Sparsifier.NONE
          && method.filter(m -> m.key("rescale").isPresent()).isEmpty()) {
        problems.add(
            value.get().at(),
            "parameters.rescale has no effect without a sparsifier",
            "Add 'sparsifier: dare', or delete the line.");
      }
    } else if (sparsifier != own) {
      // as in the paper of each: random masks leave the mean alone, selections are not scaled
      rescale = Optional.of(sparsifier.isRandom() ? Rescale.INVERSE_DENSITY : Rescale.NONE);
    }
    return new Front(sparsifier, rescale);
  }

  private Optional<Precision> precision(String key) {
    final List<String> words = Arrays.stream(Precision.values()).map(Precision::word).toList();
    return settings
        .value(key)
        .flatMap(
            v ->
                settings
                    .asText(key, v)
                    .flatMap(
                        word -> {
                          final Optional<Precision> found = Precision.ofWord(word);
                          if (found.isEmpty()) {
                            settings.asChoice(key, v.at(), word, words);
                          }
                          return found;
                        }));
  }

  /** The place whose tokenizer is taken; vocabularies that differ are refused later anyway. */
  private Optional<String> tokenizer(Optional<Place> base, List<Entry> entries) {
    Optional<Yaml> source = settings.value("tokenizer_source");
    final Optional<Yaml> mapping = settings.value("tokenizer");
    if (mapping.isPresent()) {
      if (!(mapping.get() instanceof Yaml.Mapping m)) {
        problems.add(
            mapping.get().at(),
            "tokenizer must be a mapping, but is " + mapping.get().describe(),
            "Write for example 'tokenizer: {source: base}'.");
        return Optional.empty();
      }
      final YamlSettings s = new YamlSettings(m, "tokenizer", problems);
      source = s.value("source");
      for (String key : List.of("tokens", "pad_to_multiple_of")) {
        if (s.has(key)) {
          s.problem(key, "vocabularies are not changed here; all models must have the same one");
        }
      }
      s.finish();
    }
    return source.flatMap(
        v -> settings.asText("tokenizer.source", v).flatMap(w -> tokenizer(w, v, base, entries)));
  }

  /** Equal vocabularies: their union is that of the base. */
  private Optional<String> tokenizer(
      String word, Yaml written, Optional<Place> base, List<Entry> entries) {
    if (word.equals("union") || (word.equals("base") && base.isPresent())) {
      return Optional.empty();
    }
    final boolean known =
        base.filter(b -> b.text().equals(word)).isPresent()
            || entries.stream().anyMatch(e -> e.place().text().equals(word));
    if (known) {
      return Optional.of(word);
    }
    problems.add(
        written.at(),
        word.equals("base")
            ? "tokenizer.source is 'base', and there is no base_model"
            : "tokenizer.source is '" + word + "', which is none of the models",
        "Possible: base, union, or a model of this file.");
    return Optional.empty();
  }

  /** Methods that take deltas do not merge the base with itself. */
  private static List<Entry> merged(MergeMethod method, Optional<Place> base, List<Entry> entries) {
    if (base.isEmpty() || method.base() == Base.INPUT) {
      return entries;
    }
    return entries.stream().filter(e -> !e.place().path().equals(base.get().path())).toList();
  }

  private void checkCounts(
      MergeMethod method,
      Optional<Place> base,
      List<Entry> models,
      Optional<Sparsifier> sparsifier) {
    final String name = method.word();
    if ((method.base() == Base.ORIGIN || method.base() == Base.END) && base.isEmpty()) {
      settings.problemAt(
          "merge_method",
          name + " needs a base_model",
          "Add the model that the others were fine-tuned from: 'base_model: DIR'.");
    }
    if (method.base() == Base.NONE && base.isPresent()) {
      problems.add(base.get().at(), name + " takes no base_model", "Delete the line.");
    }
    if (sparsifier.orElse(Sparsifier.NONE) != Sparsifier.NONE && base.isEmpty()) {
      settings.problemAt(
          "sparsifier", "a sparsifier needs a base_model to take deltas from", "Add one.");
    }
    if (models.size() < method.leastModels() || models.size() > method.mostModels()) {
      settings.problemAt(
          "models",
          name
              + " merges "
              + (method.mostModels() == Integer.MAX_VALUE
                  ? "at least " + method.leastModels()
                  : "exactly " + method.mostModels())
              + " model"
              + (method.leastModels() == 1 ? "" : "s")
              + (base.isPresent() ? " beside the base" : "")
              + ", but "
              + models.size()
              + " are given",
          "");
    }
    for (Entry entry : models) {
      final boolean own = method == MergeMethod.FISHER || method == MergeMethod.REGMEAN;
      if (own != entry.statistics().isPresent()) {
        problems.add(
            entry.place().at(),
            own
                ? name + " needs 'statistics' of every model"
                : "'statistics' has no effect in " + name,
            own
                ? "Add 'statistics: FILE.safetensors' beside 'model'."
                : "Delete it, or choose fisher or regmean.");
      }
    }
  }

  /** Last parts of the paths, with a number where two are the same. */
  private static List<String> names(List<Entry> models) {
    final List<String> names = new ArrayList<>();
    for (Entry entry : models) {
      String name = lastPart(entry.place());
      for (int n = 2; names.contains(name); n++) {
        name = lastPart(entry.place()) + "-" + n;
      }
      names.add(name);
    }
    return names;
  }

  private static String lastPart(Place place) {
    final Path last = place.path().getFileName();
    return last == null ? "model" : last.toString();
  }

  /** The base has the name of the model that it is listed as, else one of its own. */
  private static String nameOf(Place place, List<Entry> models, List<String> names) {
    for (int t = 0; t < models.size(); t++) {
      if (models.get(t).place().path().equals(place.path())) {
        return names.get(t);
      }
    }
    final String name = lastPart(place);
    return names.contains(name) ? name + "-base" : name;
  }

  private static List<MergeRecipe.Model> list(List<Entry> models, List<String> names) {
    final List<MergeRecipe.Model> list = new ArrayList<>();
    for (int t = 0; t < models.size(); t++) {
      list.add(new MergeRecipe.Model(names.get(t), models.get(t).parameters()));
    }
    return list;
  }

  private MergeSources sources(
      Optional<Place> base,
      List<Entry> models,
      List<String> names,
      Optional<Yaml> heads,
      Optional<String> tokenizer,
      Optional<Precision> out,
      Optional<String> baseName) {
    final List<MergeSources.Folder> folders = new ArrayList<>();
    for (int t = 0; t < models.size(); t++) {
      folders.add(
          new MergeSources.Folder(
              names.get(t), models.get(t).place().path(), models.get(t).statistics()));
    }
    Heads policy = Heads.AUTO;
    Optional<String> attached = Optional.empty();
    final Optional<String> word = heads.flatMap(v -> settings.asText("heads", v));
    if (word.isPresent()) {
      switch (word.get()) {
        case "auto" -> policy = Heads.AUTO;
        case "merge" -> policy = Heads.MERGE;
        case "apart" -> policy = Heads.APART;
        default -> {
          policy = Heads.ATTACH;
          attached = named(word.get(), models, names);
          if (attached.isEmpty()) {
            final List<String> possible = new ArrayList<>(List.of("auto", "merge", "apart"));
            possible.addAll(names);
            settings.asChoice("heads", heads.get().at(), word.get(), possible);
          }
        }
      }
    }
    return new MergeSources(
        base.map(b -> new MergeSources.Folder(baseName.orElseThrow(), b.path(), Optional.empty())),
        folders,
        policy,
        attached,
        tokenizer.flatMap(
            t ->
                named(t, models, names)
                    .or(() -> base.filter(b -> b.text().equals(t)).flatMap(b -> baseName))),
        out,
        MergeSources.SHARD_BYTES);
  }

  private static Optional<String> named(String word, List<Entry> models, List<String> names) {
    for (int t = 0; t < models.size(); t++) {
      if (models.get(t).place().text().equals(word) || names.get(t).equals(word)) {
        return Optional.of(names.get(t));
      }
    }
    return Optional.empty();
  }
}
