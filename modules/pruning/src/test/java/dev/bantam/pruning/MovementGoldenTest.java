package dev.bantam.pruning;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.pruning.MovementLinear.Rule;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Masks, gradients and steps against nn_pruning at 0cef2b2435d5, and scores of sparseml 1.8.0. */
class MovementGoldenTest {
  static List<Path> cases() {
    return Stream.concat(
            GoldenCase.folders("pruning", "movement-soft").stream(),
            GoldenCase.folders("pruning", "movement-topK").stream())
        .toList();
  }

  private static void check(GoldenCase golden, String name, float[] got) {
    final double[] expected = golden.doubles("out." + name);
    assertEquals(expected.length, got.length, name);
    final JsonNode tolerance = golden.tolerance(name);
    for (int i = 0; i < got.length; i++) {
      final double allowed =
          tolerance.path("abs").asDouble()
              + tolerance.path("rel").asDouble() * Math.abs(expected[i]);
      assertEquals(expected[i], got[i], allowed, name + " at " + i);
    }
  }

  private static void descend(INDArray tensor, float[] gradient, double rate) {
    final float[] values = Floats.toArray(tensor);
    for (int i = 0; i < values.length; i++) {
      values[i] -= (float) (rate * gradient[i]);
    }
    Floats.of(tensor).write(0, values, 0, values.length);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyStepOfACase(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final JsonNode p = golden.parameters();
      final int outputs = (int) golden.shape("in.w")[0];
      final int inputs = (int) golden.shape("in.w")[1];
      final int samples = (int) golden.shape("in.x")[0];
      final INDArray w = Floats.tensor(golden.floats("in.w"), outputs, inputs);
      final Floats x = Floats.of(Floats.tensor(golden.floats("in.x"), samples, inputs));
      final float[] target = golden.floats("in.target");
      final double lambda = p.path("lambda_l1").asDouble();
      final boolean soft = p.path("method").asText().equals("sigmoied_threshold");
      final MovementLinear operator =
          new MovementLinear(
              w,
              Arithmetic.all(outputs * inputs),
              p.path("block").get(0).asInt(),
              p.path("block").get(1).asInt());
      final int blocks = operator.blocks();
      final Floats ofScores = Floats.zeros(operator.scores().size(0), operator.scores().size(1));
      final JsonNode thresholds = p.path("thresholds");
      for (int step = 0; step < thresholds.size(); step++) {
        final double threshold = thresholds.get(step).asDouble();
        operator.rule(soft ? Rule.above(threshold) : Rule.highest((int) (threshold * blocks)));
        operator.measure();
        operator.prepare(0, outputs, true);
        final byte[] mask = golden.bytes("out.mask_" + step);
        for (int i = 0; i < mask.length; i++) {
          assertEquals(mask[i] != 0, operator.keeps(i / inputs, i % inputs), step + ": " + i);
        }
        check(golden, "scores_" + step, Floats.toArray(operator.scores()));
        final Floats y = Floats.zeros(samples, outputs);
        operator.forward(new Matrix(x, 0, inputs), samples, new Matrix(y, 0, outputs), 0, outputs);
        final float[] error = Floats.toArray(y.array());
        double loss = 0;
        for (int i = 0; i < error.length; i++) {
          error[i] -= target[i];
          loss += 0.5 * error[i] * error[i] / samples;
          error[i] /= samples;
        }
        final Floats gradient = Floats.zeros(outputs, inputs);
        operator.backwardWeight(
            new Matrix(x, 0, inputs),
            new Matrix(Floats.of(Floats.tensor(error, samples, outputs)), 0, outputs),
            samples,
            gradient,
            0,
            outputs,
            new double[0][]);
        for (int row = 0; row < operator.blockRows(); row++) {
          loss += operator.gradients(gradient, ofScores, lambda / blocks, row, row + 1);
        }
        assertEquals(golden.expected().path("loss_" + step).asDouble(), loss, 2e-5 * loss);
        check(golden, "score_grad_" + step, Floats.toArray(ofScores.array()));
        check(golden, "w_grad_" + step, Floats.toArray(gradient.array()));
        descend(w, Floats.toArray(gradient.array()), p.path("lr_w").asDouble());
        descend(
            operator.scores(), Floats.toArray(ofScores.array()), p.path("lr_scores").asDouble());
      }
      assertTrue(thresholds.size() > 0);
      check(golden, "w_final", Floats.toArray(w));
      check(golden, "scores_final", Floats.toArray(operator.scores()));
      final float[] left = Floats.toArray(w);
      try (Workers workers = new Workers(2)) {
        operator.apply(workers);
      }
      final float[] applied = Floats.toArray(w);
      for (int i = 0; i < left.length; i++) {
        assertEquals(operator.keeps(i / inputs, i % inputs) ? left[i] : 0f, applied[i]);
      }
      operator.close();
    }
  }

  @Test
  void scoresAddUpAsInSparseml() {
    try (GoldenCase golden =
        new GoldenCase(GoldenCase.folders("pruning", "movement-sparseml").get(0))) {
      final int rows = (int) golden.shape("in.w")[0];
      final int columns = (int) golden.shape("in.w")[1];
      final INDArray w = Floats.tensor(golden.floats("in.w"), rows, columns);
      final float[] all = golden.floats("in.grads");
      final MovementLinear operator = new MovementLinear(w, Arithmetic.all(rows * columns), 1, 1);
      final Floats ofScores = Floats.zeros(rows, columns);
      for (int from = 0; from < all.length; from += rows * columns) {
        final float[] g = Arrays.copyOfRange(all, from, from + rows * columns);
        operator.gradients(
            Floats.of(Floats.tensor(g.clone(), rows, columns)), ofScores, 0, 0, rows);
        descend(operator.scores(), Floats.toArray(ofScores.array()), 0.01);
        descend(w, g, 0.1);
      }
      final float[] expected = golden.floats("out.scores");
      final float[] got = Floats.toArray(operator.scores());
      for (int i = 0; i < got.length; i++) {
        assertEquals(expected[i], got[i], 1e-8 + 1e-5 * Math.abs(expected[i]));
      }
    }
  }

  /** A weight that is gone for good has no part in scores, counts as removed, and stays zero. */
  @Test
  void whatIsGoneStaysGone() {
    final INDArray w = Floats.tensor(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 2, 4);
    final boolean[] kept = {true, true, false, false, true, false, true, true};
    final MovementLinear operator = new MovementLinear(w, kept, 1, 2);
    operator.rule(Rule.highest(3));
    operator.measure();
    final Floats ofScores = Floats.zeros(2, 2);
    final Floats g = Floats.of(Floats.tensor(new float[] {1, 1, 1, 1, 1, 1, 1, 1}, 2, 4));
    operator.gradients(g, ofScores, 0, 0, 2);
    assertArrayEquals(new float[] {3, 0, 5, 15}, Floats.toArray(ofScores.array()));
    assertArrayEquals(new float[] {1, 1, 0, 0, 1, 0, 1, 1}, Floats.toArray(g.array()));
    operator.rule(Rule.highest(4));
    try (Workers workers = new Workers(1)) {
      operator.apply(workers);
    }
    assertArrayEquals(new float[] {1, 2, 0, 0, 5, 0, 7, 8}, Floats.toArray(w));
  }

  @ParameterizedTest
  @CsvSource({"1,1", "1,0", "7,3", "1000,1", "1000,499", "1000,1000", "70000,12345"})
  void theHighestAreMarked(int n, int count) {
    final Random random = new Random(n + count);
    final float[] scores = new float[n];
    for (int i = 0; i < n; i++) {
      // ties, both signs, both zeros, far apart
      scores[i] = (float) Math.rint(4 * random.nextGaussian()) * (i % 3 == 0 ? 1e-30f : 1f);
    }
    scores[0] = n > 5 ? Float.NEGATIVE_INFINITY : scores[0];
    final boolean[] expected = new boolean[n];
    IntStream.range(0, n)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -(scores[i] + 0f)))
        .limit(count)
        .forEach(i -> expected[i] = true);
    final boolean[] got = new boolean[n];
    HighestScores.mark(scores, count, got);
    assertArrayEquals(expected, got);
  }
}
