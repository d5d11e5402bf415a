package dev.bantam.deltamerging;

import dev.bantam.deltamerging.TensorMerger.Statistics;
import dev.bantam.deltamerging.WholeModelTies.NoMajority;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Merges models that are in memory, as experiments do: float32 tensors by name. The result depends
 * on the recipe, the seed and the tensors, not on the number of threads.
 */
public final class ModelMerger {
  private final MergeRecipe recipe;
  private final long seed;

  /**
   * @param seed of random masks
   */
  public ModelMerger(MergeRecipe recipe, long seed) {
    this.recipe = recipe;
    this.seed = seed;
  }

  /**
   * Merges the tensors of some names; heads are best left out.
   *
   * @param names what to merge, each in every model and of one shape; gradients and filters go by
   *     them
   * @param base of the base model, not modified; empty if the recipe has none
   * @param models in the recipe's order, not modified
   * @param statistics per model, for {@code fisher} (as the tensor) and {@code regmean} ([in, in],
   *     by the name of the weight; tensors without are averaged); empty otherwise
   * @return new tensors by name, in the order of the names
   * @throws BantamException if a parameter is out of range, or tensors do not fit together
   */
  public Map<String, INDArray> merge(
      List<String> names,
      Optional<Map<String, INDArray>> base,
      List<Map<String, INDArray>> models,
      List<Map<String, INDArray>> statistics,
      Workers workers) {
    check(names, base, models, statistics);
    final TensorMerger merger = new TensorMerger(recipe, TensorNames.layers(names), seed);
    names.forEach(merger::check);
    final double[] coefficients = coefficients(names, merger, statistics);
    final WholeModel whole =
        recipe.method().needsWholeModel()
            ? wholeModel(names, merger, base.orElseThrow(), models)
            : null;
    final INDArray[] merged = new INDArray[names.size()];
    workers.run(
        names.size(),
        (index, worker) -> {
          final String name = names.get(index);
          final long[] shape = models.get(0).get(name).shape();
          final float[] result =
              merger.merge(
                  name,
                  shape,
                  base.map(b -> Floats.toArray(b.get(name))).orElse(null),
                  arrays(models, name),
                  recipe.dtype().orElse(Precision.FLOAT32),
                  statistics(name, statistics, coefficients),
                  whole);
          merged[index] = Floats.tensor(result, shape);
        });
    final Map<String, INDArray> result = new LinkedHashMap<>();
    for (int i = 0; i < merged.length; i++) {
      result.put(names.get(i), merged[i]);
    }
    return result;
  }

  private void check(
      List<String> names,
      Optional<Map<String, INDArray>> base,
      List<Map<String, INDArray>> models,
      List<Map<String, INDArray>> statistics) {
    if (models.size() != recipe.models().size()) {
      throw new IllegalArgumentException(
          models.size() + " models for a recipe of " + recipe.models().size());
    }
    if (recipe.base().isPresent() && base.isEmpty()) {
      throw new IllegalArgumentException("The recipe has a base, and there is none");
    }
    final boolean weighed =
        recipe.method() == MergeMethod.FISHER || recipe.method() == MergeMethod.REGMEAN;
    if (weighed && statistics.size() != models.size()) {
      throw new IllegalArgumentException(recipe.method().word() + " needs statistics per model");
    }
    final List<String> problems = new ArrayList<>();
    final List<Map<String, INDArray>> all = new ArrayList<>(models);
    base.ifPresent(all::add);
    for (String name : names) {
      final INDArray first = models.get(0).get(name);
      for (Map<String, INDArray> model : all) {
        final INDArray tensor = model.get(name);
        if (first == null || tensor == null) {
          problems.add("'" + name + "' is not in all models");
          break;
        }
        if (!Arrays.equals(first.shape(), tensor.shape())) {
          problems.add(
              "'"
                  + name
                  + "' is "
                  + Arrays.toString(first.shape())
                  + " and "
                  + Arrays.toString(tensor.shape()));
          break;
        }
      }
    }
    if (!problems.isEmpty()) {
      throw BantamException.badInput(
          "These models cannot be merged:\n  - " + String.join("\n  - ", problems));
    }
  }

  private static float[][] arrays(List<Map<String, INDArray>> models, String name) {
    return models.stream().map(m -> Floats.toArray(m.get(name))).toArray(float[][]::new);
  }

  private double[] coefficients(
      List<String> names, TensorMerger merger, List<Map<String, INDArray>> statistics) {
    final double[] coefficients = new double[recipe.models().size()];
    Arrays.fill(coefficients, 1);
    if (recipe.method() == MergeMethod.FISHER && merger.parameters("").flag("normalize_fisher")) {
      final double[] norms = new double[coefficients.length];
      for (int t = 0; t < norms.length; t++) {
        for (String name : names) {
          for (float f : Floats.toArray(statistics.get(t).get(name))) {
            norms[t] += (double) f * f;
          }
        }
        norms[t] = Math.sqrt(norms[t]);
      }
      StatisticsMerging.normalize(coefficients, norms);
    }
    return coefficients;
  }

  private static Statistics statistics(
      String name, List<Map<String, INDArray>> statistics, double[] coefficients) {
    final boolean there =
        !statistics.isEmpty() && statistics.stream().allMatch(s -> s.containsKey(name));
    return there ? new Statistics(arrays(statistics, name), coefficients) : null;
  }

  private WholeModel wholeModel(
      List<String> names,
      TensorMerger merger,
      Map<String, INDArray> base,
      List<Map<String, INDArray>> models) {
    final NoMajority rule =
        recipe.method() == MergeMethod.TIES_AUTHORS
            ? NoMajority.KEEP_NEGATIVE
            : NoMajority.KEEP_NONE;
    final WholeModelPass pass = new WholeModelPass(models.size());
    final double[] density = new double[models.size()];
    Arrays.setAll(density, t -> merger.parameters("").number("density", t));
    each(names, merger, base, models, pass::addUpper);
    pass.choose(density, rule);
    each(names, merger, base, models, pass::addLower);
    pass.chooseThresholds();
    each(names, merger, base, models, pass::addSigns);
    return pass.finish(rule);
  }

  private void each(
      List<String> names,
      TensorMerger merger,
      Map<String, INDArray> base,
      List<Map<String, INDArray>> models,
      Consumer<float[][]> pass) {
    for (String name : names) {
      final float[][] tensors = Arrays.copyOf(arrays(models, name), models.size() + 1);
      tensors[models.size()] = Floats.toArray(base.get(name));
      merger.deltas(
          name, base.get(name).shape(), tensors, recipe.dtype().orElse(Precision.FLOAT32));
      pass.accept(Arrays.copyOf(tensors, models.size()));
    }
  }
}
