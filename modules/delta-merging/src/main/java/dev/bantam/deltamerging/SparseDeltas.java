package dev.bantam.deltamerging;

import dev.bantam.tensor.BantamException;
import java.util.Arrays;

/** Makes deltas sparse by the sparsifier of a recipe, and says how they are to be rescaled. */
final class SparseDeltas {
  private final MergeRecipe recipe;
  private final long seed;

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
   * @param seed of random masks
   * @param dropping masks from elsewhere, for comparisons with other programs; or null
   */
  SparseDeltas(MergeRecipe recipe, long seed, Dropping dropping) {
    this.recipe = recipe;
    this.seed = seed;
    this.dropping = dropping;
  }

  /** Whether the deltas of a tensor are made sparse. */
  boolean isSparse(String tensor) {
    return recipe.front() != Sparsifier.NONE && recipe.dense().stream().noneMatch(tensor::contains);
  }

  /**
   * Reads the parameters that a tensor's masks need.
   *
   * @throws BantamException (bad file) if they give no chances
   */
  void check(TensorParameters p) {
    if (recipe.front() == Sparsifier.DELLA && isSparse(p.tensor())) {
      for (int t = 0; t < recipe.models().size(); t++) {
        dellaChances(p, t);
      }
    }
  }

  /**
   * Turns a model into its sparse delta.
   *
   * @param model in: the model; out: its delta, not rescaled yet
   * @return what the delta is to be multiplied with
   */
  float of(
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
}
