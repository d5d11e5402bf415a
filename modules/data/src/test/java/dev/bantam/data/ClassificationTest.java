package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.data.Classification.Average;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Against scikit-learn 1.9.1 (see case.json beside the rows) and against the definitions. */
class ClassificationTest {
  private static final String ROWS = "/metrics/classification/rows.jsonl";
  private static final double TOLERANCE = 1e-12; // of case.json: rational numbers

  static List<GoldenRow> singleLabelRows() throws IOException {
    return GoldenRow.read(ROWS).stream()
        .filter(r -> !r.input().has("labels") && r.input().get("gold").get(0).isInt())
        .toList();
  }

  private static GoldenRow row(String name) throws IOException {
    return GoldenRow.read(ROWS).stream()
        .filter(r -> r.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void everyRowOfTheGoldenFileIsUsed() throws IOException {
    assertEquals(29, GoldenRow.read(ROWS).size());
    assertEquals(27, singleLabelRows().size()); // the other two have a test of their own
  }

  @ParameterizedTest
  @MethodSource("singleLabelRows")
  void matchesScikitLearn(GoldenRow row) {
    final int[] gold = row.ints("gold");
    final int[] predicted = row.ints("predicted");
    check(row, "accuracy", Classification.accuracy(gold, predicted));
    check(row, "mcc", Classification.mcc(gold, predicted));
    check(row, "f1_macro", Classification.f1(gold, predicted, Average.MACRO));
    check(row, "f1_micro", Classification.f1(gold, predicted, Average.MICRO));
    check(row, "f1_weighted", Classification.f1(gold, predicted, Average.WEIGHTED));
    if (row.expects("f1_binary")) {
      check(row, "f1_binary", Classification.f1(gold, predicted));
    }
  }

  @Test
  void binaryF1IsAmongTheGoldenValues() throws IOException {
    assertTrue(singleLabelRows().stream().filter(r -> r.expects("f1_binary")).count() >= 7);
  }

  @Test
  void listedClassesThatDoNotOccurCountAsZero() throws IOException {
    final GoldenRow row = row("fixed label list");
    final int[] gold = row.ints("gold");
    final int[] predicted = row.ints("predicted");
    check(
        row,
        "f1_macro_with_labels",
        Classification.f1(gold, predicted, Average.MACRO, row.ints("labels")));
    check(row, "f1_macro", Classification.f1(gold, predicted, Average.MACRO));
  }

  @Test
  void setsOfClasses() throws IOException {
    final GoldenRow row = row("multi-label");
    final int[] gold = row.bitSets("gold");
    final int[] predicted = row.bitSets("predicted");
    check(row, "subset_accuracy", Classification.accuracy(gold, predicted));
    check(row, "f1_macro", Classification.f1MultiLabel(gold, predicted, Average.MACRO, 4));
    check(row, "f1_micro", Classification.f1MultiLabel(gold, predicted, Average.MICRO, 4));
    check(row, "f1_weighted", Classification.f1MultiLabel(gold, predicted, Average.WEIGHTED, 4));
  }

  /** TP 4, TN 3, FP 1, FN 2 by hand: MCC = 10 / sqrt(600), F1 = 8 / 11. */
  @Test
  void handCase() {
    final int[] gold = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
    final int[] predicted = {1, 1, 1, 1, 0, 0, 1, 0, 0, 0};
    assertEquals(10 / Math.sqrt(600), Classification.mcc(gold, predicted), 1e-15);
    assertEquals(0.408248, Classification.mcc(gold, predicted), 5e-7);
    assertEquals(8.0 / 11, Classification.f1(gold, predicted), 1e-15);
    assertEquals(0.7, Classification.accuracy(gold, predicted), 1e-15);
  }

  /** For two classes the general formula is the one of 2 x 2 tables. */
  @Test
  void mccOfTwoClassesIsTheFourCellFormula() {
    final Random random = new Random(5);
    for (int n = 1; n <= 200; n++) {
      final int[] gold = random.ints(n, 0, 2).toArray();
      final int[] predicted = random.ints(n, 0, 2).toArray();
      final double[][] cells = new double[2][2];
      for (int i = 0; i < n; i++) {
        cells[gold[i]][predicted[i]]++;
      }
      final double tp = cells[1][1];
      final double tn = cells[0][0];
      final double fp = cells[0][1];
      final double fn = cells[1][0];
      final double root = Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
      final double expected = root == 0 ? 0 : (tp * tn - fp * fn) / root;
      assertEquals(expected, Classification.mcc(gold, predicted), 1e-12, "n = " + n);
    }
  }

  @Test
  void refusesUnequalOrEmptyInput() {
    final IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> Classification.accuracy(new int[3], new int[2]));
    assertTrue(e.getMessage().contains("3 gold, 2 predicted"), e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> Classification.mcc(new int[0], new int[0]));
  }

  private static void check(GoldenRow row, String field, double actual) {
    assertEquals(row.expectedDouble(field), actual, TOLERANCE, row.name() + ": " + field);
  }
}
