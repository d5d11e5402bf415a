package dev.bantam.training;

/**
 * Distances of a student's hidden states from a teacher's, [rows, columns] row-major, with the
 * derivative for the student. Arithmetic in double.
 *
 * <p>The rows are tokens without padding. Recipes that let padding count are matched by passing the
 * padded rows too.
 */
public final class HiddenDistillation {
  /** PyTorch's guard of a cosine: added to both squared lengths. */
  private static final double COSINE_EPS = 1e-12;

  /** A distance of two matrices of equal shape. */
  @FunctionalInterface
  public interface Distance {
    /**
     * The distance and its derivative.
     *
     * @param student [rows, columns]
     * @param teacher [rows, columns]
     * @param gradient out: derivative with respect to {@code student}
     */
    double apply(float[] student, float[] teacher, int rows, int columns, float[] gradient);
  }

  private HiddenDistillation() {}

  /** Squared difference, the mean over all elements (TinyBERT, Jiao et al. 2020). */
  public static double meanSquaredError(
      float[] student, float[] teacher, int rows, int columns, float[] gradient) {
    final int n = check(student, teacher, rows, columns);
    return squaredError(student, teacher, n, gradient);
  }

  /** {@code sum (s - t)^2 / divisor}. */
  static double squaredError(float[] student, float[] teacher, double divisor, float[] gradient) {
    double sum = 0;
    for (int i = 0; i < student.length; i++) {
      final double d = (double) student[i] - teacher[i];
      sum += d * d;
      gradient[i] = (float) (2 * d / divisor);
    }
    return sum / divisor;
  }

  /**
   * {@code 1 - cos(s, t)} of each row, the mean over rows (DistilBERT, Sanh et al. 2019).
   *
   * <p>{@code cos = s.t / sqrt((|s|^2 + 1e-12)(|t|^2 + 1e-12))}, as PyTorch has it.
   */
  public static double cosine(
      float[] student, float[] teacher, int rows, int columns, float[] gradient) {
    check(student, teacher, rows, columns);
    double sum = 0;
    for (int r = 0; r < rows; r++) {
      final int from = r * columns;
      double dot = 0;
      double ss = COSINE_EPS;
      double tt = COSINE_EPS;
      for (int i = from; i < from + columns; i++) {
        dot += (double) student[i] * teacher[i];
        ss += (double) student[i] * student[i];
        tt += (double) teacher[i] * teacher[i];
      }
      final double root = Math.sqrt(ss * tt);
      final double cosine = dot / root;
      sum += 1 - cosine;
      for (int i = from; i < from + columns; i++) {
        gradient[i] = (float) ((cosine * student[i] / ss - teacher[i] / root) / rows);
      }
    }
    return sum / rows;
  }

  /**
   * {@code |S - T|^2 / |T|^2} over all elements: SquareHead's term of one layer (Kurtic et al.
   * 2023). Independent of the states' scale. A teacher of zeros gives 0 / 0.
   */
  public static double normalisedSquaredError(
      float[] student, float[] teacher, int rows, int columns, float[] gradient) {
    check(student, teacher, rows, columns);
    double squares = 0;
    for (float t : teacher) {
      squares += (double) t * t;
    }
    return squaredError(student, teacher, squares, gradient);
  }

  /**
   * {@code | S/|S| - T/|T| |} with Frobenius norms over the whole matrix: direction matching
   * (BiBERT, Qin et al. 2022, as published in code). The derivative at equality is taken as 0, as
   * PyTorch does; of two zero matrices everything is 0.
   */
  public static double direction(
      float[] student, float[] teacher, int rows, int columns, float[] gradient) {
    check(student, teacher, rows, columns);
    final double[] s = new double[student.length];
    final double[] g = new double[student.length];
    for (int i = 0; i < s.length; i++) {
      s[i] = student[i];
    }
    final double distance = direction(s, toDouble(teacher), g);
    for (int i = 0; i < s.length; i++) {
      gradient[i] = (float) g[i];
    }
    return distance;
  }

  private static double[] toDouble(float[] x) {
    final double[] values = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      values[i] = x[i];
    }
    return values;
  }

  /** As the public form, in double; {@code (u - (u.s^) s^) / (r |s|)} with u the difference. */
  static double direction(double[] student, double[] teacher, double[] gradient) {
    final double s = norm(student);
    final double t = norm(teacher);
    double squares = 0;
    double along = 0;
    for (int i = 0; i < student.length; i++) {
      final double unit = s == 0 ? 0 : student[i] / s;
      final double u = unit - (t == 0 ? 0 : teacher[i] / t);
      squares += u * u;
      along += u * unit;
      gradient[i] = u;
    }
    final double distance = Math.sqrt(squares);
    for (int i = 0; i < student.length; i++) {
      gradient[i] =
          distance == 0 || s == 0 ? 0 : (gradient[i] - along * student[i] / s) / (distance * s);
    }
    return distance;
  }

  private static double norm(double[] x) {
    double squares = 0;
    for (double v : x) {
      squares += v * v;
    }
    return Math.sqrt(squares);
  }

  private static int check(float[] student, float[] teacher, int rows, int columns) {
    Losses.checkElements("student values", student.length, rows, columns);
    return Losses.checkElements("teacher values", teacher.length, rows, columns);
  }
}
