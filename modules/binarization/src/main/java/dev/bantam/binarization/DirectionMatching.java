package dev.bantam.binarization;

import dev.bantam.model.Batch;
import dev.bantam.model.LossTerm;
import dev.bantam.model.Site;
import dev.bantam.tensor.Workers;
import java.util.List;

/**
 * Direction-Matching Distillation (Qin et al. 2022, section 3.3, as published in code): {@code |
 * S/|S| - T/|T| |} with {@code S = F F^T / sqrt(d_h)} of queries, keys or values F, one Frobenius
 * norm over all heads and sequences of a batch, neither squared nor a mean. Entries of -100 and
 * below count as 0 and get no gradient.
 */
final class DirectionMatching {
  /** Entries up to this are left out. */
  private static final float LEFT_OUT = -100f;

  private DirectionMatching() {}

  /**
   * The distance of two tensors of equal shape; its derivative at equality is taken as 0.
   *
   * @param gradient out: derivative with respect to {@code student}
   */
  static double distance(float[] student, float[] teacher, float[] gradient) {
    final Whole whole = new Whole(student, teacher, 1);
    whole.square(0, 0, student.length);
    whole.difference(0, 0, student.length, gradient);
    whole.gradient(0, student.length, gradient);
    return whole.distance();
  }

  /**
   * The term for one site.
   *
   * @param site {@code attention.query}, {@code .key} or {@code .value}
   * @param teacher relations of the teacher, as {@link #relations(float[], int[], int, Workers)}
   *     gives them
   * @param heads of student and teacher alike
   */
  static LossTerm relations(Site site, float[] teacher, int heads, Workers workers) {
    return new LossTerm() {
      @Override
      public List<Site> sites() {
        return List.of(site);
      }

      @Override
      public double apply(Batch batch, List<float[]> values, List<float[]> gradients) {
        return relations(values.get(0), teacher, batch.offsets(), heads, workers, gradients.get(0));
      }
    };
  }

  /**
   * The relations {@code F F^T / sqrt(d_h)} of some rows, [heads, n, n] for each sequence.
   *
   * @param rows [tokens, width]
   */
  static float[] relations(float[] rows, int[] offsets, int heads, Workers workers) {
    final Rows f = new Rows(rows, rows.length / offsets[offsets.length - 1], heads);
    final int[] from = squares(offsets, heads);
    final float[] products = new float[from[from.length - 1]];
    workers.run(
        from.length - 1,
        (i, worker) -> f.products(offsets[i], offsets[i + 1] - offsets[i], products, from[i]));
    return products;
  }

  private static int[] squares(int[] offsets, int heads) {
    final int[] from = new int[offsets.length];
    for (int i = 0; i < offsets.length - 1; i++) {
      final int n = offsets[i + 1] - offsets[i];
      from[i + 1] = from[i] + heads * n * n;
    }
    return from;
  }

  /**
   * The distance of the relations of some rows from given ones.
   *
   * @param student [tokens, width]
   * @param teacher relations of the same sequences and heads
   * @param gradient out: derivative with respect to {@code student}
   */
  static double relations(
      float[] student,
      float[] teacher,
      int[] offsets,
      int heads,
      Workers workers,
      float[] gradient) {
    final int[] from = squares(offsets, heads);
    final int sequences = from.length - 1;
    if (teacher.length != from[sequences]) {
      throw new IllegalArgumentException(
          teacher.length + " relations of the teacher, " + from[sequences] + " of the student");
    }
    final Rows s = new Rows(student, student.length / offsets[sequences], heads);
    final Whole whole = new Whole(relations(student, offsets, heads, workers), teacher, sequences);
    final float[] g = new float[from[sequences]];
    workers.run(sequences, (i, worker) -> whole.square(i, from[i], from[i + 1]));
    workers.run(sequences, (i, worker) -> whole.difference(i, from[i], from[i + 1], g));
    workers.run(
        sequences,
        (i, worker) -> {
          whole.gradient(from[i], from[i + 1], g);
          s.backward(offsets[i], offsets[i + 1] - offsets[i], g, from[i], gradient);
        });
    return whole.distance();
  }

  /** Two tensors and the sums over all of them, added in order of the pieces. */
  private static final class Whole {
    private final float[] student;
    private final float[] teacher;
    private final double[][] squares;
    private final double[][] differences;

    Whole(float[] student, float[] teacher, int pieces) {
      this.student = student;
      this.teacher = teacher;
      this.squares = new double[pieces][2];
      this.differences = new double[pieces][2];
    }

    private static double total(double[][] pieces, int which) {
      double sum = 0;
      for (double[] piece : pieces) {
        sum += piece[which];
      }
      return sum;
    }

    private static float kept(float x) {
      return x <= LEFT_OUT ? 0f : x;
    }

    void square(int piece, int from, int to) {
      double s = 0;
      double t = 0;
      for (int i = from; i < to; i++) {
        s += (double) kept(student[i]) * kept(student[i]);
        t += (double) kept(teacher[i]) * kept(teacher[i]);
      }
      squares[piece][0] = s;
      squares[piece][1] = t;
    }

    private static double inverse(double squares) {
      return squares == 0 ? 0 : 1 / Math.sqrt(squares);
    }

    /** {@code g = s/|S| - t/|T|}. */
    void difference(int piece, int from, int to, float[] g) {
      final double s = inverse(total(squares, 0));
      final double t = inverse(total(squares, 1));
      double sum = 0;
      double along = 0;
      for (int i = from; i < to; i++) {
        final double unit = kept(student[i]) * s;
        final double u = unit - kept(teacher[i]) * t;
        sum += u * u;
        along += u * unit;
        g[i] = (float) u;
      }
      differences[piece][0] = sum;
      differences[piece][1] = along;
    }

    double distance() {
      return Math.sqrt(total(differences, 0));
    }

    /** {@code (g - (g . s^) s^) / (distance |S|)}. */
    void gradient(int from, int to, float[] g) {
      final double s = inverse(total(squares, 0));
      final double distance = distance();
      final double along = total(differences, 1);
      for (int i = from; i < to; i++) {
        g[i] =
            distance == 0 || student[i] <= LEFT_OUT
                ? 0f
                : (float) ((g[i] - along * student[i] * s) * s / distance);
      }
    }
  }

  /** Rows of a site, split into heads. */
  @SuppressWarnings("ArrayRecordComponent") // a view
  private record Rows(float[] x, int width, int heads) {
    private int size() {
      return width / heads;
    }

    /** {@code F F^T / sqrt(d_h)} of all heads of one sequence, [heads, n, n]. */
    void products(int row, int n, float[] target, int at) {
      final int d = size();
      final float scale = (float) (1 / Math.sqrt(d));
      final float[] transposed = new float[d * n];
      final float[] line = new float[n];
      for (int h = 0; h < heads; h++) {
        for (int j = 0; j < n; j++) {
          for (int c = 0; c < d; c++) {
            transposed[c * n + j] = x[(row + j) * width + h * d + c];
          }
        }
        for (int i = 0; i < n; i++) {
          java.util.Arrays.fill(line, 0f);
          for (int c = 0; c < d; c++) {
            final float f = x[(row + i) * width + h * d + c];
            for (int j = 0; j < n; j++) {
              line[j] += f * transposed[c * n + j];
            }
          }
          for (int j = 0; j < n; j++) {
            target[at + (h * n + i) * n + j] = line[j] * scale;
          }
        }
      }
    }

    /** {@code dF = (G + G^T) F / sqrt(d_h)} with a symmetric G. */
    void backward(int row, int n, float[] g, int at, float[] gradient) {
      final int d = size();
      final float scale = (float) (2 / Math.sqrt(d));
      final float[] line = new float[d];
      for (int h = 0; h < heads; h++) {
        for (int i = 0; i < n; i++) {
          java.util.Arrays.fill(line, 0f);
          for (int j = 0; j < n; j++) {
            final float f = g[at + (h * n + i) * n + j];
            final int from = (row + j) * width + h * d;
            for (int c = 0; c < d; c++) {
              line[c] += f * x[from + c];
            }
          }
          for (int c = 0; c < d; c++) {
            gradient[(row + i) * width + h * d + c] = line[c] * scale;
          }
        }
      }
    }
  }
}
