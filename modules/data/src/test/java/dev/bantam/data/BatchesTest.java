package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Encoding;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BatchesTest {
  /** Example i has lengths[i] tokens, all with id i, label i and target i / 2. */
  private static List<TokenizedExample> examples(int... lengths) {
    final List<TokenizedExample> all = new ArrayList<>();
    for (int i = 0; i < lengths.length; i++) {
      final int[] ids = new int[lengths[i]];
      Arrays.fill(ids, i);
      all.add(new TokenizedExample(new Encoding(ids, new int[ids.length]), i, i / 2.0, "hash" + i));
    }
    return all;
  }

  private static List<TokenizedExample> random(int n) {
    return examples(new Random(3).ints(n, 3, 60).toArray());
  }

  private static List<Integer> order(Batches batches) {
    return IntStream.range(0, batches.size())
        .flatMap(b -> Arrays.stream(batches.rows(b)))
        .boxed()
        .toList();
  }

  private static void assertEachOnce(int n, Batches batches) {
    assertEquals(IntStream.range(0, n).boxed().toList(), order(batches).stream().sorted().toList());
  }

  @Test
  void budgetBatchesByHand() {
    final Batches batches = Batches.byTokenBudget(examples(5, 2, 3, 2, 9, 4), 8, 3);
    // by length: 1 and 3 (2 tokens each), 2 (3), 5 (4), 0 (5), 4 (9, over the budget alone)
    final int[][] expected = {{1, 3, 2}, {5}, {0}, {4}};
    assertEquals(expected.length, batches.size());
    for (int i = 0; i < expected.length; i++) {
      assertArrayEquals(expected[i], batches.rows(i), "batch " + i);
    }
    assertArrayEquals(
        new int[] {0, 1},
        Batches.byTokenBudget(examples(1, 1, 1), 100, 2).rows(0),
        "at most two sentences");
  }

  @Test
  void aBatchHoldsTokensLabelsAndTargetsOfItsRows() {
    final LabelledBatch batch = Batches.byTokenBudget(examples(3, 1), 10, 10).get(0);
    assertArrayEquals(new int[] {1, 0}, batch.rows());
    assertArrayEquals(new int[] {1, 0}, batch.labels());
    assertArrayEquals(new float[] {0.5f, 0f}, batch.targets());
    assertArrayEquals(new int[] {1, 0, 0, 0}, batch.batch().ids());
    assertArrayEquals(new int[] {0, 1, 4}, batch.batch().offsets());
  }

  @ParameterizedTest
  @CsvSource({"1, 64, 8", "997, 512, 32", "997, 1, 1", "500, 100000, 7", "0, 10, 10"})
  void budgetIsKeptAndNoBatchCouldTakeOneMore(int n, int maxTokens, int maxSentences) {
    final List<TokenizedExample> examples = random(n);
    final Batches batches = Batches.byTokenBudget(examples, maxTokens, maxSentences);
    assertEachOnce(n, batches);
    for (int b = 0; b < batches.size(); b++) {
      final int[] rows = batches.rows(b);
      final int tokens = Arrays.stream(rows).map(r -> examples.get(r).length()).sum();
      assertTrue(rows.length == 1 || tokens <= maxTokens, "batch " + b + ": " + tokens);
      assertTrue(rows.length <= maxSentences);
      if (b + 1 < batches.size()) {
        final int next = examples.get(batches.rows(b + 1)[0]).length();
        assertTrue(rows.length == maxSentences || tokens + next > maxTokens, "batch " + b);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 32", "31, 32", "32, 32", "33, 32", "3209, 32", "3209, 1", "7, 3"})
  void shuffledBatchesAreFullButForTheLast(int n, int batchSize) {
    final Batches batches = Batches.shuffled(random(n), batchSize, 1L, 0);
    assertEachOnce(n, batches);
    assertEquals((n + batchSize - 1) / batchSize, batches.size());
    for (int b = 0; b + 1 < batches.size(); b++) {
      assertEquals(batchSize, batches.rows(b).length);
    }
  }

  @Test
  void shuffleDependsOnSeedAndEpochOnly() {
    final List<TokenizedExample> examples = random(400);
    final List<Integer> first = order(Batches.shuffled(examples, 16, 1L, 0));
    assertEquals(first, order(Batches.shuffled(random(400), 16, 1L, 0)));
    assertNotEquals(first, order(Batches.shuffled(examples, 16, 1L, 1)));
    assertNotEquals(first, order(Batches.shuffled(examples, 16, 2L, 0)));
    // (1, 10) and (11, 0) must not run into each other
    assertNotEquals(
        order(Batches.shuffled(examples, 16, 1L, 10)),
        order(Batches.shuffled(examples, 16, 11L, 0)));
  }

  /** 50 batches of 32 of lengths 3 to 59, sorted: a batch spans about 57 / 50 lengths. */
  @Test
  void batchesHoldSimilarLengthsInRandomOrder() {
    final List<TokenizedExample> examples = random(3_200);
    final Batches batches = Batches.shuffled(examples, 32, 1L, 0);
    double widths = 0;
    int rising = 0;
    for (int b = 0; b < batches.size(); b++) {
      final int[] lengths =
          Arrays.stream(batches.rows(b)).map(r -> examples.get(r).length()).sorted().toArray();
      widths += lengths[lengths.length - 1] - lengths[0];
      if (b > 0 && lengths[0] >= examples.get(batches.rows(b - 1)[0]).length()) {
        rising++;
      }
    }
    assertTrue(widths / batches.size() < 3, "mean spread " + widths / batches.size());
    assertTrue(rising > 30 && rising < 70, rising + " of 99 steps go up");
  }

  /** Each position is equally likely to hold each of four examples: chi-square, 9 degrees. */
  @Test
  void shuffleIsUniform() {
    final List<TokenizedExample> examples = examples(1, 1, 1, 1);
    final int[][] counts = new int[4][4];
    final int draws = 4_000;
    for (int seed = 0; seed < draws; seed++) {
      final List<Integer> order = order(Batches.shuffled(examples, 1, seed, 0));
      for (int i = 0; i < 4; i++) {
        counts[i][order.get(i)]++;
      }
    }
    final double expected = draws / 4.0;
    final double chi2 =
        Arrays.stream(counts)
            .flatMapToInt(Arrays::stream)
            .mapToDouble(c -> (c - expected) * (c - expected) / expected)
            .sum();
    assertTrue(chi2 < 27.88, "chi-square " + chi2 + " (0.1 % point of 9 degrees: 27.88)");
  }

  @Test
  void refusesSizesBelowOne() {
    assertThrows(IllegalArgumentException.class, () -> Batches.byTokenBudget(examples(1), 0, 1));
    assertThrows(IllegalArgumentException.class, () -> Batches.shuffled(examples(1), 0, 1L, 0));
  }
}
