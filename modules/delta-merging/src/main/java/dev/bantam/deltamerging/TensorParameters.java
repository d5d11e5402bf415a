package dev.bantam.deltamerging;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.Locale;
import java.util.OptionalDouble;

/** The parameters of a recipe, for one tensor. */
final class TensorParameters {
  private final MergeRecipe recipe;
  private final String tensor;
  private final double depth;

  /**
   * @param tensor its name as in the output, which filters are compared with
   * @param depth position of its layer from 0 to 1
   */
  TensorParameters(MergeRecipe recipe, String tensor, double depth) {
    this.recipe = recipe;
    this.tensor = tensor;
    this.depth = depth;
  }

  String tensor() {
    return tensor;
  }

  boolean flag(String key) {
    return number(key) != 0;
  }

  /** A parameter of the method. */
  double number(String key) {
    return checked(key, common(key), "");
  }

  /** A parameter of a model: its own, else that of all models, else the default. */
  double number(String key, int model) {
    final MergeRecipe.Model m = recipe.models().get(model);
    return checked(key, own(m, key), " of " + m.name());
  }

  /** A parameter of the base, where that is one more input. */
  double ofBase(String key, MergeRecipe.Model base) {
    return checked(key, own(base, key), " of " + base.name());
  }

  private OptionalDouble own(MergeRecipe.Model model, String key) {
    final ParameterValue value = model.parameters().get(key);
    final OptionalDouble found = value == null ? OptionalDouble.empty() : value.at(tensor, depth);
    return found.isPresent() ? found : common(key);
  }

  private OptionalDouble common(String key) {
    final ParameterValue value = recipe.parameters().get(key);
    return value == null ? OptionalDouble.empty() : value.at(tensor, depth);
  }

  /**
   * Default and range are the method's; those of a sparsifier in front of another method are the
   * same in all methods that have it.
   */
  private double checked(String key, OptionalDouble value, String owner) {
    final MergeMethod.Key known = TensorMerger.key(recipe.method(), key);
    if (value.isEmpty()) {
      if (known.fallback() == null) {
        throw wrong(
            "Parameter '%s'%s has no value for tensor '%s'. Give a number, or a last entry without"
                + " a filter.",
            key, owner, tensor);
      }
      return known.fallback();
    }
    final double v = value.getAsDouble();
    if (v < known.range().least() || v > known.range().most()) {
      throw wrong(
          "Parameter '%s'%s is %s for tensor '%s', and must be in %s .. %s.",
          key, owner, v, tensor, known.range().least(), known.range().most());
    }
    return v;
  }

  static BantamException wrong(String format, Object... values) {
    return new BantamException(ExitCode.BAD_FILE, String.format(Locale.ROOT, format, values));
  }
}
