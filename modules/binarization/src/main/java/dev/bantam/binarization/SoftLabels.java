package dev.bantam.binarization;

import dev.bantam.model.Loss;
import dev.bantam.training.Distillation;
import dev.bantam.training.DistillationLosses;
import dev.bantam.training.DistillationLosses.Reduction;

/**
 * A teacher's outputs as BiBERT and BiT learn them: cross-entropy of its probabilities, the mean
 * over rows <em>and classes</em>, without temperature, and a share of the labels' loss beside it.
 * Of a single output it is the squared difference.
 *
 * @param teacher outputs for every training example, [examples, columns]
 * @param labels weight of the labels' loss; 0 leaves it out
 */
@SuppressWarnings("ArrayRecordComponent") // large, written once
record SoftLabels(float[] teacher, int columns, double labels) implements Distillation {
  @Override
  public Loss loss(Loss task, int[] rows) {
    final float[] soft = new float[rows.length * columns];
    for (int r = 0; r < rows.length; r++) {
      System.arraycopy(teacher, rows[r] * columns, soft, r * columns, columns);
    }
    final Loss gentle =
        columns == 1
            ? DistillationLosses.meanSquaredError(soft)
            : DistillationLosses.softCrossEntropy(soft, Reduction.MEAN);
    if (labels == 0 || columns == 1) {
      return gentle;
    }
    return (outputs, n, c, gradient) -> {
      final float[] hard = new float[gradient.length];
      final double value =
          gentle.apply(outputs, n, c, gradient) + labels * task.apply(outputs, n, c, hard);
      for (int i = 0; i < gradient.length; i++) {
        gradient[i] += (float) (labels * hard[i]);
      }
      return value;
    };
  }

  @Override
  public String toString() {
    return "SoftLabels[columns=" + columns + ", labels=" + labels + "]";
  }
}
