package dev.bantam.report;

import java.util.Objects;

/**
 * Which cell of an experiment's grid a record belongs to.
 *
 * @param experiment name of the experiment
 * @param model name of the model
 * @param task name of the task
 * @param variant name of the variant; {@code dense} is what the others are compared with
 * @param seed seed of the replicate
 * @param draw number of the draw within the seed, from 1
 * @param split rows that were evaluated, usually {@code dev}
 */
public record CellId(
    String experiment,
    String model,
    String task,
    String variant,
    long seed,
    int draw,
    String split) {
  static final String DENSE = "dense";

  public CellId {
    requireText("experiment", experiment);
    requireText("model", model);
    requireText("task", task);
    requireText("variant", variant);
    requireText("split", split);
    if (draw < 1) {
      throw new IllegalArgumentException("draw is counted from 1, not " + draw);
    }
  }

  boolean isDense() {
    return variant.equals(DENSE);
  }

  /** For messages. */
  String describe() {
    return String.join(" / ", experiment, model, task, variant)
        + ", seed "
        + seed
        + ", draw "
        + draw
        + ", split "
        + split;
  }

  static void requireText(String name, String value) {
    if (Objects.requireNonNull(value, name).isBlank()) {
      throw new IllegalArgumentException(name + " must not be empty");
    }
  }
}
