package dev.bantam.runner.experiment;

import dev.bantam.deltamerging.MergeMethod;
import dev.bantam.deltamerging.MergeMethod.Base;
import dev.bantam.deltamerging.ParameterValue;
import dev.bantam.deltamerging.Rescale;
import dev.bantam.deltamerging.Sparsifier;
import dev.bantam.deltamerging.TensorMerger;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Suggestions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/** Reads {@code merge:} of a variant. */
final class MergeReader {
  private static final String AVERAGE = "average";
  private static final String DARE = "dare";
  private static final String BASE_HEAD = "base-head";

  /** Methods of merge files that have another name here, or need what an experiment has not. */
  private static final Set<MergeMethod> OTHERS =
      Set.of(MergeMethod.LINEAR, MergeMethod.DARE_LINEAR, MergeMethod.PASSTHROUGH);

  /** Methods that weigh models by what they make of training examples. */
  private static final Set<MergeMethod> MEASURED = Set.of(MergeMethod.FISHER, MergeMethod.REGMEAN);

  private static final int EXAMPLES = 256;
  private static final int MOST_EXAMPLES = 1 << 20;

  /** Keys of merge files that are read in another way here. */
  private static final Set<String> OTHER_KEYS = Set.of("lambda", "rescale", "int8_mask", "weight");

  private static final double TIES_DENSITY = 0.2;

  /** A tensor that every parameter holds for. */
  private static final String SOME = "encoder.layer.0.output.dense.weight";

  private final List<String> tasks;
  private final Problems problems;

  /**
   * @param tasks the names that inputs may have
   */
  MergeReader(List<String> tasks, Problems problems) {
    this.tasks = tasks;
    this.problems = problems;
  }

  /** What kept elements are multiplied by, as it is written. */
  private enum Rule {
    INVERSE_DENSITY,
    L1,
    NONE;

    Rescale rescale() {
      return switch (this) {
        case INVERSE_DENSITY -> Rescale.INVERSE_DENSITY;
        case L1 -> Rescale.L1;
        case NONE -> Rescale.NONE;
      };
    }
  }

  private static Map<String, MergeMethod> methods() {
    final Map<String, MergeMethod> methods = new LinkedHashMap<>();
    methods.put(AVERAGE, MergeMethod.TASK_ARITHMETIC);
    methods.put(DARE, MergeMethod.DARE_LINEAR);
    for (MergeMethod method : MergeMethod.values()) {
      if (!OTHERS.contains(method)) {
        methods.put(method.word().replace('_', '-'), method);
      }
    }
    return methods;
  }

  Optional<MergeSpec> read(Yaml value) {
    if (!(value instanceof Yaml.Mapping mapping)) {
      problems.add(
          value.at(),
          "variant.merge must be a mapping, but is " + value.describe(),
          "Write for example 'merge: {method: dare-ties, inputs: [a, b], drop: 0.9}'.");
      return Optional.empty();
    }
    final int before = problems.reports();
    final YamlSettings s = new YamlSettings(mapping, "merge", problems);
    final Map<String, MergeMethod> methods = methods();
    final List<String> words = new ArrayList<>(methods.keySet());
    words.add(0, BASE_HEAD);
    final String word = s.text("method", null);
    final boolean known =
        !word.isEmpty()
            && s.asChoice(
                    "merge.method",
                    s.value("method").map(Yaml::at).orElse(mapping.at()),
                    word,
                    words)
                >= 0;
    final List<String> inputs = inputs(s);
    if (!known) {
      return Optional.empty();
    }
    final Optional<MergeMethod> method = Optional.ofNullable(methods.get(word));
    final MergeSpec spec =
        method
            .map(m -> read(s, word, m, inputs))
            .orElseGet(
                () ->
                    new MergeSpec(
                        word,
                        method,
                        inputs,
                        false,
                        Optional.empty(),
                        List.of(1.0),
                        Map.of(),
                        List.of(),
                        OptionalInt.empty(),
                        s.resolved()));
    s.finish();
    return problems.reports() == before ? Optional.of(spec) : Optional.empty();
  }

  private MergeSpec read(YamlSettings s, String word, MergeMethod method, List<String> inputs) {
    final boolean own = method.sparsifier() == Sparsifier.DARE;
    final boolean may =
        own
            || (method.base() == Base.ORIGIN
                && !method.needsWholeModel()
                && method.sparsifier() == Sparsifier.NONE);
    final boolean dropping = own || (may && s.has("drop"));
    final Map<String, ParameterValue> parameters = new LinkedHashMap<>();
    Optional<Rescale> rescale = Optional.empty();
    List<String> dense = List.of();
    if (dropping) {
      final double drop = s.number("drop", 0, Math.nextDown(1.0), null);
      parameters.put("density", ParameterValue.of(1 - drop));
      rescale = Optional.of(s.choice("rescale", Rule.class, Rule.INVERSE_DENSITY).rescale());
      dense = s.texts("dense", List.of("LayerNorm", "bias"));
    } else if (method.sparsifier() != Sparsifier.NONE && s.has("rescale")) {
      rescale = Optional.of(s.choice("rescale", Rule.class, Rule.L1).rescale());
    }
    for (MergeMethod.Key key : method.keys()) {
      final boolean elsewhere =
          OTHER_KEYS.contains(key.name())
              || parameters.containsKey(key.name())
              || (word.equals(AVERAGE) && key.name().equals("normalize"));
      if (!elsewhere) {
        parameters.put(key.name(), ParameterValue.of(value(s, method, key)));
      }
    }
    if (method.key("weight").isPresent()) {
      parameters.put("weight", ParameterValue.of(1));
    }
    final OptionalInt examples =
        MEASURED.contains(method)
            ? OptionalInt.of(s.integer("examples", 1, MOST_EXAMPLES, EXAMPLES))
            : OptionalInt.empty();
    final List<Double> lambdas = lambdas(s, word, method, inputs);
    final MergeSpec spec =
        new MergeSpec(
            word,
            Optional.of(method),
            inputs,
            dropping,
            rescale,
            lambdas,
            parameters,
            dense,
            examples,
            s.resolved());
    if (count(s, method, inputs)) {
      together(s, spec);
    }
    return spec;
  }

  /** Parameters that are good one by one and not together. */
  private static void together(YamlSettings s, MergeSpec spec) {
    try {
      new TensorMerger(spec.recipe(spec.inputs("a"), spec.lambdas().get(0)), 1, 0).check(SOME);
    } catch (BantamException e) {
      s.problem("method", e.getMessage());
    }
  }

  /** One value of a method's parameter, under its name with hyphens. */
  private static double value(YamlSettings s, MergeMethod method, MergeMethod.Key key) {
    final String name = key.name().replace('_', '-');
    if (key.flag()) {
      return s.flag(name, key.fallback() > 0) ? 1 : 0;
    }
    final Double fallback =
        method == MergeMethod.TIES && key.name().equals("density")
            ? Double.valueOf(TIES_DENSITY)
            : key.fallback();
    return s.number(name, key.range().least(), key.range().most(), fallback);
  }

  /** One number or several, of which the best on tune is taken. */
  private static List<Double> lambdas(
      YamlSettings s, String word, MergeMethod method, List<String> inputs) {
    if (word.equals(AVERAGE)) {
      return List.of(1.0 / Math.max(1, inputs.size()));
    }
    if (method.key("lambda").isEmpty()) {
      return List.of(1.0);
    }
    return s.numbers("lambda", -100, 100, List.of(1.0));
  }

  private static boolean count(YamlSettings s, MergeMethod method, List<String> inputs) {
    final int models = inputs.size() - (method.base() == Base.END ? 1 : 0);
    final boolean fits =
        inputs.isEmpty()
            ? method.base() == Base.ORIGIN && method.leastModels() == 1
            : models >= method.leastModels() && models <= method.mostModels();
    if (!fits) {
      s.problem(
          "inputs",
          "'"
              + method.word().replace('_', '-')
              + "' does not merge "
              + (inputs.isEmpty() ? "one model with its source" : inputs.size() + " models")
              + ".");
    }
    return fits;
  }

  private List<String> inputs(YamlSettings s) {
    if (!s.has("inputs")) {
      s.value("inputs");
      return List.of();
    }
    final List<String> inputs = s.texts("inputs", null);
    final Set<String> seen = new HashSet<>();
    for (Yaml item : s.value("inputs").map(YamlSettings::oneOrList).orElse(List.of())) {
      if (!(item instanceof Yaml.Scalar name) || name.kind() != Yaml.Kind.TEXT) {
        continue;
      }
      if (!tasks.contains(name.text())) {
        problems.add(
            item.at(),
            "merge.inputs names the unknown task '" + name.text() + "'",
            Suggestions.didYouMean(name.text(), tasks)
                + "Known: "
                + String.join(", ", new TreeSet<>(tasks))
                + ".");
      } else if (!seen.add(name.text())) {
        problems.add(
            item.at(), "merge.inputs names '" + name.text() + "' twice", "Delete one of the two.");
      }
    }
    if (inputs.isEmpty() && s.value("inputs").orElseThrow() instanceof Yaml.Sequence) {
      s.problemAt(
          "inputs",
          "merge.inputs is an empty list",
          "Name the tasks whose models are merged, or delete the key to take each alone.");
    }
    return inputs;
  }
}
