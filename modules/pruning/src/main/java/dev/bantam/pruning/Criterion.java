package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepLog;
import java.util.List;
import java.util.Map;

/** How the weights to remove are chosen, and what becomes of the others: the method of a step. */
interface Criterion {
  /** The name in recipes and reports. */
  String method();

  /** The name of pruning by it in several events of a training. */
  String gradualMethod();

  /** In words, for plans and logs. */
  String describe();

  /** Whether weights that stay are changed too. */
  boolean moves();

  /** Whether it learns from labels. */
  boolean needsLabels();

  /** The same with less work, see {@link Step#smoke}. */
  default Smoke smoke() {
    return new Smoke(this, Map.of());
  }

  /**
   * A criterion made cheaper.
   *
   * @param settings what it has in place of what was asked for, by the name in recipes
   */
  record Smoke(Criterion criterion, Map<String, Integer> settings) {}

  /** Problems with these matrices. */
  List<StepProblem> check(Map<String, long[]> matrices);

  /** What one event takes beyond the model itself. */
  Step.Cost cost(Map<String, long[]> matrices);

  /**
   * Removes weights until a share of them is gone.
   *
   * @param weights in and out; the live model holds them too, before and after
   * @param sparsity share of all weights to be gone, in [0, 1); no less than what is gone
   * @param number of the event in its step, from 1
   * @param only whether there is no other event, so that statistics of these weights are worth
   *     keeping for other cells
   */
  StepLog.Event prune(
      PrunedWeights weights, double sparsity, int number, boolean only, CompressionState state);
}
