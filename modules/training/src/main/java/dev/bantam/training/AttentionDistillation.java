package dev.bantam.training;

/**
 * Distances of a student's attention, or of the relations between its queries, keys or values, from
 * a teacher's, with the derivative for the student. Arithmetic in double, sequence by sequence and
 * head by head; nothing is padded.
 *
 * <p>Squares are laid out as at the site {@code attention.scores}: the matrices of all sequences
 * one after the other, each [heads, n, n]. Rows are [tokens, width], heads side by side.
 */
public final class AttentionDistillation {
  private AttentionDistillation() {}

  /**
   * Squared difference of scores, summed and divided (TinyBERT, Jiao et al. 2020).
   *
   * @param divisor what the sum is divided by: the number of elements for the mean; recipes that
   *     count padded places as zero differences divide by {@code batch * heads * longest^2}
   * @param gradient out: derivative with respect to {@code student}
   */
  public static double scores(float[] student, float[] teacher, double divisor, float[] gradient) {
    Losses.checkElements("teacher scores", teacher.length, student.length, 1);
    return HiddenDistillation.squaredError(student, teacher, divisor, gradient);
  }

  /**
   * {@code KL(softmax(teacher) || softmax(student))} over keys, the mean over heads and queries
   * (MiniLM, Wang et al. 2020).
   *
   * @param student scores, squares
   * @param teacher scores, squares
   * @param offsets start of each sequence, [sequences + 1]
   * @param gradient out: derivative with respect to {@code student}
   */
  public static double attention(
      float[] student, float[] teacher, int[] offsets, int heads, float[] gradient) {
    final int squares = squares(offsets, heads);
    Losses.checkElements("student scores", student.length, squares, 1);
    Losses.checkElements("teacher scores", teacher.length, squares, 1);
    final int sequences = offsets.length - 1;
    final double rows = (double) heads * offsets[sequences];
    double sum = 0;
    int at = 0;
    for (int s = 0; s < sequences; s++) {
      final int n = offsets[s + 1] - offsets[s];
      for (int r = 0; r < heads * n; r++) {
        final double[] q = new double[n];
        final double[] p = new double[n];
        for (int i = 0; i < n; i++) {
          q[i] = student[at + i];
          p[i] = teacher[at + i];
        }
        sum += divergence(p, q);
        for (int i = 0; i < n; i++) {
          gradient[at + i] = (float) (q[i] / rows);
        }
        at += n;
      }
    }
    return sum / rows;
  }

  /**
   * {@code KL(softmax(T T^T / sqrt(t)) || softmax(S S^T / sqrt(s)))} over the second token, the
   * mean over heads and tokens, with s and t the widths of a head: relations of queries, keys or
   * values (MiniLM; MiniLMv2, Wang et al. 2021, with any number of relation heads). Student and
   * teacher may differ in width.
   *
   * @param student [tokens, width]
   * @param teacher [tokens, its own width]
   * @param heads heads that the rows are split into; divides both widths
   * @param gradient out: derivative with respect to {@code student}
   */
  public static double relations(
      float[] student, float[] teacher, int[] offsets, int heads, float[] gradient) {
    final int tokens = offsets[offsets.length - 1];
    final int width = width("student", student, tokens, heads);
    final int teacherWidth = width("teacher", teacher, tokens, heads);
    final double rows = (double) heads * tokens;
    final double scale = 1 / Math.sqrt((double) width / heads);
    java.util.Arrays.fill(gradient, 0f);
    double sum = 0;
    for (int s = 0; s < offsets.length - 1; s++) {
      final int n = offsets[s + 1] - offsets[s];
      for (int h = 0; h < heads; h++) {
        final double[] q = products(student, width, offsets[s], n, h, heads);
        final double[] p = products(teacher, teacherWidth, offsets[s], n, h, heads);
        final double[] rowP = new double[n];
        final double[] rowQ = new double[n];
        for (int r = 0; r < n; r++) {
          System.arraycopy(p, r * n, rowP, 0, n);
          System.arraycopy(q, r * n, rowQ, 0, n);
          sum += divergence(rowP, rowQ);
          for (int i = 0; i < n; i++) {
            q[r * n + i] = rowQ[i] / rows * scale;
          }
        }
        throughProducts(q, student, width, offsets[s], n, h, heads, gradient);
      }
    }
    return sum / rows;
  }

  /**
   * Direction matching of the relations, {@code | S S^T/|S S^T| - T T^T/|T T^T| |} with one
   * Frobenius norm over all sequences and heads of the batch, neither squared nor a mean (BiBERT,
   * Qin et al. 2022, as published in code). The derivative at equality is taken as 0.
   *
   * @param student [tokens, width]
   * @param teacher [tokens, its own width]
   * @param heads divides both widths
   * @param gradient out: derivative with respect to {@code student}
   */
  public static double relationDirection(
      float[] student, float[] teacher, int[] offsets, int heads, float[] gradient) {
    final int tokens = offsets[offsets.length - 1];
    final int width = width("student", student, tokens, heads);
    final int teacherWidth = width("teacher", teacher, tokens, heads);
    final double[] all = allProducts(student, width, offsets, heads);
    final double[] g = new double[all.length];
    final double distance =
        HiddenDistillation.direction(all, allProducts(teacher, teacherWidth, offsets, heads), g);
    final double scale = 1 / Math.sqrt((double) width / heads);
    java.util.Arrays.fill(gradient, 0f);
    int at = 0;
    for (int s = 0; s < offsets.length - 1; s++) {
      final int n = offsets[s + 1] - offsets[s];
      for (int h = 0; h < heads; h++) {
        final double[] square = new double[n * n];
        for (int i = 0; i < square.length; i++) {
          square[i] = g[at + i] * scale;
        }
        throughProducts(square, student, width, offsets[s], n, h, heads, gradient);
        at += n * n;
      }
    }
    return distance;
  }

  private static double[] allProducts(float[] x, int width, int[] offsets, int heads) {
    final double[] all = new double[squares(offsets, heads)];
    int at = 0;
    for (int s = 0; s < offsets.length - 1; s++) {
      final int n = offsets[s + 1] - offsets[s];
      for (int h = 0; h < heads; h++) {
        System.arraycopy(products(x, width, offsets[s], n, h, heads), 0, all, at, n * n);
        at += n * n;
      }
    }
    return all;
  }

  /** {@code X X^T / sqrt(d)} of one head of one sequence, [n, n]. */
  private static double[] products(float[] x, int width, int row, int n, int head, int heads) {
    final int d = width / heads;
    final double scale = 1 / Math.sqrt(d);
    final double[] square = new double[n * n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        double dot = 0;
        for (int c = head * d; c < (head + 1) * d; c++) {
          dot += (double) x[(row + i) * width + c] * x[(row + j) * width + c];
        }
        square[i * n + j] = dot * scale;
        square[j * n + i] = dot * scale;
      }
    }
    return square;
  }

  /** {@code dX += (G + G^T) X} for one head of one sequence. */
  private static void throughProducts(
      double[] g, float[] x, int width, int row, int n, int head, int heads, float[] gradient) {
    final int d = width / heads;
    final double[] sum = new double[d];
    for (int i = 0; i < n; i++) {
      java.util.Arrays.fill(sum, 0);
      for (int j = 0; j < n; j++) {
        final double both = g[i * n + j] + g[j * n + i];
        for (int c = 0; c < d; c++) {
          sum[c] += both * x[(row + j) * width + head * d + c];
        }
      }
      for (int c = 0; c < d; c++) {
        gradient[(row + i) * width + head * d + c] = (float) sum[c];
      }
    }
  }

  /** KL of two rows of scores; leaves {@code softmax(q) - softmax(p)} in {@code q}. */
  private static double divergence(double[] p, double[] q) {
    LogSoftmax.apply(p, 0, p.length);
    LogSoftmax.apply(q, 0, q.length);
    double sum = 0;
    for (int i = 0; i < p.length; i++) {
      final double e = StrictMath.exp(p[i]);
      sum += e == 0 ? 0 : e * (p[i] - q[i]);
      q[i] = StrictMath.exp(q[i]) - e;
    }
    return sum;
  }

  private static int squares(int[] offsets, int heads) {
    int sum = 0;
    for (int s = 0; s < offsets.length - 1; s++) {
      final int n = offsets[s + 1] - offsets[s];
      sum += heads * n * n;
    }
    return sum;
  }

  private static int width(String what, float[] rows, int tokens, int heads) {
    final int width = tokens == 0 ? 0 : rows.length / tokens;
    if (heads < 1 || width * tokens != rows.length || width % heads != 0) {
      throw new IllegalArgumentException(
          rows.length
              + " "
              + what
              + " values are no rows of "
              + tokens
              + " tokens that split into "
              + heads
              + " heads");
    }
    return width;
  }
}
