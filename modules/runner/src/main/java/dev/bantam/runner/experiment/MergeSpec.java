package dev.bantam.runner.experiment;

import dev.bantam.deltamerging.MergeMethod;
import dev.bantam.deltamerging.MergeMethod.Base;
import dev.bantam.deltamerging.MergeRecipe;
import dev.bantam.deltamerging.ParameterValue;
import dev.bantam.deltamerging.Rescale;
import dev.bantam.deltamerging.Sparsifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A variant whose encoder is merged from fine-tuned ones; every task keeps its own head.
 *
 * @param word the method as written, such as {@code dare-ties}
 * @param method what it is; empty for {@code base-head}, the source's encoder under the task's head
 * @param inputs names of the tasks whose models are merged; empty means that the model of each task
 *     is taken alone
 * @param dropping whether DARE thins out the deltas
 * @param rescale what kept elements are multiplied by, if not by the method's own rule
 * @param lambdas factors of the merged delta; the one that is best on tune is taken. One for
 *     methods without it
 * @param parameters the method's others
 * @param examples training examples of each input's task that its model is weighed by, for methods
 *     that do
 * @param dense parts of tensor names whose deltas are not thinned out
 * @param settings all that was read, defaults included
 */
public record MergeSpec(
    String word,
    Optional<MergeMethod> method,
    List<String> inputs,
    boolean dropping,
    Optional<Rescale> rescale,
    List<Double> lambdas,
    Map<String, ParameterValue> parameters,
    List<String> dense,
    OptionalInt examples,
    ResolvedValue.Mapping settings) {
  /** What recipes call the source's encoder. */
  private static final String BASE = "base";

  public MergeSpec {
    Objects.requireNonNull(word, "word");
    Objects.requireNonNull(method, "method");
    inputs = List.copyOf(inputs);
    Objects.requireNonNull(rescale, "rescale");
    lambdas = List.copyOf(lambdas);
    parameters = Map.copyOf(parameters);
    dense = List.copyOf(dense);
    Objects.requireNonNull(examples, "examples");
    Objects.requireNonNull(settings, "settings");
  }

  /** The tasks whose models go into that of a task, in order. */
  public List<String> inputs(String task) {
    return inputs.isEmpty() ? List.of(task) : inputs;
  }

  /** Whether the variant gives a model for a task. */
  public boolean isFor(String task) {
    return inputs.isEmpty() || inputs.contains(task);
  }

  /** Whether elements are drawn, so that another draw gives another model. */
  public boolean isRandom() {
    return dropping || method.filter(m -> m.sparsifier().isRandom()).isPresent();
  }

  /** Whether the first input takes the place of the source: methods between two ends. */
  public boolean startsFromAnInput() {
    return method.filter(m -> m.base() == Base.END).isPresent();
  }

  /**
   * The recipe for models of tasks.
   *
   * @param tasks of {@link #inputs(String)}
   * @param lambda one of the lambdas
   */
  public MergeRecipe recipe(List<String> tasks, double lambda) {
    final MergeMethod merge = method.orElseThrow();
    final List<MergeRecipe.Model> models = new ArrayList<>();
    for (String task : startsFromAnInput() ? tasks.subList(1, tasks.size()) : tasks) {
      models.add(new MergeRecipe.Model(task, Map.of()));
    }
    final Map<String, ParameterValue> all = new java.util.HashMap<>(parameters); // looked up only
    if (merge.key("lambda").isPresent()) {
      all.put("lambda", ParameterValue.of(lambda));
    }
    final boolean based = merge.base() == Base.ORIGIN || merge.base() == Base.END;
    return new MergeRecipe(
        merge,
        based ? Optional.of(BASE) : Optional.empty(),
        models,
        all,
        dropping ? Optional.of(Sparsifier.DARE) : Optional.empty(),
        rescale,
        dense,
        Optional.empty());
  }
}
