package dev.bantam.pruning;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressedTensors;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.compression.WeightErrors;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Removes weights by a criterion and stores what is left.
 *
 * @param selector the matrices that are pruned
 * @param criterion which weights go
 * @param sparsity share of their weights to zero, in [0, 1): exactly rint(sparsity * weights) of
 *     them, half to even, zeros that are there already included; never fewer than those
 */
record PruningStep(TensorSelector selector, Criterion criterion, double sparsity) implements Step {
  PruningStep {
    if (!(sparsity >= 0 && sparsity < 1)) {
      throw new IllegalArgumentException("sparsity is a share in [0, 1): " + sparsity);
    }
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    final List<StepProblem> problems = new ArrayList<>(selector.check(shapes));
    if (problems.isEmpty()) {
      final Map<String, long[]> matrices = new LinkedHashMap<>();
      selector.select(shapes).forEach(name -> matrices.put(name, shapes.get(name)));
      problems.addAll(criterion.check(matrices));
    }
    return problems;
  }

  @Override
  public boolean needsLabels() {
    return criterion.needsLabels();
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    final List<Forecast> forecasts = new ArrayList<>();
    for (String name : selector.select(shapes)) {
      final long elements = shapes.get(name)[0] * shapes.get(name)[1];
      final boolean codes = before.containsKey(name) && !criterion.moves();
      forecasts.add(
          new Forecast(
              name,
              criterion.describe() + " to " + Math.round(100 * sparsity) + " % zeros",
              CompressedTensors.sparseBytes(
                  elements,
                  codes ? before.get(name).storedBytes() : Float.BYTES * elements,
                  sparsity)));
    }
    return forecasts;
  }

  @Override
  public Cost cost(Map<String, long[]> shapes) {
    final Map<String, long[]> matrices = new LinkedHashMap<>();
    selector.select(shapes).forEach(name -> matrices.put(name, shapes.get(name)));
    return criterion.cost(matrices);
  }

  @Override
  public Smoke smoke() {
    final Criterion.Smoke cheaper = criterion.smoke();
    return new Smoke(new PruningStep(selector, cheaper.criterion(), sparsity), cheaper.settings());
  }

  @Override
  public StepLog apply(CompressionState state) {
    final PrunedWeights weights = new PrunedWeights(state, selector.select(state.shapes()));
    final List<StepLog.Event> events = List.of(criterion.prune(weights, sparsity, 1, state));
    final Map<String, Double> predicted = new LinkedHashMap<>();
    events.forEach(e -> e.predicted().forEach((n, loss) -> predicted.merge(n, loss, Double::sum)));
    final List<StepLog.Entry> entries = new ArrayList<>();
    for (int t = 0; t < weights.count(); t++) {
      entries.add(
          store(state, weights.names().get(t), weights.before(t), weights.weights(t), predicted));
    }
    return new StepLog("prune", criterion.method(), entries, events);
  }

  private StepLog.Entry store(
      CompressionState state,
      String name,
      float[] before,
      float[] pruned,
      Map<String, Double> predicted) {
    final CompressedTensor form =
        form(state.form(name), Floats.tensor(pruned, state.shapes().get(name)));
    state.put(name, form);
    return new StepLog.Entry(
        name,
        criterion.describe() + ", stored as " + form.form(),
        OptionalInt.empty(),
        WeightErrors.sparsity(pruned),
        form.storedBytes(),
        WeightErrors.relative(before, pruned),
        predicted.containsKey(name)
            ? OptionalDouble.of(predicted.get(name))
            : OptionalDouble.empty());
  }

  /**
   * The form of pruned weights: the codes they have, if an earlier step gave them some that can
   * hold zeros; otherwise values, F32 so that none moves.
   */
  private CompressedTensor form(Optional<CompressedTensor> earlier, INDArray pruned) {
    return earlier
        .filter(form -> !criterion.moves())
        .flatMap(form -> CompressedTensors.withZeros(form, pruned))
        .orElseGet(() -> CompressedTensors.cheapestSparse(pruned, SafetensorsType.F32));
  }
}
