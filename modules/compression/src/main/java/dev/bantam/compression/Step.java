package dev.bantam.compression;

import java.util.List;
import java.util.Map;

/** One step of a recipe: what the user asked for, checked, and how to do it. */
public interface Step {
  /**
   * Finds everything that stands in the way, before any work is done.
   *
   * @param shapes names and shapes of the model's parameters, in order
   */
  List<StepProblem> check(Map<String, long[]> shapes);

  /**
   * Changes the weights and decides their stored forms.
   *
   * @return what was done to each tensor
   */
  StepLog apply(CompressionState state);

  /**
   * Something wrong with a step for a given model.
   *
   * @param key the setting that causes it
   * @param message what, where and what to do
   */
  record StepProblem(String key, String message) {}
}
