package dev.bantam.runner.experiment;

import dev.bantam.tensor.Suggestions;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads {@code variants:}, grids expanded. */
final class VariantReader<S> {
  private static final String FINETUNE = "finetune";
  private static final String START = "start";
  private static final String STEPS = "steps";
  private static final String MERGE = "merge";
  private static final String DELTA = "delta";

  /** The ways to make a model from a fine-tuned one. */
  private static final List<String> KINDS = List.of(STEPS, MERGE, DELTA);

  private static final String ADD_DENSE =
      "Add '- {name: dense}' as the first variant: every recovery is measured against it.";

  private final Problems problems;
  private final List<Long> seeds;
  private final FinetuneSettings finetune;
  private final StepReader<S> steps;
  private final MergeReader merges;
  private final DeltaReader deltas;
  private final Map<String, Position> names = new LinkedHashMap<>();
  private final List<Variant<S>> variants = new ArrayList<>();
  private final Map<String, List<YamlSettings>> settings = new LinkedHashMap<>();
  private final Map<String, YamlSettings> places = new LinkedHashMap<>();

  /**
   * @param seeds those of the experiment
   * @param finetune that of the experiment
   * @param tasks the names that the inputs of a merge may have
   */
  VariantReader(
      Catalogue<S> catalogue,
      List<Long> seeds,
      FinetuneSettings finetune,
      List<String> tasks,
      Problems problems) {
    this.problems = problems;
    this.seeds = seeds;
    this.finetune = finetune;
    this.steps = new StepReader<>(catalogue, problems);
    this.merges = new MergeReader(tasks, problems);
    this.deltas = new DeltaReader(problems);
  }

  /** The settings of every step of the variants read, by the variant's name. */
  Map<String, List<YamlSettings>> settings() {
    return settings;
  }

  List<Variant<S>> read(Yaml value) {
    if (!(value instanceof Yaml.Sequence list)) {
      problems.add(value.at(), "variants must be a list, but is " + value.describe(), ADD_DENSE);
      return List.of();
    }
    list.items().forEach(this::variant);
    if (!names.containsKey(Variant.DENSE)) {
      problems.add(value.at(), "no variant is named 'dense'", ADD_DENSE);
    }
    variants.forEach(this::checkStart);
    return variants;
  }

  /** Steps begin with a fine-tuned variant that runs with their seeds. */
  private void checkStart(Variant<S> variant) {
    final YamlSettings place = places.get(variant.name());
    if (place == null || variant.start().equals(Variant.DENSE)) {
      return;
    }
    final List<String> possible =
        variants.stream().filter(Variant::isFineTuned).map(Variant::name).toList();
    final Optional<Variant<S>> start =
        variants.stream()
            .filter(Variant::isFineTuned)
            .filter(v -> v.name().equals(variant.start()))
            .findFirst();
    if (start.isEmpty()) {
      place.problemAt(
          START,
          "variant.start is '" + variant.start() + "', which is no fine-tuned variant",
          Suggestions.didYouMean(variant.start(), possible)
              + "Possible: "
              + String.join(", ", possible)
              + ". Add '- {name: "
              + variant.start()
              + ", finetune: {epochs: 1}}' for another one.");
    } else if (!start.get().seeds().containsAll(variant.seeds())) {
      place.problemAt(
          START,
          "variant.start: '"
              + variant.start()
              + "' runs with the seeds "
              + start.get().seeds()
              + " and this variant with "
              + variant.seeds(),
          "Give both the same 'seeds'.");
    }
  }

  private void variant(Yaml item) {
    if (!(item instanceof Yaml.Mapping mapping)) {
      problems.add(
          item.at(),
          "a variant must be a mapping, but is " + item.describe(),
          "Write for example '- {name: dense}'.");
      return;
    }
    final YamlSettings s = new YamlSettings(mapping, "variant", problems);
    final String template = s.text("name", null);
    final Position nameAt = mapping.get("name").map(Yaml::at).orElse(mapping.at());
    final Optional<Yaml> gridNode = s.value("grid");
    final Optional<Grid> grid =
        gridNode.isEmpty() ? Optional.of(Grid.NONE) : Grid.read(gridNode.get(), problems);
    final List<Long> subset = seeds(s, template);
    final Optional<Yaml> work = work(s, template);
    final Optional<FinetuneSettings> own =
        s.has(FINETUNE)
            ? Optional.of(FinetuneSettings.read(s.mappingOrEmpty(FINETUNE), finetune))
            : Optional.empty();
    final String start = s.has(STEPS) ? s.text(START, Variant.DENSE) : Variant.DENSE;
    s.has(START);
    s.finish();
    if (grid.isPresent()) {
      final boolean named = !template.isEmpty() && grid.get().fits(template, nameAt, problems);
      expand(
          grid.get(),
          named ? Optional.of(template) : Optional.empty(),
          nameAt,
          new Written<>(s, own, start, subset, work, kind(s)));
    }
  }

  /** What a variant says beside its name and grid. */
  private record Written<S>(
      YamlSettings place,
      Optional<FinetuneSettings> finetune,
      String start,
      List<Long> seeds,
      Optional<Yaml> work,
      Optional<String> kind) {
    boolean is(String other) {
      return kind.equals(Optional.of(other));
    }
  }

  /** Which of the ways to make a model a variant names, the first of several. */
  private static Optional<String> kind(YamlSettings s) {
    return KINDS.stream().filter(s::has).findFirst();
  }

  /**
   * The value of {@code steps}, {@code merge} or {@code delta}: exactly one of them; none for
   * {@code dense} and for another fine-tuned variant.
   */
  private Optional<Yaml> work(YamlSettings s, String name) {
    final Optional<Yaml> stepList = s.value(STEPS);
    final Optional<Yaml> merge = s.value(MERGE);
    final Optional<Yaml> delta = s.value(DELTA);
    final Optional<Yaml> other = merge.or(() -> delta);
    if (s.has(FINETUNE)) {
      if (name.equals(Variant.DENSE)) {
        s.problemAt(
            FINETUNE,
            "the variant 'dense' is trained by the experiment's 'finetune'",
            "Move the settings there.");
      }
      stepList
          .or(() -> other)
          .ifPresent(
              v ->
                  problems.add(
                      v.at(),
                      "variant '" + name + "' has its own finetune and takes no steps",
                      "Give the steps to another variant, with 'start: " + name + "'."));
      return Optional.empty();
    }
    if (name.equals(Variant.DENSE)) {
      stepList
          .or(() -> other)
          .ifPresent(
              v ->
                  problems.add(
                      v.at(),
                      "the variant 'dense' is the uncompressed model and takes no steps",
                      "Give this variant another name and keep '- {name: dense}'."));
    } else if (KINDS.stream().filter(s::has).count() > 1) {
      problems.add(
          delta.or(() -> other).orElseThrow().at(),
          "variant '"
              + name
              + "' has both "
              + String.join(" and ", KINDS.stream().filter(s::has).toList()),
          "Keep one of them.");
    } else if (stepList.isEmpty() && other.isEmpty() && !name.isEmpty()) {
      problems.add(
          s.at(),
          "variant '" + name + "' has no steps, so it would equal 'dense'",
          "Add 'steps: [...]', or delete the variant.");
    }
    return stepList.or(() -> other);
  }

  private List<Long> seeds(YamlSettings s, String name) {
    final List<Long> own = s.integers("seeds", 0, ExperimentReader.MAX_SEED, seeds);
    for (Yaml item : s.value("seeds").map(YamlSettings::oneOrList).orElse(List.of())) {
      if (item instanceof Yaml.Scalar scalar
          && scalar.kind() == Yaml.Kind.INTEGER
          && seeds.stream()
              .map(BigInteger::valueOf)
              .noneMatch(YamlSettings.wholeNumber(scalar.text())::equals)) {
        problems.add(
            item.at(),
            "variant.seeds has " + scalar.text() + ", which is not a seed of the experiment",
            "Its seeds are " + seeds + "; a variant takes some of them.");
      }
    }
    if (name.equals(Variant.DENSE) && !own.containsAll(seeds)) {
      s.problemAt(
          "seeds",
          "the variant 'dense' must run with all seeds " + seeds,
          "Delete its 'seeds': the other variants are compared with it seed by seed.");
    }
    return seeds.stream().filter(own::contains).toList();
  }

  private void expand(Grid grid, Optional<String> template, Position nameAt, Written<S> written) {
    final Set<String> used = new LinkedHashSet<>();
    for (Map<String, Yaml.Scalar> binding : grid.combinations()) {
      final String name = template.map(t -> Grid.fill(t, binding)).orElse("");
      if (template.isPresent()) {
        register(name, nameAt);
      }
      final Optional<Yaml> bound =
          written.work().map(w -> Grid.substitute(w, binding, used, problems));
      final List<ParsedStep<S>> parsed = new ArrayList<>();
      final List<YamlSettings> placed = new ArrayList<>();
      if (written.is(STEPS)) {
        bound.ifPresent(
            b ->
                steps
                    .read("variant.steps", b)
                    .forEach(
                        p -> {
                          parsed.add(p.step());
                          placed.add(p.settings());
                        }));
      }
      final Optional<MergeSpec> merge =
          written.is(MERGE) ? bound.flatMap(merges::read) : Optional.empty();
      final Optional<DeltaSpec> delta =
          written.is(DELTA) ? bound.flatMap(deltas::read) : Optional.empty();
      variants.add(
          new Variant<>(
              name, parsed, merge, delta, written.finetune(), written.start(), written.seeds()));
      places.put(name, written.place());
      settings.put(name, placed);
    }
    grid.reportUnused(used, problems);
  }

  private void register(String name, Position at) {
    if (!Variant.isName(name)) {
      problems.add(
          at,
          "the variant name '" + name + "' does not match [a-z0-9.+-]{1,64}",
          "Use lower-case letters, digits, '.', '+' and '-' only: it names a folder.");
      return;
    }
    final Position first = names.putIfAbsent(name, at);
    if (first != null) {
      problems.add(
          at,
          "the variant name '" + name + "' is used twice, first at " + first,
          "Rename one of the two.");
    }
  }
}
