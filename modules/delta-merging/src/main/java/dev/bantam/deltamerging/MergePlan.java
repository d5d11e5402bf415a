package dev.bantam.deltamerging;

import dev.bantam.checkpoint.SafetensorsEntry;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.deltamerging.MergeMethod.Base;
import dev.bantam.deltamerging.MergeSources.Heads;
import dev.bantam.deltamerging.OutputTensor.Action;
import dev.bantam.tensor.BantamException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Which tensors the merged model has, and what happens to each; everything is checked here. */
final class MergePlan {
  private final MergeRecipe recipe;
  private final MergeSources sources;
  private final Optional<SourceModel> base;
  private final List<SourceModel> models;
  private final boolean baseNeeded;
  private final List<String> problems = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private final List<OutputTensor> tensors = new ArrayList<>();

  /** Canonical names of what is kept apart, per model. */
  private final List<List<String>> apart = new ArrayList<>();

  private final SourceModel pattern;
  private final boolean headsMerged;

  /**
   * Makes the plan.
   *
   * @throws BantamException (bad input) naming everything that does not fit together
   */
  MergePlan(
      MergeRecipe recipe,
      MergeSources sources,
      Optional<SourceModel> base,
      List<SourceModel> models) {
    this.recipe = recipe;
    this.sources = sources;
    this.base = base;
    this.models = models;
    final Base role = recipe.method().base();
    this.baseNeeded =
        base.isPresent()
            && role != Base.NONE
            && (recipe.front() != Sparsifier.NONE || (role != Base.INPUT && role != Base.UNUSED));
    models.forEach(m -> apart.add(new ArrayList<>()));
    checkVocabularies();
    final List<String> heads = sharedHeads();
    this.headsMerged = mergesHeads(heads);
    this.pattern = pattern();
    bodies();
    heads(heads);
    if (!problems.isEmpty()) {
      throw BantamException.badInput(
          "These models cannot be merged:\n  - " + String.join("\n  - ", problems));
    }
  }

  /** Tensors of the merged model, in the order in which they are read and written. */
  List<OutputTensor> tensors() {
    return tensors;
  }

  /** Canonical names of the tensors that go to a model's own folder. */
  List<String> apart(int model) {
    return apart.get(model);
  }

  /** The model whose configuration and names the output has. */
  SourceModel pattern() {
    if (pattern != null) {
      return pattern;
    }
    if (sources.heads() == Heads.ATTACH) {
      return models.stream()
          .filter(m -> m.name().equals(sources.attached().orElseThrow()))
          .findFirst()
          .orElseThrow();
    }
    return headsMerged && !sharedHeads().isEmpty() ? models.get(0) : base.orElse(models.get(0));
  }

  /** Whether the merged model has a head. */
  boolean hasHead() {
    return sources.heads() == Heads.ATTACH
        || tensors.stream().anyMatch(t -> TensorNames.isHead(t.canonical()));
  }

  boolean baseNeeded() {
    return baseNeeded;
  }

  /** What the user should know. */
  List<String> notes() {
    return notes;
  }

  /** Models and, last, the base if there is one. */
  SourceModel source(int index) {
    return index < models.size() ? models.get(index) : base.orElseThrow();
  }

  private List<SourceModel> participants() {
    final List<SourceModel> all = new ArrayList<>(models);
    if (baseNeeded) {
      all.add(base.orElseThrow());
    }
    return all;
  }

  private void checkVocabularies() {
    final SourceModel first = base.orElse(models.get(0));
    final Map<String, Integer> wanted = first.vocabulary();
    final Set<String> silent = new LinkedHashSet<>();
    if (wanted.isEmpty()) {
      silent.add(first.name());
    }
    for (SourceModel model : models) {
      final Map<String, Integer> found = model.vocabulary();
      if (found.isEmpty()) {
        silent.add(model.name());
      } else if (!wanted.isEmpty() && !found.equals(wanted)) {
        problems.add(difference(first, wanted, model, found));
      }
    }
    if (!silent.isEmpty() && silent.size() < models.size() + 1) {
      notes.add(
          "No tokenizer.json or vocab.txt in "
              + String.join(", ", silent)
              + ": that the vocabularies agree is taken on trust.");
    }
  }

  private static String difference(
      SourceModel first,
      Map<String, Integer> wanted,
      SourceModel model,
      Map<String, Integer> found) {
    final Map<String, Integer> all = new LinkedHashMap<>(wanted);
    all.putAll(found);
    int different = 0;
    String example = "";
    for (String token : all.keySet()) {
      final Integer a = wanted.get(token);
      final Integer b = found.get(token);
      if (a == null || !a.equals(b)) {
        different++;
        if (example.isEmpty()) {
          example =
              "'"
                  + token
                  + "' is "
                  + place(a)
                  + " in "
                  + first.name()
                  + " and "
                  + place(b)
                  + " in "
                  + model.name();
        }
      }
    }
    return "the vocabularies of "
        + first.name()
        + " ("
        + wanted.size()
        + " tokens) and "
        + model.name()
        + " ("
        + found.size()
        + ") differ in "
        + different
        + " tokens: "
        + example
        + ". Rows of their embeddings belong to different words; merge models that were fine-tuned"
        + " from one base with one tokenizer";
  }

  private static String place(Integer id) {
    return id == null ? "missing" : "row " + id;
  }

  /** Head tensors of the first model. */
  private List<String> sharedHeads() {
    return models.get(0).stored().keySet().stream()
        .filter(TensorNames::isHead)
        .filter(name -> !isTied(models.get(0), name))
        .toList();
  }

  /** An output matrix that is the word embedding under another name: written once, as that. */
  private static boolean isTied(SourceModel model, String canonical) {
    return (canonical.equals("cls.predictions.decoder.weight")
            || canonical.equals("lm_head.weight")
            || canonical.equals("lm_head.decoder.weight"))
        && model.config().path("tie_word_embeddings").asBoolean(true);
  }

  private boolean mergesHeads(List<String> heads) {
    if (sources.heads() == Heads.APART || sources.heads() == Heads.ATTACH) {
      return false;
    }
    final Optional<String> reason = whyNotMerge(heads);
    if (reason.isEmpty()) {
      if (!heads.isEmpty()) {
        notes.add(
            "The heads are merged, since all models have the same tensors and labels; 'heads:"
                + " apart' keeps one for each.");
      }
      return true;
    }
    if (sources.heads() == Heads.MERGE) {
      problems.add("the heads cannot be merged: " + reason.get() + "; write 'heads: apart'");
    } else {
      notes.add("Each model keeps its own head: " + reason.get() + ".");
    }
    return false;
  }

  private Optional<String> whyNotMerge(List<String> heads) {
    final SourceModel first = models.get(0);
    for (SourceModel model : participants()) {
      final List<String> own =
          model.stored().keySet().stream()
              .filter(TensorNames::isHead)
              .filter(name -> !isTied(model, name))
              .toList();
      final boolean isBase = models.stream().noneMatch(m -> m.equals(model));
      if (isBase ? !own.containsAll(heads) : !Set.copyOf(own).equals(Set.copyOf(heads))) {
        return Optional.of(first.name() + " and " + model.name() + " have different heads");
      }
      for (String name : heads) {
        if (!model.entry(name).dimensions().equals(first.entry(name).dimensions())) {
          return Optional.of(
              "'"
                  + name
                  + "' is "
                  + first.entry(name).dimensions()
                  + " in "
                  + first.name()
                  + " and "
                  + model.entry(name).dimensions()
                  + " in "
                  + model.name());
        }
      }
      if (!isBase && !heads.isEmpty() && !model.labels().equals(first.labels())) {
        return Optional.of(first.name() + " and " + model.name() + " have different labels");
      }
    }
    return Optional.empty();
  }

  private void bodies() {
    final Set<String> names = new LinkedHashSet<>(pattern.stored().keySet());
    participants().forEach(m -> names.addAll(m.stored().keySet()));
    names.removeIf(TensorNames::isHead);
    for (String name : names) {
      body(name);
    }
  }

  private void body(String name) {
    final SourceModel owner =
        pattern.has(name)
            ? pattern
            : participants().stream().filter(m -> m.has(name)).findFirst().orElseThrow();
    if (!owner.entry(name).type().readsAsFloat()) {
      integers(name, owner);
      return;
    }
    final List<Integer> lacking = new ArrayList<>();
    for (int t = 0; t < models.size(); t++) {
      if (!models.get(t).has(name)) {
        lacking.add(t);
      }
    }
    final boolean inBase = !baseNeeded || base.orElseThrow().has(name);
    if (lacking.isEmpty() && inBase) {
      merged(name, owner, List.of());
    } else if (name.startsWith("pooler.")) {
      pooler(name, owner, lacking, inBase);
    } else {
      final List<String> without = new ArrayList<>();
      lacking.forEach(t -> without.add(models.get(t).name()));
      if (!inBase) {
        without.add(base.orElseThrow().name());
      }
      problems.add("'" + name + "' is missing in " + String.join(", ", without));
    }
  }

  /** Encoders are stored with and without a pooler. */
  private void pooler(String name, SourceModel owner, List<Integer> lacking, boolean inBase) {
    if (baseNeeded && inBase) {
      merged(name, owner, lacking);
      notes.add(
          "'" + name + "' is not in all models; those without it count as having the base's.");
      return;
    }
    for (int t = 0; t < models.size(); t++) {
      if (models.get(t).has(name)) {
        apart.get(t).add(name);
      }
    }
    notes.add("'" + name + "' is not in all models; it is kept with the head of each that has it.");
  }

  private void merged(String name, SourceModel owner, List<Integer> standIns) {
    final SafetensorsEntry entry = owner.entry(name);
    boolean sameType = true;
    for (SourceModel model : participants()) {
      if (!model.has(name)) {
        continue;
      }
      final SafetensorsEntry other = model.entry(name);
      sameType &= other.type() == entry.type();
      if (!other.dimensions().equals(entry.dimensions())) {
        problems.add(
            "'"
                + name
                + "' is "
                + entry.dimensions()
                + " in "
                + owner.name()
                + " and "
                + other.dimensions()
                + " in "
                + model.name()
                + (name.contains("word_embeddings") || name.contains("embed_tokens")
                    ? ": their vocabularies differ"
                    : ""));
        return;
      }
      if (!other.type().readsAsFloat()) {
        problems.add("'" + name + "' is " + other.type() + " in " + model.name());
        return;
      }
    }
    if (entry.elements() > Integer.MAX_VALUE - 8) {
      problems.add("'" + name + "' has " + entry.elements() + " elements; at most 2^31 - 9 can be");
      return;
    }
    final Precision precision =
        recipe.dtype().orElse(sameType ? Precision.of(entry.type()) : Precision.FLOAT32);
    tensors.add(
        new OutputTensor(
            owner.stored().get(name),
            name,
            Action.MERGE,
            outputType(entry.type()),
            entry.dimensions(),
            precision,
            -1,
            standIns));
  }

  private SafetensorsType outputType(SafetensorsType stored) {
    return sources
        .outDtype()
        .or(recipe::dtype)
        .map(Precision::type)
        .orElse(stored == SafetensorsType.F64 ? SafetensorsType.F32 : stored);
  }

  /** Buffers such as position ids. */
  private void integers(String name, SourceModel owner) {
    if (!owner.equals(pattern)) {
      return; // today's models no longer store them
    }
    copied(name, owner, Action.COPY_IF_EQUAL);
  }

  private int indexOf(SourceModel model) {
    final int index = models.indexOf(model);
    return index < 0 ? models.size() : index;
  }

  private void heads(List<String> shared) {
    if (headsMerged) {
      shared.forEach(name -> merged(name, models.get(0), List.of()));
      return;
    }
    for (int t = 0; t < models.size(); t++) {
      final SourceModel model = models.get(t);
      final boolean isBase = base.isPresent() && base.get().path().equals(model.path());
      for (String name : model.stored().keySet()) {
        if (TensorNames.isHead(name) && !isTied(model, name) && !isBase) {
          apart.get(t).add(name);
        }
      }
      if (model.equals(pattern) && sources.heads() == Heads.ATTACH) {
        apart.get(t).forEach(name -> copied(name, model, Action.COPY));
      }
    }
  }

  private void copied(String name, SourceModel model, Action action) {
    final SafetensorsEntry entry = model.entry(name);
    tensors.add(
        new OutputTensor(
            model.stored().get(name),
            name,
            action,
            entry.type(),
            entry.dimensions(),
            Precision.FLOAT32,
            indexOf(model),
            List.of()));
  }
}
