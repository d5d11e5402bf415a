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
  private final int layers;
  private final Optional<MergeRecipe.Model> baseInput;

  private final SparseDeltas sparse;

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
  TensorMerger(MergeRecipe recipe, int layers, long seed, SparseDeltas.Dropping dropping) {
    this.recipe = recipe;
    this.layers = layers;
    this.sparse = new SparseDeltas(recipe, seed, dropping);
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
    sparse.check(p);
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
    final boolean thin = sparse.isSparse(tensor);
    final float[] scales = new float[models.length];
    Arrays.fill(scales, 1);
    if (deltas || (thin && base != null)) {
      for (int t = 0; t < models.length; t++) {
        if (isBase(t)) {
          continue;
        }
        if (thin) {
          scales[t] = sparse.of(models[t], base, columns, t, p, precision);
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
      if (sparse.isSparse(tensor)) {
        final float scale = sparse.of(tensors[t], base, columns, t, p, precision);
        Deltas.scale(tensors[t], scale, precision);
      } else {
        Deltas.subtract(tensors[t], base, precision);
      }
    }
  }

  private boolean isBase(int model) {
    return baseInput.isPresent() && recipe.models().get(model).equals(baseInput.get());
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
