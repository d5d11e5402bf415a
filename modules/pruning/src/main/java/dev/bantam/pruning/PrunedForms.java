package dev.bantam.pruning;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressedTensors;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Retraining;
import dev.bantam.compression.Step.Forecast;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.compression.WeightErrors;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.nd4j.linalg.api.ndarray.INDArray;

/** How pruned weights are stored, and what steps that prune have to check. */
final class PrunedForms {
  private PrunedForms() {}

  /** Only matrices of encoder layers have masks, and only what is trained is saved with a state. */
  static List<StepProblem> checkTraining(
      Retraining t, TensorSelector selector, Map<String, long[]> shapes) {
    final List<StepProblem> problems = new ArrayList<>(t.check(shapes));
    for (String name : selector.select(shapes)) {
      if (!TensorSelector.isEncoderMatrix(name)) {
        problems.add(
            new StepProblem(
                "targets",
                "'"
                    + name
                    + "' cannot be pruned in a training: only the matrices of encoder layers can."
                    + " Prune it in a step of its own without 'train'."));
      } else if (t.freezes(name)) {
        problems.add(
            new StepProblem(
                "train",
                "'"
                    + name
                    + "' is to be pruned, and 'freeze' keeps it from being trained. List it under"
                    + " 'skip', or take it out of 'freeze'."));
      }
    }
    return problems;
  }

  /**
   * What will become of the selected matrices.
   *
   * @param moves whether weights that stay are changed
   * @param sparsity share of zeros in each, as far as it is known
   */
  static List<Forecast> forecast(
      List<String> names,
      Map<String, long[]> shapes,
      Map<String, Forecast> before,
      String treatment,
      boolean moves,
      double sparsity) {
    final List<Forecast> forecasts = new ArrayList<>();
    for (String name : names) {
      final long elements = shapes.get(name)[0] * shapes.get(name)[1];
      final boolean codes = before.containsKey(name) && !moves;
      forecasts.add(
          new Forecast(
              name,
              treatment,
              CompressedTensors.sparseBytes(
                  elements,
                  codes ? before.get(name).storedBytes() : Float.BYTES * elements,
                  sparsity)));
    }
    return forecasts;
  }

  /**
   * Decides the form of a matrix.
   *
   * @param moves whether weights that stay were changed
   * @param predicted loss increase by matrix, where it is predicted
   */
  static StepLog.Entry store(
      CompressionState state,
      PrunedWeights weights,
      int t,
      String treatment,
      boolean moves,
      Map<String, Double> predicted) {
    final String name = weights.names().get(t);
    final float[] pruned = weights.weights(t);
    final CompressedTensor form =
        form(state.form(name), moves, Floats.tensor(pruned, state.shapes().get(name)));
    state.put(name, form);
    return new StepLog.Entry(
        name,
        treatment + ", stored as " + form.form(),
        OptionalInt.empty(),
        WeightErrors.sparsity(pruned),
        form.storedBytes(),
        WeightErrors.relative(weights.before(t), pruned),
        predicted.containsKey(name)
            ? OptionalDouble.of(predicted.get(name))
            : OptionalDouble.empty());
  }

  /**
   * The form of pruned weights: the codes they have, if an earlier step gave them some that can
   * hold zeros; otherwise values, F32 so that none moves.
   */
  private static CompressedTensor form(
      Optional<CompressedTensor> earlier, boolean moves, INDArray pruned) {
    return earlier
        .filter(form -> !moves)
        .flatMap(form -> CompressedTensors.withZeros(form, pruned))
        .orElseGet(() -> CompressedTensors.cheapestSparse(pruned, SafetensorsType.F32));
  }
}
