package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.data.LabelledBatch;
import dev.bantam.tensor.Workers;
import java.util.List;
import java.util.Map;

/** How a matrix loses weights, given what it reads: the method of {@link Layerwise}. */
interface LayerMethod {
  /** The name in recipes and reports. */
  String method();

  /** Its settings in words; empty if it has none. */
  String describe();

  /** Whether weights that stay are changed too. */
  boolean moves();

  /** Problems with these matrices. */
  List<StepProblem> check(Map<String, long[]> matrices, Pattern pattern);

  /**
   * Bytes on the heap for one layer.
   *
   * @param shapes of its matrices, by the input they read
   */
  long heapBytes(List<List<long[]>> shapes);

  /**
   * Work on a matrix beside the passes, as {@link dev.bantam.compression.Step.Cost#operations}
   * counts it.
   */
  default double operations(long rows, long columns) {
    return 0;
  }

  /** Takes statistics of a layer's inputs from the live model as it is. */
  Statistics look(
      CompressionState state, Map<String, List<String>> inputs, List<LabelledBatch> batches);

  /** Of all inputs of a layer. */
  @FunctionalInterface
  interface Statistics {
    /** What prunes the matrices that read an input; asked for once. */
    MatrixPruner of(String input);
  }

  /** Prunes matrices that read the same input. */
  @FunctionalInterface
  interface MatrixPruner {
    /**
     * Removes weights, and moves those that stay if that is the method's way.
     *
     * @param w [rows, inputs] row-major, in and out; finite
     * @param kept in: weights that are still there; out: those that shall be
     * @param sparsity share of the groups to be gone, those that are gone already included; of no
     *     effect with a fixed pattern
     */
    void prune(
        float[] w, boolean[] kept, int rows, Pattern pattern, double sparsity, Workers workers);
  }
}
