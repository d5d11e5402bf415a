package dev.bantam.training;

import dev.bantam.model.Loss;

/**
 * Losses of a task on the outputs of a head. Each factory takes what the rows of one batch should
 * be; the loss is their mean. Arithmetic in double, safe for logits of any finite size.
 */
public final class Losses {
  /** The label that marks a row as not labelled. */
  public static final int IGNORED = -100;

  private Losses() {}

  /** Cross-entropy of integer labels, no smoothing; rows labelled {@link #IGNORED} do not count. */
  public static Loss crossEntropy(int[] labels) {
    return crossEntropy(labels, IGNORED, 0);
  }

  /**
   * Cross-entropy of integer labels, {@code (1 - e) (-log q[label]) + e mean_c(-log q[c])} with
   * {@code q = softmax(outputs)}, the mean over the rows that count.
   *
   * <p>If no row counts the loss is NaN (0 / 0, as PyTorch has it) and the gradient 0.
   *
   * @param labels class of each row, in [0, columns) or {@code ignored}
   * @param ignored label of rows that do not count
   * @param smoothing e, in [0, 1)
   */
  public static Loss crossEntropy(int[] labels, int ignored, double smoothing) {
    if (!(smoothing >= 0 && smoothing < 1)) {
      throw new IllegalArgumentException("Label smoothing is a share in [0, 1): " + smoothing);
    }
    return new CrossEntropy(labels.clone(), ignored, smoothing);
  }

  /**
   * Binary cross-entropy with logits, {@code max(z, 0) - z y + log(1 + exp(-|z|))}, the mean over
   * rows and columns.
   *
   * @param targets y, in [0, 1], [rows, columns] row-major
   */
  public static Loss binaryCrossEntropy(float[] targets) {
    final float[] y = targets.clone();
    return (z, rows, columns, gradient) -> {
      final int n = checkElements("targets", y.length, rows, columns);
      double sum = 0;
      for (int i = 0; i < n; i++) {
        final double e = StrictMath.exp(-Math.abs((double) z[i]));
        sum += Math.max(z[i], 0.0) - (double) z[i] * y[i] + StrictMath.log1p(e);
        final double sigmoid = z[i] >= 0 ? 1 / (1 + e) : e / (1 + e);
        gradient[i] = (float) ((sigmoid - y[i]) / n);
      }
      return sum / n;
    };
  }

  /**
   * Squared difference, the mean over rows and columns.
   *
   * @param targets [rows, columns] row-major
   */
  public static Loss meanSquaredError(float[] targets) {
    final float[] y = targets.clone();
    return (z, rows, columns, gradient) -> {
      final int n = checkElements("targets", y.length, rows, columns);
      double sum = 0;
      for (int i = 0; i < n; i++) {
        final double d = (double) z[i] - y[i];
        sum += d * d;
        gradient[i] = (float) (2 * d / n);
      }
      return sum / n;
    };
  }

  /** Number of elements of a batch's outputs, which must be what the loss was made for. */
  static int checkElements(String what, int length, int rows, int columns) {
    final int n = Math.multiplyExact(rows, columns);
    if (length != n) {
      throw new IllegalArgumentException(
          length + " " + what + " for outputs of [" + rows + " x " + columns + "]");
    }
    return n;
  }

  @SuppressWarnings("ArrayRecordComponent") // a private copy
  private record CrossEntropy(int[] labels, int ignored, double smoothing) implements Loss {
    @Override
    public double apply(float[] outputs, int rows, int columns, float[] gradient) {
      final int counted = count(rows, columns);
      final double[] logQ = new double[columns];
      double sum = 0;
      for (int r = 0; r < rows; r++) {
        final int from = r * columns;
        if (labels[r] == ignored) {
          java.util.Arrays.fill(gradient, from, from + columns, 0f);
          continue;
        }
        LogSoftmax.apply(outputs, from, columns, 1, logQ);
        for (int c = 0; c < columns; c++) {
          final double p = (c == labels[r] ? 1 - smoothing : 0) + smoothing / columns;
          sum -= p == 0 ? 0 : p * logQ[c];
          gradient[from + c] = (float) ((StrictMath.exp(logQ[c]) - p) / counted);
        }
      }
      return sum / counted;
    }

    private int count(int rows, int columns) {
      checkElements("labels", labels.length, rows, 1);
      int counted = 0;
      for (int r = 0; r < rows; r++) {
        if (labels[r] == ignored) {
          continue;
        }
        if (labels[r] < 0 || labels[r] >= columns) {
          throw new IllegalArgumentException(
              "Row " + r + " has label " + labels[r] + ", the head has " + columns + " classes");
        }
        counted++;
      }
      return counted;
    }
  }
}
