package dev.bantam.deltamerging;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a merge is to do, whatever its tensors come from.
 *
 * @param method how tensors are combined
 * @param base name of the base model, if there is one
 * @param models the other models, in the order of the file; names are all different
 * @param parameters of all models, and of the method
 * @param sparsifier in front of the method; its own one if empty
 * @param rescale after sparsifying; the method's own rule if empty
 * @param dense parts of tensor names whose deltas are not sparsified
 * @param dtype number format of the arithmetic; that of the tensors if empty
 */
public record MergeRecipe(
    MergeMethod method,
    Optional<String> base,
    List<Model> models,
    Map<String, ParameterValue> parameters,
    Optional<Sparsifier> sparsifier,
    Optional<Rescale> rescale,
    List<String> dense,
    Optional<Precision> dtype) {

  /**
   * One model that is merged.
   *
   * @param name different for every model; random masks depend on it
   * @param parameters its own; they go before those of the recipe
   */
  public record Model(String name, Map<String, ParameterValue> parameters) {
    public Model {
      Objects.requireNonNull(name, "name");
      parameters = Map.copyOf(parameters);
    }

    /** A model with a weight. */
    public static Model of(String name, double weight) {
      return new Model(name, Map.of("weight", ParameterValue.of(weight)));
    }
  }

  public MergeRecipe {
    Objects.requireNonNull(method, "method");
    models = List.copyOf(models);
    parameters = Map.copyOf(parameters);
    dense = List.copyOf(dense);
    final Set<String> names = new HashSet<>();
    for (Model model : models) {
      if (!names.add(model.name())) {
        throw new IllegalArgumentException("Two models are called '" + model.name() + "'");
      }
    }
    if (method.base() == MergeMethod.Base.ORIGIN && base.isEmpty()) {
      throw new IllegalArgumentException(method.word() + " needs a base");
    }
    if (sparsifier.orElse(Sparsifier.NONE) != Sparsifier.NONE && base.isEmpty()) {
      throw new IllegalArgumentException("A sparsifier needs a base to take deltas from");
    }
  }

  /** A recipe with the method's own sparsifier and rescaling, in the precision of the tensors. */
  public static MergeRecipe of(
      MergeMethod method, String base, List<Model> models, Map<String, ParameterValue> parameters) {
    return new MergeRecipe(
        method,
        Optional.ofNullable(base),
        models,
        parameters,
        Optional.empty(),
        Optional.empty(),
        List.of(),
        Optional.empty());
  }

  /** With another sparsifier and rescaling in front. */
  public MergeRecipe with(Sparsifier front, Rescale rule) {
    return new MergeRecipe(
        method, base, models, parameters, Optional.of(front), Optional.of(rule), dense, dtype);
  }

  Sparsifier front() {
    return sparsifier.orElse(method.sparsifier());
  }

  /** All settings as text, in a fixed order: equal recipes give equal texts. */
  String text() {
    final StringBuilder text = new StringBuilder();
    text.append(method.word()).append('\n').append(base).append('\n').append(sparsifier);
    text.append('\n').append(rescale).append('\n').append(dense).append('\n').append(dtype);
    text.append('\n').append(new TreeMap<>(parameters));
    for (Model model : models) {
      text.append('\n').append(model.name()).append(new TreeMap<>(model.parameters()));
    }
    return text.toString();
  }
}
