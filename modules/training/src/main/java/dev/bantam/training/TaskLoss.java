package dev.bantam.training;

import dev.bantam.checkpoint.Head;
import dev.bantam.model.Loss;

/** The loss that goes with a kind of head, averaged over the examples of a batch. */
public final class TaskLoss {
  private TaskLoss() {}

  /**
   * Cross-entropy for classes of texts and of tokens, binary cross-entropy for sets of classes
   * (class i is bit i of the label), mean squared error for numbers.
   *
   * @param labels one for each row
   * @param targets one for each row; used for numbers alone
   */
  public static Loss of(Head.Kind kind, int[] labels, float[] targets) {
    return switch (kind) {
      case SINGLE_LABEL, TOKEN_LABEL -> Losses.crossEntropy(labels);
      case MULTI_LABEL ->
          (outputs, rows, columns, gradient) ->
              Losses.binaryCrossEntropy(bits(labels, columns))
                  .apply(outputs, rows, columns, gradient);
      case REGRESSION -> Losses.meanSquaredError(targets);
    };
  }

  private static float[] bits(int[] labels, int columns) {
    final float[] targets = new float[labels.length * columns];
    for (int r = 0; r < labels.length; r++) {
      for (int c = 0; c < columns; c++) {
        targets[r * columns + c] = labels[r] >> c & 1;
      }
    }
    return targets;
  }
}
