package dev.bantam.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.model.Loss;
import dev.bantam.training.DistillationLosses.Reduction;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Losses of tasks and of distillation, with gradients, against PyTorch (golden cases). */
class LossGoldenTest {
  private static List<String> tags(GoldenCase golden) {
    final List<String> tags =
        golden.tensors().stream()
            .filter(t -> t.endsWith(".loss"))
            .map(t -> t.substring(0, t.length() - ".loss".length()))
            .toList();
    assertTrue(tags.size() >= 4, tags.toString());
    return tags;
  }

  private static void check(GoldenCase golden, String tag, Loss loss) {
    final int[] shape = golden.shape(tag + ".student");
    final float[] gradient = new float[shape[0] * shape[1]];
    final double value = loss.apply(golden.floats(tag + ".student"), shape[0], shape[1], gradient);
    golden.check(tag + ".loss", value);
    golden.check(tag + ".gradient", gradient);
  }

  static Stream<GoldenCase> tasks() {
    return GoldenCase.named("task-losses");
  }

  @ParameterizedTest
  @MethodSource
  void tasks(GoldenCase golden) {
    for (String tag : tags(golden)) {
      final String labels = tag + ".labels";
      check(
          golden,
          tag,
          tag.startsWith("bce")
              ? Losses.binaryCrossEntropy(golden.floats(labels))
              : tag.startsWith("mse")
                  ? Losses.meanSquaredError(golden.floats(labels))
                  : tag.equals("ce-smooth")
                      ? smoothed(golden, tag)
                      : Losses.crossEntropy(golden.integers(labels)));
    }
  }

  /** The case does not state its smoothing: of the usual ones exactly one gives its loss. */
  private static Loss smoothed(GoldenCase golden, String tag) {
    final int[] shape = golden.shape(tag + ".student");
    Loss found = null;
    for (double e : new double[] {0.05, 0.1, 0.15, 0.2, 0.25, 0.3}) {
      final Loss loss = Losses.crossEntropy(golden.integers(tag + ".labels"), -100, e);
      final double value =
          loss.apply(
              golden.floats(tag + ".student"), shape[0], shape[1], new float[shape[0] * shape[1]]);
      if (Math.abs(value - golden.numbers(tag + ".loss")[0]) < 1e-6) {
        assertTrue(found == null, "two smoothings fit");
        found = loss;
      }
    }
    assertTrue(found != null, "no smoothing fits");
    return found;
  }

  @Test
  void nothingLabelled() {
    final Loss loss = Losses.crossEntropy(new int[] {-100, -100});
    final float[] gradient = {1, 1, 1, 1};
    assertTrue(Double.isNaN(loss.apply(new float[] {1, 2, 3, 4}, 2, 2, gradient)));
    for (float g : gradient) {
      assertEquals(0f, g);
    }
  }

  static Stream<GoldenCase> logits() {
    return GoldenCase.named("distillation-logits");
  }

  @ParameterizedTest
  @MethodSource
  void logits(GoldenCase golden) {
    for (String tag : tags(golden)) {
      final float[] teacher = golden.floats(tag + ".teacher");
      final String kind = tag.substring(tag.indexOf('.') + 1);
      final double temperature =
          kind.contains(".T") ? Double.parseDouble(kind.substring(kind.indexOf(".T") + 2)) : 1;
      check(
          golden,
          tag,
          kind.startsWith("kl-mean")
              ? DistillationLosses.divergence(teacher, temperature, Reduction.MEAN)
              : kind.startsWith("kl")
                  ? DistillationLosses.divergence(teacher, temperature)
                  : kind.equals("soft-ce-mean")
                      ? DistillationLosses.softCrossEntropy(teacher, Reduction.MEAN)
                      : kind.equals("soft-ce")
                          ? DistillationLosses.softCrossEntropy(teacher, Reduction.BATCH_MEAN)
                          : DistillationLosses.meanSquaredError(teacher));
    }
  }

  static Stream<GoldenCase> hidden() {
    return GoldenCase.named("distillation-hidden");
  }

  @ParameterizedTest
  @MethodSource
  void hidden(GoldenCase golden) {
    for (String tag : tags(golden)) {
      final HiddenDistillation.Distance distance =
          tag.startsWith("mse")
              ? HiddenDistillation::meanSquaredError
              : tag.startsWith("cosine")
                  ? HiddenDistillation::cosine
                  : tag.startsWith("normalised")
                      ? HiddenDistillation::normalisedSquaredError
                      : HiddenDistillation::direction;
      final int[] shape = golden.shape(tag + ".student");
      final int d = shape[2];
      final int[] rows = visible(golden, tag, shape[0], shape[1]);
      final float[] gradient = new float[rows.length * d];
      final double value =
          distance.apply(
              pick(golden.floats(tag + ".student"), rows, d),
              pick(golden.floats(tag + ".teacher"), rows, d),
              rows.length,
              d,
              gradient);
      golden.check(tag + ".loss", value);
      final double[] all = new double[shape[0] * shape[1] * d]; // zero where masked
      for (int r = 0; r < rows.length; r++) {
        for (int c = 0; c < d; c++) {
          all[rows[r] * d + c] = gradient[r * d + c];
        }
      }
      golden.check(tag + ".gradient", all);
    }
  }

  /** Positions that the loss sees: those of its mask, or all if it has none. */
  private static int[] visible(GoldenCase golden, String tag, int batch, int n) {
    final List<Integer> rows = new ArrayList<>();
    for (int i = 0; i < batch * n; i++) {
      if (!golden.has(tag + ".mask") || golden.numbers(tag + ".mask")[i] != 0) {
        rows.add(i);
      }
    }
    return rows.stream().mapToInt(r -> r).toArray();
  }

  private static float[] pick(float[] values, int[] rows, int columns) {
    final float[] picked = new float[rows.length * columns];
    for (int r = 0; r < rows.length; r++) {
      System.arraycopy(values, rows[r] * columns, picked, r * columns, columns);
    }
    return picked;
  }

  static Stream<GoldenCase> attention() {
    return GoldenCase.named("distillation-attention");
  }

  @ParameterizedTest
  @MethodSource
  void attention(GoldenCase golden) {
    for (String tag : tags(golden)) {
      if (tag.equals("score-mse")) {
        scores(golden, tag);
      } else {
        relations(golden, tag);
      }
    }
  }

  /** Only visible scores are compared, but all places count in the mean. */
  private static void scores(GoldenCase golden, String tag) {
    final float[] student = golden.floats(tag + ".student");
    final float[] teacher = golden.floats(tag + ".teacher");
    final double masked = golden.parameter("mask_value").doubleValue() / 2;
    for (int i = 0; i < student.length; i++) {
      assertEquals(student[i] < masked, teacher[i] < masked);
      if (student[i] < masked) {
        student[i] = 0;
        teacher[i] = 0;
      }
    }
    final float[] gradient = new float[student.length];
    golden.check(
        tag + ".loss", AttentionDistillation.scores(student, teacher, student.length, gradient));
    golden.check(tag + ".gradient", gradient);
  }

  private static void relations(GoldenCase golden, String tag) {
    final int[] shape = golden.shape(tag + ".student");
    final boolean squares = tag.startsWith("attention");
    final Packing student = new Packing(golden, tag, shape, squares);
    final Packing teacher = new Packing(golden, tag, golden.shape(tag + ".teacher"), squares);
    final float[] s = student.pack(golden.floats(tag + ".student"));
    final float[] t = teacher.pack(golden.floats(tag + ".teacher"));
    final float[] gradient = new float[s.length];
    final int heads = shape[1];
    final double value =
        squares
            ? AttentionDistillation.attention(s, t, student.offsets, heads, gradient)
            : tag.startsWith("relation")
                ? AttentionDistillation.relations(s, t, student.offsets, heads, gradient)
                : AttentionDistillation.relationDirection(s, t, student.offsets, heads, gradient);
    golden.check(tag + ".loss", value);
    golden.check(tag + ".gradient", student.unpack(gradient));
  }

  /** Between [batch, heads, n, columns] with a mask, and what the losses take. */
  private static final class Packing {
    private final int heads;
    private final int n;
    private final int columns;
    private final boolean squares;
    private final int[] rows;
    final int[] offsets;

    Packing(GoldenCase golden, String tag, int[] shape, boolean squares) {
      this.heads = shape[1];
      this.n = shape[2];
      this.columns = shape[3];
      this.squares = squares;
      this.rows = visible(golden, tag, shape[0], n);
      this.offsets = new int[shape[0] + 1];
      for (int row : rows) {
        for (int s = row / n + 1; s < offsets.length; s++) {
          offsets[s]++;
        }
      }
    }

    private interface Move {
      void run(int packed, int padded);
    }

    private void each(Move move) {
      int at = 0;
      for (int s = 0; s < offsets.length - 1; s++) {
        final int length = offsets[s + 1] - offsets[s];
        for (int h = 0; h < heads; h++) {
          for (int i = 0; i < length; i++) {
            final int query = rows[offsets[s] + i] % n;
            final int row = ((s * heads + h) * n + query) * columns;
            for (int j = 0; j < (squares ? length : columns); j++) {
              final int column = squares ? rows[offsets[s] + j] % n : j;
              move.run(
                  squares
                      ? at + (h * length + i) * length + j
                      : ((offsets[s] + i) * heads + h) * columns + j,
                  row + column);
            }
          }
        }
        at += heads * length * length;
      }
    }

    float[] pack(float[] padded) {
      int size = 0;
      for (int s = 0; s < offsets.length - 1; s++) {
        final int length = offsets[s + 1] - offsets[s];
        size += heads * length * (squares ? length : columns);
      }
      final float[] packed = new float[size];
      each((to, from) -> packed[to] = padded[from]);
      return packed;
    }

    double[] unpack(float[] packed) {
      final double[] padded = new double[(offsets.length - 1) * heads * n * columns];
      each((from, to) -> padded[to] = packed[from]);
      return padded;
    }
  }
}
