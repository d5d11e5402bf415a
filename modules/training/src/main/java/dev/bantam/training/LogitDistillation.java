package dev.bantam.training;

import dev.bantam.model.Loss;
import java.util.Arrays;

/**
 * Distillation of a teacher's logits, computed once for all training examples: {@code (1 - h) task
 * + h T^2 KL(teacher || student)} (Hinton et al. 2015), the mean over the rows of a batch.
 *
 * @param teacher logits of every training example, [examples, columns]
 * @param columns outputs of the head
 * @param hardness h, weight of the teacher in [0, 1]; 1 ignores the labels
 * @param temperature T, above 0
 */
@SuppressWarnings("ArrayRecordComponent") // large, written once
public record LogitDistillation(float[] teacher, int columns, double hardness, double temperature)
    implements Distillation {
  public LogitDistillation {
    if (!(hardness >= 0 && hardness <= 1) || !(temperature > 0)) {
      throw new IllegalArgumentException(
          "hardness in [0, 1] and temperature above 0, not " + hardness + ", " + temperature);
    }
    if (columns < 2) {
      throw new IllegalArgumentException(
          "The divergence of one output is always 0: distil classes, not a number");
    }
  }

  @Override
  public Loss loss(Loss task, int[] rows) {
    final float[] soft = new float[rows.length * columns];
    for (int r = 0; r < rows.length; r++) {
      System.arraycopy(teacher, rows[r] * columns, soft, r * columns, columns);
    }
    final Loss divergence = DistillationLosses.divergence(soft, temperature);
    return (outputs, n, c, gradient) -> {
      final float[] other = new float[gradient.length];
      final double hard = task.apply(outputs, n, c, gradient);
      final double gentle = divergence.apply(outputs, n, c, other);
      for (int i = 0; i < gradient.length; i++) {
        gradient[i] = (float) ((1 - hardness) * gradient[i] + hardness * other[i]);
      }
      return (1 - hardness) * hard + hardness * gentle;
    };
  }

  @Override
  public String toString() {
    return "LogitDistillation[" + Arrays.hashCode(teacher) + ", T=" + temperature + "]";
  }
}
