package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.LayerInputs;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepFactory;
import dev.bantam.data.LabelledBatch;
import dev.bantam.pruning.Calibration.Inputs;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Wanda (Sun et al. 2024): a weight counts with its magnitude times the norm of its input, {@code
 * |w_ij| ||x_j||}, against the others of its row. Weights that stay are not moved.
 */
record Wanda() implements LayerMethod {
  /** Reads {@code prune: {method: wanda, ...}}. */
  public static final class Factory implements StepFactory {
    @Override
    public String step() {
      return "prune";
    }

    @Override
    public String method() {
      return "wanda";
    }

    @Override
    public Step parse(Settings settings) {
      return Layerwise.read(settings, new Wanda(), Inputs.PRUNED);
    }
  }

  @Override
  public String method() {
    return "wanda";
  }

  @Override
  public String describe() {
    return "";
  }

  @Override
  public boolean moves() {
    return false;
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> matrices, Pattern pattern) {
    return pattern.refuseBlocks(method());
  }

  @Override
  public long heapBytes(List<List<long[]>> shapes) {
    long widest = 0;
    for (List<long[]> matrices : shapes) {
      for (long[] shape : matrices) {
        widest = Math.max(widest, shape[0] * shape[1]);
      }
    }
    return widest * 2; // marks
  }

  @Override
  public Statistics look(
      CompressionState state, Map<String, List<String>> inputs, List<LabelledBatch> batches) {
    final Map<String, InputNorms> norms = new LinkedHashMap<>();
    inputs.forEach(
        (input, names) ->
            norms.put(
                input, new InputNorms(Math.toIntExact(state.weights().get(names.get(0)).size(1)))));
    LayerInputs.forEach(
        state, inputs, batches, (input, x, rows, texts) -> norms.get(input).add(x, rows, texts));
    return input -> pruner(norms.get(input));
  }

  private static MatrixPruner pruner(InputNorms norms) {
    return (w, kept, rows, pattern, sparsity, workers) -> {
      final int n = w.length / rows;
      final long count = (long) Math.rint(w.length * sparsity);
      workers.run(
          rows,
          (r, worker) -> {
            final double[] scores = new double[n];
            for (int j = 0; j < n; j++) {
              scores[j] = score(w[r * n + j], norms.meanSquare(j), kept[r * n + j]);
            }
            if (pattern.isFixed()) {
              for (int j = 0; j < n; j += pattern.of()) {
                RowSelection.lowest(
                    scores, j, pattern.of(), pattern.of() - pattern.kept(), kept, r * n + j);
              }
            } else {
              RowSelection.lowest(scores, 0, n, RowSelection.share(count, r, rows), kept, r * n);
            }
          });
    };
  }

  /**
   * {@code |w| ||x||}; what is gone comes first.
   *
   * @param meanSquare of its input, to any scale that all inputs share
   */
  static double score(float w, double meanSquare, boolean kept) {
    return kept ? Math.abs((double) w) * Math.sqrt(meanSquare) : Double.NEGATIVE_INFINITY;
  }
}
