package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * Removes the weights of smallest magnitude, without moving the others: the baseline of every
 * pruning method.
 *
 * @param scope whether weights compete over all matrices or within each
 */
record Magnitude(Scope scope) implements Criterion {
  /** Reads {@code prune: {method: magnitude, ...}}. */
  public static final class Factory implements StepFactory {
    @Override
    public String step() {
      return "prune";
    }

    @Override
    public String method() {
      return "magnitude";
    }

    @Override
    public boolean isDefault() {
      return true;
    }

    @Override
    public Step parse(Settings settings) {
      final TensorSelector selector = TensorSelector.read(settings);
      final double once =
          settings.has("schedule") ? 0 : settings.number("sparsity", 0, Math.nextDown(1.0), null);
      final Scope scope = settings.choice("scope", Scope.class, Scope.GLOBAL);
      return PruningStep.read(settings, selector, new Magnitude(scope), () -> once);
    }
  }

  Magnitude {
    Objects.requireNonNull(scope, "scope");
  }

  @Override
  public String method() {
    return "magnitude";
  }

  @Override
  public String gradualMethod() {
    return "gmp";
  }

  @Override
  public String describe() {
    return "magnitude, " + scope.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public boolean moves() {
    return false;
  }

  @Override
  public boolean needsLabels() {
    return false;
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> matrices) {
    return List.of();
  }

  @Override
  public Step.Cost cost(Map<String, long[]> matrices) {
    return Step.Cost.NONE;
  }

  @Override
  public StepLog.Event prune(
      PrunedWeights weights, double sparsity, int number, boolean only, CompressionState state) {
    if (scope == Scope.GLOBAL) {
      SmallestMagnitudes.zero(weights.all(), count(weights.total(), sparsity));
    } else {
      for (float[] w : weights.all()) {
        SmallestMagnitudes.zero(new float[][] {w}, count(w.length, sparsity));
      }
    }
    for (int t = 0; t < weights.count(); t++) {
      final boolean[] removed = new boolean[weights.weights(t).length];
      for (int i = 0; i < removed.length; i++) {
        removed[i] = weights.weights(t)[i] == 0f;
      }
      weights.remove(t, removed);
    }
    weights.write(state.weights());
    return new StepLog.Event(
        number, weights.sparsity(), OptionalDouble.empty(), OptionalDouble.empty(), Map.of());
  }

  private static long count(long weights, double sparsity) {
    return (long) Math.rint(weights * sparsity);
  }
}
