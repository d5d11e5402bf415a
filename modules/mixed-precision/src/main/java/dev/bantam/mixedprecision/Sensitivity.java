package dev.bantam.mixedprecision;

/** By what the widths of matrices are chosen. */
enum Sensitivity {
  /** Mean trace of the Hessian times squared error (HAWQ-V2). */
  HESSIAN_TRACE("hessian"),
  /** |mean| + standard deviation of a layer's top eigenvalue over slices of data (Q-BERT). */
  Q_BERT("qbert"),
  /** Mean trace of the empirical Fisher matrix times squared error. */
  FISHER_TRACE("fisher"),
  /** Squared error alone. */
  ERROR("error"),
  /** Control: widths drawn at random until the budget is used. */
  RANDOM("random"),
  /** Control: as by {@link #HESSIAN_TRACE}, but the least gain is taken for the largest. */
  REVERSED("reversed"),
  /** Control: as by {@link #HESSIAN_TRACE}, the two widths swapped. */
  COMPLEMENT("complement");

  private final String word;

  Sensitivity(String word) {
    this.word = word;
  }

  /** As it stands in names of methods. */
  String word() {
    return word;
  }

  /** Whether traces of the Hessian are estimated. */
  boolean usesHessianTrace() {
    return this == HESSIAN_TRACE || this == REVERSED || this == COMPLEMENT;
  }

  /** Whether it is learned from labels. */
  boolean needsLabels() {
    return this != ERROR && this != RANDOM;
  }
}
