package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class ScoresTest {
  @Test
  void metricsComeInTheOrderOfTheKind() {
    final int[] gold = {0, 1, 1};
    final double[] numbers = {0, 1, 3};
    assertEquals(TaskKind.CLASSIFICATION.metrics(), metrics(Scores.classification(gold, gold, 2)));
    assertEquals(TaskKind.MULTI_LABEL.metrics(), metrics(Scores.multiLabel(gold, gold, 2)));
    assertEquals(TaskKind.REGRESSION.metrics(), metrics(Scores.regression(numbers, numbers)));
  }

  @Test
  void f1IsOfClassOneForTwoClassesAndMacroForMore() {
    final int[] gold = {0, 0, 0, 1};
    final int[] predicted = {0, 0, 1, 1};
    // class 0: 2 TP, 1 FN: 4/5; class 1: 1 TP, 1 FP: 2/3
    assertEquals(2.0 / 3, Scores.classification(gold, predicted, 2).get(1).value(), 1e-15);
    assertEquals(
        (4.0 / 5 + 2.0 / 3) / 2, Scores.classification(gold, predicted, 3).get(1).value(), 1e-15);
  }

  @Test
  void aConstantPredictionScoresZeroAndSaysSo() {
    final List<Score> scores =
        Scores.regression(new double[] {1, 2, 3}, new double[] {0.0, -0.0, 0.0});
    assertEquals(2, scores.size());
    for (Score score : scores) {
      assertEquals(0, score.value());
      assertFalse(score.isDefined());
      assertEquals("all predictions are the same", score.note());
    }
    final Score mcc = Scores.classification(new int[] {0, 1}, new int[] {1, 1}, 2).get(2);
    assertEquals(0, mcc.value());
    assertEquals("all predictions are the same", mcc.note());
  }

  @Test
  void otherUndefinedCasesSayWhy() {
    final double[] numbers = {1, 2};
    assertEquals(
        "all gold values are the same",
        Scores.regression(new double[] {4, 4}, numbers).get(0).note());
    assertEquals(
        "a prediction is not a finite number",
        Scores.regression(numbers, new double[] {1, Double.NaN}).get(1).note());
    assertEquals(
        "fewer than two examples",
        Scores.regression(new double[] {1}, new double[] {1}).get(0).note());
    assertTrue(Scores.regression(numbers, numbers).get(0).isDefined());
  }

  @Test
  void refusesClassesOutsideTheTask() {
    final IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> Scores.classification(new int[] {0}, new int[] {2}, 2));
    assertEquals("Class 2 of 2", e.getMessage());
  }

  private static List<Metric> metrics(List<Score> scores) {
    return scores.stream().map(Score::metric).toList();
  }
}
