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
 * @param pattern which of them go together: a group costs the sum of its squares
 */
record Magnitude(Scope scope, Pattern pattern) implements Criterion {
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
      if (settings.has("pattern")) { // files without it are read, and written again, as ever
        final Pattern pattern = Pattern.read(settings);
        final Scope scope = settings.choice("scope", Scope.class, Scope.GLOBAL);
        return pattern.step(settings, new Magnitude(scope, pattern));
      }
      final TensorSelector selector = TensorSelector.read(settings);
      final double once =
          settings.has("schedule") ? 0 : settings.number("sparsity", 0, Math.nextDown(1.0), null);
      final Scope scope = settings.choice("scope", Scope.class, Scope.GLOBAL);
      return PruningStep.read(settings, selector, new Magnitude(scope), () -> once);
    }
  }

  Magnitude {
    Objects.requireNonNull(scope, "scope");
    Objects.requireNonNull(pattern, "pattern");
  }

  /** Of single weights. */
  Magnitude(Scope scope) {
    this(scope, Pattern.UNSTRUCTURED);
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
    final String where = "magnitude, " + scope.name().toLowerCase(Locale.ROOT);
    return pattern.equals(Pattern.UNSTRUCTURED) ? where : where + ", " + pattern;
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
    return pattern.check(matrices);
  }

  @Override
  public Step.Cost cost(Map<String, long[]> matrices) {
    if (!pattern.equals(Pattern.UNSTRUCTURED)) {
      long weights = 0;
      for (long[] shape : matrices.values()) {
        weights += shape[0] * shape[1];
      }
      // squares, their sums by group and a sorted copy of those, marks
      final long heap = PrunedWeights.heapBytes(matrices) + weights * (3 * Double.BYTES + 2);
      return new Step.Cost(0, heap, 0, 0, 0);
    }
    return Step.Cost.NONE;
  }

  @Override
  public StepLog.Event prune(
      PrunedWeights weights, double sparsity, int number, boolean only, CompressionState state) {
    if (!pattern.equals(Pattern.UNSTRUCTURED)) {
      return groups(weights, sparsity, number, state);
    }
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
    return event(weights, number, state);
  }

  private StepLog.Event groups(
      PrunedWeights weights, double sparsity, int number, CompressionState state) {
    final double[][] squares = new double[weights.count()][];
    for (int t = 0; t < squares.length; t++) {
      squares[t] = squares(weights.weights(t));
    }
    final boolean[][] goes = Choice.of(scope, pattern, squares, weights, sparsity);
    for (int t = 0; t < goes.length; t++) {
      weights.remove(t, goes[t]);
    }
    return event(weights, number, state);
  }

  static double[] squares(float[] w) {
    final double[] squares = new double[w.length];
    for (int i = 0; i < w.length; i++) {
      squares[i] = (double) w[i] * w[i];
    }
    return squares;
  }

  private static StepLog.Event event(PrunedWeights weights, int number, CompressionState state) {
    weights.write(state.weights());
    return new StepLog.Event(
        number, weights.sparsity(), OptionalDouble.empty(), OptionalDouble.empty(), Map.of());
  }

  private static long count(long weights, double sparsity) {
    return (long) Math.rint(weights * sparsity);
  }
}
