package dev.bantam.runner.wrong.report;

import dev.bantam.runner.wrong.model.CircularModel;

/** A report that knows the model, on purpose. */
public final class CuriousReport {
  /** Returns the model's hash. */
  public int describe(CircularModel model) {
    return model.hashCode();
  }
}
