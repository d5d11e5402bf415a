package dev.bantam.deltamerging;

import dev.bantam.deltamerging.MergeMethod.Base;
import dev.bantam.deltamerging.Spheres.Line;
import dev.bantam.tensor.BantamException;
import java.util.Arrays;
import java.util.Optional;

/**
 * Merges one tensor after the other by a recipe. The order of steps: differences to the base, the
 * sparsifier, rescaling, then the method. The result depends on the recipe, the seed, the tensor's
 * name and the tensors alone. Safe for use by several threads on different arrays.
 */
public final class TensorMerger {
  private final MergeRecipe recipe;
  private final long seed;
  private final int layers;
  private final Optional<MergeRecipe.Model> baseInput;

  /** In place of the recipe's; null to follow that. */
  private final Dropping dropping;

  /** Sets elements of a delta to zero. */
  interface Dropping {
    /**
     * @param delta in and out
     * @param columns length of a row
     * @param model its place in the recipe
     */
    void drop(
        float[] delta, int columns, int model, TensorParameters parameters, Precision precision);
  }

  /**
   * What statistics-based methods weigh a tensor's models with.
   *
   * @param values per model: Fisher values [as the tensor], or second moments of the inputs [in,
   *     in]
   * @param coefficients per model, multiplied with the weights
   */
  @SuppressWarnings("ArrayRecordComponent") // handed through, compared nowhere
  public record Statistics(float[][] values, double[] coefficients) {}

  /**
   * A merger.
   *
   * @param layers number of layers of the models, to place gradients
   * @param seed of random masks
   */
  public TensorMerger(MergeRecipe recipe, int layers, long seed) {
    this(recipe, layers, seed, null);
  }

  /** With masks from elsewhere, for comparisons with other programs. */
  TensorMerger(MergeRecipe recipe, int layers, long seed, Dropping dropping) {
    this.recipe = recipe;
    this.layers = layers;
    this.seed = seed;
    this.dropping = dropping;
    // as an input the base has a weight, which stands where it is listed among the models
    this.baseInput =
        recipe.method().base() == Base.INPUT && recipe.base().isPresent()
            ? Optional.of(
                recipe.models().stream()
                    .filter(m -> m.name().equals(recipe.base().get()))
                    .findFirst()
                    .orElseThrow(
                        () ->
                            TensorParameters.wrong(
                                "The base model '%s' is one more input of '%s'. List it under"
                                    + " 'models' with its weight, or delete 'base_model'.",
                                recipe.base().get(), recipe.method().word())))
            : Optional.empty();
  }

  /** A parameter of a method, or of a sparsifier in front of it. */
  static MergeMethod.Key key(MergeMethod method, String name) {
    return method
        .key(name)
        .or(() -> MergeMethod.BREADCRUMBS.key(name))
        .or(() -> MergeMethod.DELLA.key(name))
        .orElseThrow(() -> new IllegalStateException("No parameter " + name));
  }

  TensorParameters parameters(String tensor) {
    return new TensorParameters(recipe, tensor, TensorNames.depth(tensor, layers));
  }

  /**
   * Reads all parameters of a tensor without merging it.
   *
   * @throws BantamException (bad file) if one is missing or out of range
   */
  public void check(String tensor) {
    final TensorParameters p = parameters(tensor);
    for (MergeMethod.Key key : recipe.method().keys()) {
      if (!key.perModel()) {
        p.number(key.name());
      } else {
        for (int t = 0; t < recipe.models().size(); t++) {
          p.number(key.name(), t);
        }
      }
    }
    if (recipe.front() == Sparsifier.DELLA && !isDense(tensor)) {
      for (int t = 0; t < recipe.models().size(); t++) {
        dellaChances(p, t);
      }
    }
  }

  /** Number of arrays of a tensor's size beyond its inputs that {@link #merge} makes. */
  int scratchArrays() {
    return switch (recipe.method()) {
      case MULTISLERP -> 4;
      case KARCHER -> 4;
      case SCE, ARCEE_FUSION, TIES_MERGELM, TIES_AUTHORS -> 1;
      default -> recipe.front() == Sparsifier.DELLA ? 1 : 0;
    };
  }

  /**
   * Merges a tensor.
   *
   * @param tensor its name as in the output; filters and gradients go by it
   * @param shape dimensions; rows are along the last one
   * @param base of the base model, or null if there is none; overwritten
   * @param models of the models in the recipe's order; overwritten
   * @param precision values are of this format already
   * @return one of the arrays, with the merged tensor in it
   */
  public float[] merge(
      String tensor, long[] shape, float[] base, float[][] models, Precision precision) {
    return merge(tensor, shape, base, models, precision, null, null);
  }

  /** As the other, with what some methods need beside the tensors. */
  float[] merge(
      String tensor,
      long[] shape,
      float[] base,
      float[][] models,
      Precision precision,
      Statistics statistics,
      WholeModel whole) {
    final int length = models[0].length;
    if (length == 0) {
      return models[0];
    }
    final int columns = shape.length == 0 ? 1 : Math.toIntExact(shape[shape.length - 1]);
    final TensorParameters p = parameters(tensor);
    final MergeMethod method = recipe.method();
    final boolean deltas = method.combinesDeltas(base != null);
    final boolean thin = recipe.front() != Sparsifier.NONE && !isDense(tensor);
    final float[] scales = new float[models.length];
    Arrays.fill(scales, 1);
    if (deltas || (thin && base != null)) {
      for (int t = 0; t < models.length; t++) {
        if (isBase(t)) {
          continue;
        }
        if (thin) {
          scales[t] = sparseDelta(models[t], base, columns, t, p, precision);
        } else {
          Deltas.subtract(models[t], base, precision);
        }
        if (!method.mixesDeltas()) {
          Deltas.scale(models[t], scales[t], precision);
        }
        if (!deltas) {
          Deltas.add(models[t], base, precision);
        }
      }
    }
    return combine(p, columns, base, models, scales, precision, statistics, whole);
  }

  /**
   * The deltas as the method gets them, sparsified where the recipe says so.
   *
   * @param tensors in: models, and last the base; out: deltas, and the base
   */
  void deltas(String tensor, long[] shape, float[][] tensors, Precision precision) {
    final int columns = shape.length == 0 ? 1 : Math.toIntExact(shape[shape.length - 1]);
    final TensorParameters p = parameters(tensor);
    final float[] base = tensors[tensors.length - 1];
    for (int t = 0; t < tensors.length - 1; t++) {
      if (recipe.front() != Sparsifier.NONE && !isDense(tensor)) {
        final float scale = sparseDelta(tensors[t], base, columns, t, p, precision);
        Deltas.scale(tensors[t], scale, precision);
      } else {
        Deltas.subtract(tensors[t], base, precision);
      }
    }
  }

  private boolean isBase(int model) {
    return baseInput.isPresent() && recipe.models().get(model).equals(baseInput.get());
  }

  private boolean isDense(String tensor) {
    return recipe.dense().stream().anyMatch(tensor::contains);
  }

  /**
   * Turns a model into its sparse delta.
   *
   * @param model in: the model; out: its delta, not rescaled yet
   * @return what the delta is to be multiplied with
   */
  private float sparseDelta(
      float[] model, float[] base, int columns, int t, TensorParameters p, Precision precision) {
    final Rescale rescale = rescale(p);
    final boolean l1 = rescale.kind() == Rescale.Kind.L1;
    final double before;
    final double after;
    if (recipe.front() == Sparsifier.DARE && dropping == null) {
      final Dare.Sums sums =
          Dare.delta(model, base, p.number("density", t), maskKey(p, t), l1, precision);
      before = sums.before();
      after = sums.after();
    } else {
      Deltas.subtract(model, base, precision);
      before = l1 ? AbsoluteSum.of(model) : 0;
      if (dropping == null) {
        drop(model, columns, t, p, precision);
      } else {
        dropping.drop(model, columns, t, p, precision);
      }
      after = l1 ? AbsoluteSum.of(model) : 0;
    }
    return switch (rescale.kind()) {
      case NONE -> 1;
      case L1 -> before >= 1e-7 && after >= 1e-7 ? (float) (before / after) : 1;
      case INVERSE_DENSITY -> {
        divideByDensity(model, p.number("density", t), precision);
        yield 1;
      }
      case DIVISOR -> (float) (1 / rescale.divisor());
    };
  }

  private long maskKey(TensorParameters p, int model) {
    return RandomMask.key(
        seed, TensorNames.canonical(p.tensor()), recipe.models().get(model).name());
  }

  /** DELLA has divided by the chances of its own already. */
  private void divideByDensity(float[] delta, double density, Precision precision) {
    if (recipe.front() != Sparsifier.DELLA && density > 0 && density < 1) {
      for (int i = 0; i < delta.length; i++) {
        delta[i] = precision.round((float) (delta[i] / density));
      }
    }
  }

  private Rescale rescale(TensorParameters p) {
    return recipe
        .rescale()
        .orElseGet(
            () ->
                recipe.method().key("rescale").isPresent() && p.flag("rescale")
                    ? Rescale.L1
                    : Rescale.NONE);
  }

  private void drop(
      float[] delta, int columns, int model, TensorParameters p, Precision precision) {
    final double density = p.number("density", model);
    final long key = maskKey(p, model);
    switch (recipe.front()) {
      case NONE -> {}
      case DARE -> {
        if (density < 1) {
          RandomMask.bernoulli(delta, density, key);
        }
      }
      case DARE_EXACT -> RandomMask.exact(delta, density, key);
      case MAGNITUDE -> Magnitudes.keepLargest(delta, density);
      case BREADCRUMBS -> Magnitudes.keepMiddle(delta, density, p.number("gamma", model));
      case DELLA -> {
        if (dellaChances(p, model)) {
          final float[] kappa = keepProbabilities(delta, columns, model, p);
          final boolean divide = rescale(p).kind() == Rescale.Kind.INVERSE_DENSITY;
          Della.drop(delta, kappa, divide, key, precision);
        } else if (density <= 0) {
          Arrays.fill(delta, 0f);
        }
      }
    }
  }

  /** The chances of DELLA. */
  float[] keepProbabilities(float[] delta, int columns, int model, TensorParameters p) {
    return Della.keepProbabilities(
        delta,
        columns,
        p.number("density", model),
        p.number("epsilon", model),
        Della.Scale.ROW_RANK);
  }

  /** Whether DELLA draws at all: not at density 0 and 1. */
  private static boolean dellaChances(TensorParameters p, int model) {
    final double density = p.number("density", model);
    final double epsilon = p.number("epsilon", model);
    if (density <= 0 || density >= 1) {
      return false;
    }
    if (!Della.isValid(density, epsilon)) {
      throw TensorParameters.wrong(
          "Tensor '%s': density %s and epsilon %s give chances from %s to %s, and they must lie"
              + " between 0 and 1. Choose a smaller epsilon.",
          p.tensor(), density, epsilon, density - epsilon, density + epsilon);
    }
    return true;
  }

  private float[] combine(
      TensorParameters p,
      int columns,
      float[] base,
      float[][] models,
      float[] scales,
      Precision precision,
      Statistics statistics,
      WholeModel whole) {
    switch (recipe.method()) {
      case LINEAR -> {
        final float[] weights = weights(p, precision);
        checkSum(p, weights);
        Deltas.linear(models, weights, p.flag("normalize"), precision);
        return models[0];
      }
      case TASK_ARITHMETIC,
          TIES,
          DARE_LINEAR,
          DARE_TIES,
          BREADCRUMBS,
          BREADCRUMBS_TIES,
          DELLA,
          DELLA_LINEAR -> {
        final Deltas.Mix mix =
            new Deltas.Mix(
                weights(p, precision),
                scales,
                p.flag("normalize"),
                (float) p.number("lambda"),
                precision);
        if (recipe.method().elects()) {
          Deltas.elect(base, models, mix);
        } else {
          Deltas.sum(base, models, mix);
        }
        return base;
      }
      case TIES_MERGELM, TIES_AUTHORS -> {
        whole.merge(base, models, (float) p.number("lambda"), precision);
        return base;
      }
      case SLERP -> {
        Spheres.slerp(base, models[0], p.number("t"), precision);
        return base;
      }
      case NUSLERP -> {
        return nuslerp(p, columns, base, models, precision);
      }
      case MULTISLERP -> {
        return multislerp(p, base, models, precision);
      }
      case KARCHER -> {
        if (!Spheres.karcher(models, (int) p.number("max_iter"), p.number("tol"), precision)) {
          linearMean(models, precision); // opposite directions have no mean
        }
        return models[0];
      }
      case MODEL_STOCK -> {
        final int line = p.flag("filter_wise") ? columns : base.length;
        for (int from = 0; from < base.length; from += line) {
          ModelStock.merge(base, models, new Line(from, 1, line), precision);
        }
        return base;
      }
      case SCE -> {
        Sce.select(models, p.number("select_topk"));
        Sce.merge(base, models, precision);
        return base;
      }
      case NEARSWAP -> {
        Pairs.nearswap(base, models[0], p.number("t"), precision);
        return base;
      }
      case ARCEE_FUSION -> {
        Pairs.fuse(base, models[0], columns, precision);
        return base;
      }
      case RAM, RAMPLUS_TL -> {
        final double threshold = p.number("epsilon");
        final float[] factors =
            recipe.method() == MergeMethod.RAM
                ? Reinforced.plain(models.length)
                : Reinforced.plus(models, threshold, p.number("r"), p.number("alpha"));
        Reinforced.merge(base, models, factors, threshold, precision);
        return base;
      }
      case PASSTHROUGH -> {
        final double scale = p.number("scale", 0);
        if (scale != 1) {
          Deltas.scale(models[0], (float) scale, precision);
        }
        return models[0];
      }
      case FISHER -> {
        return fisher(p, models, statistics, precision);
      }
      case REGMEAN -> {
        return regmean(p, columns, models, statistics, precision);
      }
    }
    throw new IllegalStateException("No such method: " + recipe.method());
  }

  private float[] weights(TensorParameters p, Precision precision) {
    final float[] weights = new float[recipe.models().size()];
    for (int t = 0; t < weights.length; t++) {
      weights[t] = precision.round((float) p.number("weight", t));
    }
    return weights;
  }

  private static void checkSum(TensorParameters p, float[] weights) {
    double sum = 0;
    for (float w : weights) {
      sum += w;
    }
    if (p.flag("normalize") && Math.abs(sum) < 1e-8) {
      throw TensorParameters.wrong(
          "Tensor '%s': the weights add up to 0, and 'normalize' divides by their sum. Change a"
              + " weight, or set 'normalize: false'.",
          p.tensor());
    }
  }

  private float[] nuslerp(
      TensorParameters p, int columns, float[] base, float[][] models, Precision precision) {
    final double first = p.number("weight", 0);
    final double second = p.number("weight", 1);
    final double t = Math.abs(first + second) < 1e-6 ? 0.5 : second / (first + second);
    final int length = models[0].length;
    if (p.flag("nuslerp_flatten")) {
      Spheres.slerpLine(models[0], models[1], t, Line.all(models[0]), precision);
    } else if (p.flag("nuslerp_row_wise")) {
      for (int c = 0; c < columns; c++) {
        final Line column = new Line(c, columns, length / columns);
        Spheres.slerpLine(models[0], models[1], t, column, precision);
      }
    } else {
      for (int from = 0; from < length; from += columns) {
        Spheres.slerpLine(models[0], models[1], t, new Line(from, 1, columns), precision);
      }
    }
    return back(models[0], base, precision);
  }

  private static float[] back(float[] delta, float[] base, Precision precision) {
    if (base != null) {
      Deltas.add(delta, base, precision);
    }
    return delta;
  }

  private float[] multislerp(
      TensorParameters p, float[] base, float[][] models, Precision precision) {
    final double[] weights = new double[models.length];
    double sum = 0;
    boolean zero = true;
    for (int t = 0; t < models.length; t++) {
      weights[t] = p.number("weight", t);
      sum += weights[t];
      zero &= AbsoluteSum.of(models[t]) == 0;
    }
    if (zero || models.length == 1) {
      return back(models[0], base, precision);
    }
    if (p.flag("normalize_weights")) {
      for (int t = 0; t < weights.length; t++) {
        weights[t] /= sum;
      }
    }
    if (!Spheres.multislerp(models, weights, p.number("eps"), precision)) {
      throw BantamException.badInput(
          "Tensor '"
              + p.tensor()
              + "': the directions cancel out under the weights, so multislerp has no mean. Change a"
              + " weight, or use 'karcher' or 'linear'.");
    }
    return back(models[0], base, precision);
  }

  private static void linearMean(float[][] models, Precision precision) {
    final float[] weights = Reinforced.plain(models.length);
    Deltas.linear(models, weights, true, precision);
  }

  private float[] fisher(
      TensorParameters p, float[][] models, Statistics statistics, Precision precision) {
    final double[] lambda = new double[models.length];
    for (int t = 0; t < lambda.length; t++) {
      lambda[t] = p.number("weight", t) * statistics.coefficients()[t];
    }
    StatisticsMerging.fisher(models, statistics.values(), lambda, p.number("floor"), precision);
    return models[0];
  }

  /** Tensors without statistics are averaged: biases, normalizations, embeddings. */
  private float[] regmean(
      TensorParameters p,
      int columns,
      float[][] models,
      Statistics statistics,
      Precision precision) {
    if (statistics == null) {
      linearMean(models, precision);
      return models[0];
    }
    final double shrink = p.number("off_diagonal");
    if (!StatisticsMerging.regmean(models, statistics.values(), columns, shrink, precision)) {
      throw BantamException.badInput(
          "Tensor '"
              + p.tensor()
              + "': the sum of the second moments of its inputs has no Cholesky factor at"
              + " off_diagonal "
              + shrink
              + ". Choose a smaller one.");
    }
    return models[0];
  }
}
