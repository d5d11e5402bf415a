package dev.bantam.pruning;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressedTensors;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.compression.WeightErrors;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Removes the weights of smallest magnitude, without moving the others: the baseline of every
 * pruning method.
 *
 * @param selector the matrices that are pruned
 * @param sparsity share of their weights to zero, in [0, 1): exactly rint(sparsity * weights) of
 *     them, half to even, zeros that are there already included; never fewer than those
 * @param scope whether weights compete over all matrices or within each
 */
public record MagnitudePruning(TensorSelector selector, double sparsity, Scope scope)
    implements Step {
  /** Where weights compete. */
  public enum Scope {
    /** Over all selected matrices. */
    GLOBAL,
    /** Within each matrix. */
    LAYER
  }

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
      return new MagnitudePruning(
          TensorSelector.read(settings),
          settings.number("sparsity", 0, Math.nextDown(1.0), null),
          settings.choice("scope", Scope.class, Scope.GLOBAL));
    }
  }

  public MagnitudePruning {
    Objects.requireNonNull(selector, "selector");
    Objects.requireNonNull(scope, "scope");
    if (!(sparsity >= 0 && sparsity < 1)) {
      throw new IllegalArgumentException("sparsity is a share in [0, 1): " + sparsity);
    }
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    return selector.check(shapes);
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    final List<Forecast> forecasts = new ArrayList<>();
    for (String name : selector.select(shapes)) {
      final long elements = shapes.get(name)[0] * shapes.get(name)[1];
      forecasts.add(
          new Forecast(
              name,
              describe() + " to " + Math.round(100 * sparsity) + " % zeros",
              CompressedTensors.sparseBytes(
                  elements,
                  before.containsKey(name)
                      ? before.get(name).storedBytes()
                      : Float.BYTES * elements,
                  sparsity)));
    }
    return forecasts;
  }

  @Override
  public StepLog apply(CompressionState state) {
    final Map<String, long[]> shapes = state.shapes();
    final List<String> names = selector.select(shapes);
    final float[][] weights = new float[names.size()][];
    long total = 0;
    for (int i = 0; i < weights.length; i++) {
      weights[i] = state.finiteWeight(names.get(i));
      total += weights[i].length;
    }
    if (scope == Scope.GLOBAL) {
      SmallestMagnitudes.zero(weights, count(total));
    } else {
      for (float[] w : weights) {
        SmallestMagnitudes.zero(new float[][] {w}, count(w.length));
      }
    }
    final List<StepLog.Entry> entries = new ArrayList<>();
    for (int i = 0; i < weights.length; i++) {
      entries.add(store(state, names.get(i), shapes.get(names.get(i)), weights[i]));
    }
    return new StepLog("prune", "magnitude", entries);
  }

  private long count(long weights) {
    return (long) Math.rint(weights * sparsity);
  }

  /**
   * The form of pruned weights: the codes they have, if an earlier step gave them some that can
   * hold zeros; otherwise values, F32 so that none moves.
   */
  private static CompressedTensor form(Optional<CompressedTensor> before, INDArray pruned) {
    return before
        .flatMap(form -> CompressedTensors.withZeros(form, pruned))
        .orElseGet(() -> CompressedTensors.cheapestSparse(pruned, SafetensorsType.F32));
  }

  private StepLog.Entry store(CompressionState state, String name, long[] shape, float[] pruned) {
    final double error = WeightErrors.relative(state.weight(name), pruned);
    final CompressedTensor form = form(state.form(name), Floats.tensor(pruned, shape));
    state.put(name, form);
    return new StepLog.Entry(
        name,
        describe() + ", stored as " + form.form(),
        OptionalInt.empty(),
        WeightErrors.sparsity(pruned),
        form.storedBytes(),
        error);
  }

  private String describe() {
    return "magnitude, " + scope.name().toLowerCase(Locale.ROOT);
  }
}
