package dev.bantam.training;

import dev.bantam.model.Loss;

/**
 * Losses of a student's logits against a teacher's. Each factory takes the teacher's logits of one
 * batch, [rows, columns] row-major; softmax and logarithms are computed together in double, so
 * logits of any finite size are safe.
 *
 * <p>On one output (regression) every loss here but {@link #meanSquaredError} is constant and
 * trains nothing.
 */
public final class DistillationLosses {
  /** What a sum over rows and classes is divided by. */
  public enum Reduction {
    /** By the rows, as the formulas are written. */
    BATCH_MEAN,
    /** By rows times classes, as TinyBERT, TernaryBERT and BiBERT do for their soft labels. */
    MEAN;

    private double divisor(int rows, int columns) {
      return switch (this) {
        case BATCH_MEAN -> rows;
        case MEAN -> (double) rows * columns;
      };
    }
  }

  private DistillationLosses() {}

  /** As {@link #divergence(float[], double, Reduction)}, the mean over rows. */
  public static Loss divergence(float[] teacher, double temperature) {
    return divergence(teacher, temperature, Reduction.BATCH_MEAN);
  }

  /**
   * Hinton's distillation, {@code T^2 KL(p || q)} per row with {@code p = softmax(teacher / T)} and
   * {@code q = softmax(student / T)}; its gradient is {@code T (q - p)}.
   *
   * @param teacher the teacher's logits
   * @param temperature T, above 0; the factor T^2 keeps the size of gradients when it changes
   */
  public static Loss divergence(float[] teacher, double temperature, Reduction reduction) {
    if (!(temperature > 0 && temperature < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("The temperature must be above 0: " + temperature);
    }
    final float[] zt = teacher.clone();
    return (zs, rows, columns, gradient) ->
        softTargets(zs, zt, rows, columns, temperature, reduction, true, gradient);
  }

  /**
   * Cross-entropy of the teacher's probabilities, {@code -sum_c p log q} per row at temperature 1:
   * the divergence plus the teacher's entropy.
   */
  public static Loss softCrossEntropy(float[] teacher, Reduction reduction) {
    final float[] zt = teacher.clone();
    return (zs, rows, columns, gradient) ->
        softTargets(zs, zt, rows, columns, 1, reduction, false, gradient);
  }

  /** Squared difference of logits, the mean over rows and columns. */
  public static Loss meanSquaredError(float[] teacher) {
    return Losses.meanSquaredError(teacher);
  }

  /**
   * {@code (1 - h) task + h distillation}. A part of weight 0 is not evaluated.
   *
   * @param hardness h, in [0, 1]
   */
  public static Loss combined(double hardness, Loss task, Loss distillation) {
    if (!(hardness >= 0 && hardness <= 1)) {
      throw new IllegalArgumentException("Hardness is a share in [0, 1]: " + hardness);
    }
    if (hardness == 0) {
      return task;
    }
    if (hardness == 1) {
      return distillation;
    }
    return (outputs, rows, columns, gradient) -> {
      final float[] other = new float[gradient.length];
      final double hard = task.apply(outputs, rows, columns, gradient);
      final double soft = distillation.apply(outputs, rows, columns, other);
      for (int i = 0; i < gradient.length; i++) {
        gradient[i] = (float) ((1 - hardness) * gradient[i] + hardness * other[i]);
      }
      return (1 - hardness) * hard + hardness * soft;
    };
  }

  /** T^2 sum p (entropy ? log p - log q : -log q), with gradient T (q - p), both divided. */
  private static double softTargets(
      float[] student,
      float[] teacher,
      int rows,
      int columns,
      double temperature,
      Reduction reduction,
      boolean entropy,
      float[] gradient) {
    Losses.checkElements("logits of the teacher", teacher.length, rows, columns);
    final double divisor = reduction.divisor(rows, columns);
    final double[] logP = new double[columns];
    final double[] logQ = new double[columns];
    double sum = 0;
    for (int r = 0; r < rows; r++) {
      final int from = r * columns;
      LogSoftmax.apply(teacher, from, columns, temperature, logP);
      LogSoftmax.apply(student, from, columns, temperature, logQ);
      for (int c = 0; c < columns; c++) {
        final double p = StrictMath.exp(logP[c]);
        if (p > 0) { // p log p is 0 at p = 0
          sum += p * ((entropy ? logP[c] : 0) - logQ[c]);
        }
        gradient[from + c] = (float) (temperature / divisor * (StrictMath.exp(logQ[c]) - p));
      }
    }
    return temperature * temperature / divisor * sum;
  }
}
