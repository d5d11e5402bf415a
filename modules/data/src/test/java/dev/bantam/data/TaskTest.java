package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Head;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TaskTest {
  private static final Provenance NOWHERE = new Provenance("made up", "none", "");

  private static List<Example> numbered(int n) {
    return IntStream.range(0, n).mapToObj(i -> Example.labelled("text " + i, i % 2)).toList();
  }

  private static Task task(TaskKind kind, List<String> labels, List<Example> train) {
    return new Task(
        "t", kind, labels, kind.metrics().get(0), NOWHERE, train, train.subList(0, 1), List.of());
  }

  @Test
  void tuneIsCutByHashAndOrderIsKept() {
    final List<Example> file = numbered(2_000);
    final Task task = task(TaskKind.CLASSIFICATION, List.of("a", "b"), file);
    final List<Example> tune = new ArrayList<>();
    final List<Example> train = new ArrayList<>();
    for (Example e : file) {
      final long first32 = Long.parseLong(StableHash.sha256("tune" + e.text()).substring(0, 8), 16);
      (10 * first32 < 1L << 32 ? tune : train).add(e);
    }
    assertEquals(tune, task.examples(Split.TUNE));
    assertEquals(train, task.examples(Split.TRAIN));
    assertTrue(tune.size() > 150 && tune.size() < 250, "about a tenth, was " + tune.size());
    assertEquals(List.of(), task.examples(Split.TEST));
    assertFalse(task.isPair());
    assertEquals(new Head(Head.Kind.SINGLE_LABEL, List.of("a", "b")), task.head().orElseThrow());
  }

  @Test
  void theTextOfAPairIsBothJoinedByATab() {
    final Example pair = Example.labelled("one", "two", 0);
    assertEquals("one\ttwo", pair.joined());
    assertEquals("one", Example.labelled("one", 0).joined());
    assertTrue(task(TaskKind.CLASSIFICATION, List.of("a", "b"), List.of(pair)).isPair());
  }

  @Test
  void selectTakesTheSmallestHashesInFileOrder() {
    final List<Example> train = numbered(300);
    final List<Example> selected = Examples.select(train, 40, 7L);
    assertEquals(40, selected.size());
    final double worst =
        selected.stream()
            .mapToDouble(e -> StableHash.fraction("ex7" + e.text()))
            .max()
            .orElseThrow();
    assertEquals(
        40, train.stream().filter(e -> StableHash.fraction("ex7" + e.text()) <= worst).count());
    assertEquals(train.stream().filter(selected::contains).toList(), selected);
    assertNotEquals(selected, Examples.select(train, 40, 8L));
    assertEquals(train, Examples.select(train, 300, 7L));
  }

  @Test
  void repeatedTextsAreTakenFromTheFront() {
    final List<Example> train = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      train.add(Example.labelled("same", i));
    }
    assertEquals(train.subList(0, 3), Examples.select(train, 3, 1L));
  }

  @Test
  void selectingMoreThanThereIsSaysHowManyThereAre() {
    final BantamException e =
        assertThrows(BantamException.class, () -> Examples.select(numbered(10), 11, 1L));
    assertEquals(ExitCode.BAD_FILE, e.exitCode());
    assertTrue(e.getMessage().contains("11") && e.getMessage().contains("10"), e.getMessage());
  }

  @Test
  void fingerprintSeesTextsLabelsOrderAndBoundaries() {
    final Example ab = Example.labelled("a", "b", 0);
    final String hash = Examples.sha256(List.of(ab));
    assertEquals(hash, Examples.sha256(List.of(Example.labelled("a", "b", 0))));
    assertNotEquals(hash, Examples.sha256(List.of(Example.labelled("ab", 0))));
    assertNotEquals(hash, Examples.sha256(List.of(Example.labelled("a", "b", 1))));
    assertNotEquals(
        Examples.sha256(List.of(Example.scored("a", 1), Example.scored("b", 1))),
        Examples.sha256(List.of(Example.scored("b", 1), Example.scored("a", 1))));
  }

  @Test
  void aTaskWithNothingToTrainOnIsRefused() {
    final Example tune = numbered(100).stream().filter(Examples::isTune).findFirst().orElseThrow();
    final BantamException e =
        assertThrows(
            BantamException.class,
            () -> task(TaskKind.CLASSIFICATION, List.of("a", "b"), List.of(tune)));
    assertTrue(e.getMessage().contains("0 examples to train on, 1 set aside"), e.getMessage());
  }

  @Test
  void labelsMustFitTheKind() {
    final List<Example> rows = List.of(Example.labelled("text 1", 3));
    assertThrows(
        IllegalArgumentException.class,
        () -> task(TaskKind.CLASSIFICATION, List.of("a", "b"), rows));
    assertThrows(
        IllegalArgumentException.class, () -> task(TaskKind.REGRESSION, List.of("score"), rows));
    assertThrows(
        IllegalArgumentException.class,
        () -> task(TaskKind.CLASSIFICATION, List.of("a", "a"), numbered(9)));
    final Task sets = task(TaskKind.MULTI_LABEL, List.of("a", "b"), rows); // {a, b}
    assertEquals(3, sets.examples(Split.TRAIN).get(0).label());
  }

  @Test
  void singleTextsAndPairsDoNotMix() {
    final List<Example> mixed =
        List.of(Example.labelled("text 0", 0), Example.labelled("text 1", "and 2", 0));
    assertThrows(
        IllegalArgumentException.class,
        () -> task(TaskKind.CLASSIFICATION, List.of("a", "b"), mixed));
  }

  @Test
  void kindsWithoutLabelsTakeExamplesWithoutLabels() {
    final List<Example> single = List.of(Example.unlabelled("text 1"));
    final List<Example> pairs = List.of(Example.unlabelled("text 1", "and 2"));
    assertTrue(task(TaskKind.EMBED, List.of(), single).head().isEmpty());
    assertTrue(task(TaskKind.RETRIEVAL, List.of(), pairs).isPair());
    for (TaskKind kind : List.of(TaskKind.EMBED, TaskKind.RETRIEVAL)) {
      final List<Example> other = kind == TaskKind.EMBED ? pairs : single;
      final List<Example> labelled = List.of(Example.labelled("text 1", "and 2", 0));
      assertThrows(IllegalArgumentException.class, () -> task(kind, List.of(), other));
      assertThrows(IllegalArgumentException.class, () -> task(kind, List.of(), labelled));
      assertThrows(IllegalArgumentException.class, () -> task(kind, List.of("a"), single));
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> task(TaskKind.CLASSIFICATION, List.of("a", "b"), single));
    assertThrows(
        IllegalArgumentException.class, () -> task(TaskKind.REGRESSION, List.of("x"), single));
    final BantamException e =
        assertThrows(
            BantamException.class, () -> task(TaskKind.EMBED, List.of(), single).requireHead());
    assertEquals(ExitCode.BAD_FILE, e.exitCode());
    assertTrue(e.getMessage().contains("has no labels"), e.getMessage());
  }

  @Test
  void anExampleHasALabelOrATarget() {
    assertThrows(IllegalArgumentException.class, () -> new Example("x", "", 1, 2.0));
    assertThrows(IllegalArgumentException.class, () -> new Example("x", "", -1, Double.NaN));
    assertThrows(IllegalArgumentException.class, () -> Example.labelled(" ", 0));
  }
}
