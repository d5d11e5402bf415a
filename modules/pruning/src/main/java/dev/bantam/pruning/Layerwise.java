package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.LayerInputs;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.data.LabelledBatch;
import dev.bantam.pruning.Calibration.Inputs;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Prunes layer after layer by what each of them reads, without labels: every matrix loses the same
 * share.
 *
 * @param way how a matrix is pruned
 * @param pattern which weights go together
 * @param calibration examples that are looked at
 */
record Layerwise(LayerMethod way, Pattern pattern, Calibration calibration) implements Criterion {
  /** Reads the step around a method. */
  static Step read(Settings settings, LayerMethod method, Inputs inputs) {
    final Layerwise criterion =
        new Layerwise(method, Pattern.read(settings), Calibration.read(settings, inputs));
    return criterion.pattern.step(settings, criterion);
  }

  @Override
  public String method() {
    return way.method();
  }

  @Override
  public String gradualMethod() {
    return way.method() + "-gradual";
  }

  @Override
  public String describe() {
    return String.join(
        ", ",
        way.method() + way.describe(),
        pattern.toString(),
        "each matrix the same share",
        calibration.describe());
  }

  @Override
  public boolean moves() {
    return way.moves();
  }

  @Override
  public boolean needsLabels() {
    return false;
  }

  @Override
  public Smoke smoke() {
    final Calibration cheaper = calibration.smoke();
    return new Smoke(new Layerwise(way, pattern, cheaper), cheaper.settings());
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> matrices) {
    final List<StepProblem> problems = new ArrayList<>();
    for (String name : matrices.keySet()) {
      if (!TensorSelector.isEncoderMatrix(name)) {
        problems.add(
            new StepProblem(
                "targets",
                "'"
                    + name
                    + "' is no matrix of an encoder layer, and '"
                    + method()
                    + "' looks at the inputs of those alone. Prune it in a step of its own with"
                    + " 'method: magnitude'."));
      }
    }
    problems.addAll(pattern.check(matrices));
    problems.addAll(way.check(matrices, pattern));
    return problems;
  }

  @Override
  public Step.Cost cost(Map<String, long[]> matrices) {
    final List<Map<String, List<String>>> layers = LayerInputs.layers(matrices.keySet());
    long most = 0;
    for (Map<String, List<String>> layer : layers) {
      most =
          Math.max(
              most,
              way.heapBytes(
                  layer.values().stream()
                      .map(names -> names.stream().map(matrices::get).toList())
                      .toList()));
    }
    final long heap = PrunedWeights.heapBytes(matrices) + most;
    double operations = 0;
    for (long[] shape : matrices.values()) {
      operations += way.operations(shape[0], shape[1]);
    }
    return new Step.Cost(0, heap, 0, calibration.examples() * layers.size(), 0, operations);
  }

  @Override
  public StepLog.Event prune(
      PrunedWeights weights, double sparsity, int number, boolean only, CompressionState state) {
    final List<LabelledBatch> batches = calibration.sample(state, number);
    final Map<String, Integer> positions = new LinkedHashMap<>();
    weights.names().forEach(name -> positions.put(name, positions.size()));
    try (var bar =
        state.resources().progress().start("Pruning by " + method(), weights.count(), "matrices")) {
      for (Map<String, List<String>> layer : LayerInputs.layers(weights.names())) {
        final LayerMethod.Statistics statistics = way.look(state, layer, batches);
        layer.forEach(
            (input, names) -> {
              final LayerMethod.MatrixPruner pruner = statistics.of(input);
              for (String name : names) {
                prune(pruner, weights, positions.get(name), sparsity, state);
                bar.advance(1);
              }
            });
        if (calibration.inputs() == Inputs.PRUNED) {
          layer
              .values()
              .forEach(n -> n.forEach(m -> weights.write(state.weights(), positions.get(m))));
        }
      }
    }
    weights.write(state.weights());
    return new StepLog.Event(
        number, weights.sparsity(), OptionalDouble.empty(), OptionalDouble.empty(), Map.of());
  }

  private void prune(
      LayerMethod.MatrixPruner pruner,
      PrunedWeights weights,
      int t,
      double sparsity,
      CompressionState state) {
    final float[] w = weights.weights(t);
    final boolean[] kept = weights.kept(t).clone();
    final int rows = Math.toIntExact(state.weights().get(weights.names().get(t)).size(0));
    pruner.prune(w, kept, rows, pattern, sparsity, state.resources().workers());
    final boolean[] removed = new boolean[w.length];
    for (int i = 0; i < removed.length; i++) {
      removed[i] = weights.kept(t)[i] && !kept[i];
    }
    weights.remove(t, removed);
  }
}
