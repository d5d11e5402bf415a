package dev.bantam.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.model.Loss;
import dev.bantam.training.DistillationLosses.Reduction;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Every loss against differences in double. Inputs are multiples of 2^-6 and steps powers of two,
 * so that the moved float32 inputs are exact; what is left is the rounding of the gradient to
 * float.
 */
class LossGradientTest {
  private static final int ROWS = 6;
  private static final int COLUMNS = 4;
  private static final int[] OFFSETS = {0, 1, 4, 6};
  private static final int HEADS = 2;
  private static final int SQUARES = HEADS * (1 + 9 + 4);
  private static final double STEP = 1.0 / 1024;

  private interface Value {
    double at(float[] x, float[] gradient);
  }

  private static float[] random(int n, long seed) {
    final Random random = new Random(seed);
    final float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = Math.round(random.nextGaussian() * 64) / 64f;
    }
    return x;
  }

  private static Value of(Loss loss) {
    return (x, gradient) -> loss.apply(x, ROWS, COLUMNS, gradient);
  }

  private static Value of(HiddenDistillation.Distance distance) {
    final float[] teacher = random(ROWS * COLUMNS, 2);
    return (x, gradient) -> distance.apply(x, teacher, ROWS, COLUMNS, gradient);
  }

  private static Map<String, Value> losses() {
    final float[] teacher = random(ROWS * COLUMNS, 3);
    final float[] wide = random(ROWS * 6, 4);
    final float[] squares = random(SQUARES, 5);
    final float[] targets = new float[ROWS * COLUMNS];
    for (int i = 0; i < targets.length; i++) {
      targets[i] = i % 3 == 0 ? 1 : 0;
    }
    final int[] labels = {0, 3, -100, 1, 2, 2};
    final Map<String, Value> losses = new LinkedHashMap<>();
    losses.put("cross-entropy", of(Losses.crossEntropy(labels)));
    losses.put("smoothed", of(Losses.crossEntropy(labels, -100, 0.2)));
    losses.put("binary", of(Losses.binaryCrossEntropy(targets)));
    losses.put("mse", of(Losses.meanSquaredError(teacher)));
    losses.put("divergence 1", of(DistillationLosses.divergence(teacher, 1)));
    losses.put("divergence 5.5", of(DistillationLosses.divergence(teacher, 5.5, Reduction.MEAN)));
    losses.put("soft", of(DistillationLosses.softCrossEntropy(teacher, Reduction.MEAN)));
    losses.put(
        "combined",
        of(
            DistillationLosses.combined(
                0.3, Losses.crossEntropy(labels), DistillationLosses.divergence(teacher, 2))));
    losses.put("hidden mse", of(HiddenDistillation::meanSquaredError));
    losses.put("hidden cosine", of(HiddenDistillation::cosine));
    losses.put("hidden normalised", of(HiddenDistillation::normalisedSquaredError));
    losses.put("hidden direction", of(HiddenDistillation::direction));
    losses.put("relations", (x, g) -> AttentionDistillation.relations(x, wide, OFFSETS, HEADS, g));
    losses.put(
        "relation direction",
        (x, g) -> AttentionDistillation.relationDirection(x, wide, OFFSETS, HEADS, g));
    losses.put(
        "attention", (x, g) -> AttentionDistillation.attention(x, squares, OFFSETS, HEADS, g));
    losses.put("scores", (x, g) -> AttentionDistillation.scores(x, squares, 77, g));
    return losses;
  }

  @Test
  void everyGradient() {
    assertEquals(16, losses().size());
    losses()
        .forEach(
            (name, loss) -> {
              final boolean square = name.equals("attention") || name.equals("scores");
              final float[] x = random(square ? SQUARES : ROWS * COLUMNS, 6);
              final float[] gradient = new float[x.length];
              loss.at(x, gradient);
              double largest = 0;
              double worst = 0;
              for (int i = 0; i < x.length; i++) {
                final double near = moved(loss, x, i, STEP) - moved(loss, x, i, -STEP);
                final double far = moved(loss, x, i, 2 * STEP) - moved(loss, x, i, -2 * STEP);
                final double difference = (8 * near - far) / (12 * STEP);
                largest = Math.max(largest, Math.abs(difference));
                worst = Math.max(worst, Math.abs(difference - gradient[i]));
              }
              assertTrue(largest > 1e-3, name + " has no gradient");
              assertTrue(worst < 1e-6 * largest, name + ": off by " + worst + " of " + largest);
            });
  }

  private static double moved(Value loss, float[] x, int i, double step) {
    final float[] y = x.clone();
    y[i] += (float) step;
    return loss.at(y, new float[x.length]);
  }

  /** Student = teacher: loss and gradient 0 for each distance, the entropy for soft labels. */
  @Test
  void identity() {
    final float[] x = random(ROWS * COLUMNS, 9);
    final float[] squares = random(SQUARES, 9);
    final float[] g = new float[x.length];
    final float[] gs = new float[squares.length];
    final Map<String, Double> values = new LinkedHashMap<>();
    final DistillationDistances all = new DistillationDistances(values, g);
    all.add("kl", DistillationLosses.divergence(x, 2).apply(x, ROWS, COLUMNS, g));
    all.add("mse", HiddenDistillation.meanSquaredError(x, x, ROWS, COLUMNS, g));
    all.add("cosine", HiddenDistillation.cosine(x, x, ROWS, COLUMNS, g));
    all.add("normalised", HiddenDistillation.normalisedSquaredError(x, x, ROWS, COLUMNS, g));
    all.add("direction", HiddenDistillation.direction(x, x, ROWS, COLUMNS, g));
    all.add("relations", AttentionDistillation.relations(x, x, OFFSETS, HEADS, g));
    all.add("dmd", AttentionDistillation.relationDirection(x, x, OFFSETS, HEADS, g));
    assertEquals(0, AttentionDistillation.attention(squares, squares, OFFSETS, HEADS, gs), 1e-12);
    assertEquals(7, values.size());
  }

  /** Collects values that must be 0 with gradients that must be 0. */
  private record DistillationDistances(Map<String, Double> values, float[] gradient) {
    void add(String name, double value) {
      values.put(name, value);
      assertEquals(0, value, 1e-11, name);
      for (float g : gradient) {
        assertEquals(0f, g, 1e-7f, name);
      }
      java.util.Arrays.fill(gradient, 9f);
    }
  }

  /** The numbers of the card: normalised 9/25, direction of a multiple 0, and degenerate inputs. */
  @Test
  void cardNumbers() {
    final float[] t = {3, 4};
    final float[] g = new float[2];
    assertEquals(
        0.36, HiddenDistillation.normalisedSquaredError(new float[] {0, 4}, t, 1, 2, g), 1e-12);
    assertEquals(0, HiddenDistillation.direction(new float[] {21, 28}, t, 1, 2, g), 1e-12);
    assertEquals(1, HiddenDistillation.direction(new float[2], t, 1, 2, g), 1e-12);
    assertEquals(0f, g[0]);
    assertEquals(1, HiddenDistillation.cosine(new float[2], t, 1, 2, g), 1e-12);
    assertTrue(Float.isFinite(g[0]));
  }

  @Test
  void shapesMustFit() {
    final String[] messages = {
      org.junit.jupiter.api.Assertions.assertThrows(
              IllegalArgumentException.class,
              () -> HiddenDistillation.cosine(new float[6], new float[5], 2, 3, new float[6]))
          .getMessage(),
      org.junit.jupiter.api.Assertions.assertThrows(
              IllegalArgumentException.class,
              () ->
                  AttentionDistillation.relations(
                      new float[18], new float[24], OFFSETS, 2, new float[18]))
          .getMessage()
    };
    assertTrue(messages[0].contains("5 teacher values"), messages[0]);
    assertTrue(messages[1].contains("2 heads"), messages[1]);
  }
}
