package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Cosines, retrieval and fidelity against double loops over the definition, and by hand. */
class SentenceVectorsTest {
  private static final Workers ONE = new Workers(1);
  private static final Workers THREE = new Workers(3);

  @AfterAll
  static void close() {
    ONE.close();
    THREE.close();
  }

  private static float[] random(int n, int width, long seed) {
    final Random random = new Random(seed);
    final float[] values = new float[n * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.3 + random.nextGaussian());
    }
    return values;
  }

  private static double cosine(float[] a, int i, float[] b, int j, int width) {
    double product = 0;
    double first = 0;
    double second = 0;
    for (int k = 0; k < width; k++) {
      product += (double) a[i * width + k] * b[j * width + k];
      first += (double) a[i * width + k] * a[i * width + k];
      second += (double) b[j * width + k] * b[j * width + k];
    }
    return product / Math.sqrt(first) / Math.sqrt(second);
  }

  private static double value(List<Score> scores, Metric metric) {
    return scores.stream().filter(s -> s.metric() == metric).findFirst().orElseThrow().value();
  }

  @ParameterizedTest
  @CsvSource({"1,1,3", "2,5,1", "7,300,16", "300,7,17", "523,611,40", "3,5000,384"})
  void everyCosineIsThere(int n, int m, int width) {
    final float[] left = random(n, width, 1);
    final float[] right = random(m, width, 2);
    final float[] all = new float[n * m];
    SentenceVectors.of(left, width)
        .cosines(
            SentenceVectors.of(right, width),
            THREE,
            (text, cosines, from) -> System.arraycopy(cosines, from, all, text * m, m));
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < m; j++) {
        assertEquals(cosine(left, i, right, j, width), all[i * m + j], 2e-6, i + ", " + j);
      }
    }
    final float[] alone = new float[n * m];
    SentenceVectors.of(left, width)
        .cosines(
            SentenceVectors.of(right, width),
            ONE,
            (text, cosines, from) -> System.arraycopy(cosines, from, alone, text * m, m));
    assertArrayEquals(all, alone);
  }

  @Test
  void aVectorHasTheCosineOneWithItselfExactly() {
    final SentenceVectors vectors = SentenceVectors.of(random(1_000, 7, 3), 7);
    for (int i = 0; i < vectors.size(); i++) {
      assertEquals(1.0, vectors.cosine(i, vectors, i));
    }
    final SentenceVectors nothing = SentenceVectors.of(new float[14], 7);
    assertEquals(0.0, nothing.cosine(0, nothing, 1));
  }

  @Test
  void onlyNumbersAreFinite() {
    assertTrue(SentenceVectors.of(new float[] {1, -2}, 1).areFinite());
    assertFalse(SentenceVectors.of(new float[] {1, Float.NaN}, 1).areFinite());
    assertFalse(SentenceVectors.of(new float[] {Float.NEGATIVE_INFINITY, 1}, 2).areFinite());
    assertThrows(
        IllegalArgumentException.class, () -> SentenceVectors.of(new float[] {1, 2, 3}, 2));
  }

  /**
   * Three queries and documents in the plane, by hand. Query 0 points at its document: rank 1.
   * Query 1 at 90 degrees; its document at 60, another at 90: rank 2. Query 2 at 45 degrees; its
   * document at 0 degrees, those at 60 and 90 degrees are at 15 and 45: rank 3, the equal one
   * first.
   */
  @Test
  void retrievalByHand() {
    final float third = (float) Math.sqrt(3);
    final SentenceVectors vectors =
        SentenceVectors.of(
            new float[] {
              0, 2, /**/ 0, 5, // query and document 0
              0, 1, /**/ 1, third, // 1
              3, 3, /**/ 4, 0 // 2
            },
            2);
    final List<Score> scores = Retrieval.scores(vectors, ONE);
    assertEquals((1 + 1 / 2.0 + 1 / 3.0) / 3, value(scores, Metric.MRR), 1e-12);
    assertEquals(1.0, value(scores, Metric.RECALL10));
  }

  @Test
  void ranksBeyondTenDoNotCount() {
    final int n = 12;
    final float[] values = new float[4 * n];
    for (int i = 0; i < n; i++) {
      values[4 * i] = 1; // every query the same; document i at an angle of i / 20
      values[4 * i + 2] = (float) Math.cos(i / 20.0);
      values[4 * i + 3] = (float) Math.sin(i / 20.0);
    }
    final List<Score> scores = Retrieval.scores(SentenceVectors.of(values, 2), THREE);
    double mrr = 0;
    for (int rank = 1; rank <= 10; rank++) {
      mrr += 1.0 / rank / n;
    }
    assertEquals(mrr, value(scores, Metric.MRR), 1e-12);
    assertEquals(10.0 / n, value(scores, Metric.RECALL10), 1e-12);
  }

  /** A model that gives every text the same vector has found nothing. */
  @Test
  void tiesCountAgainstTheModel() {
    final float[] same = new float[2 * 11 * 4];
    java.util.Arrays.fill(same, 0.5f);
    final List<Score> scores = Retrieval.scores(SentenceVectors.of(same, 4), ONE);
    assertEquals(0.0, value(scores, Metric.MRR));
    assertEquals(0.0, value(scores, Metric.RECALL10));
  }

  @Test
  void retrievalAgainstSorting() {
    final int n = 400;
    final int width = 24;
    final float[] values = random(2 * n, width, 5);
    final Random random = new Random(6);
    for (int i = 0; i < n; i++) { // documents near their queries
      for (int k = 0; k < width; k++) {
        values[(2 * i + 1) * width + k] =
            values[2 * i * width + k] + (float) (2 * random.nextGaussian());
      }
    }
    double mrr = 0;
    double recall = 0;
    for (int i = 0; i < n; i++) {
      final int query = 2 * i;
      final List<Integer> order = new ArrayList<>();
      for (int j = 0; j < n; j++) {
        order.add(j);
      }
      order.sort(Comparator.comparingDouble(j -> -cosine(values, query, values, 2 * j + 1, width)));
      final int rank = order.indexOf(i) + 1;
      mrr += rank <= 10 ? 1.0 / rank : 0;
      recall += rank <= 10 ? 1 : 0;
    }
    assertTrue(recall > 0.3 * n && recall < 0.95 * n, "a case that tells: " + recall);
    final SentenceVectors vectors = SentenceVectors.of(values, width);
    assertEquals(mrr / n, value(Retrieval.scores(vectors, ONE), Metric.MRR), 1e-12);
    assertEquals(recall / n, value(Retrieval.scores(vectors, ONE), Metric.RECALL10), 1e-12);
    assertEquals(Retrieval.scores(vectors, ONE), Retrieval.scores(vectors, THREE));
  }

  @ParameterizedTest
  @CsvSource({"2,3", "3,3", "11,8", "12,8", "613,16"})
  void fidelityAgainstDoubleLoops(int n, int width) {
    final float[] dense = random(n, width, 7);
    final float[] other = random(n, width, 8);
    for (int i = 0; i < other.length; i++) {
      other[i] = dense[i] + 0.6f * other[i];
    }
    final int k = Math.min(10, n - 1);
    double cosines = 0;
    double overlap = 0;
    for (int i = 0; i < n; i++) {
      cosines += cosine(dense, i, other, i, width);
      final List<Integer> shared = nearest(dense, i, n, width, k);
      shared.retainAll(nearest(other, i, n, width, k));
      overlap += (double) shared.size() / k;
    }
    final Fidelity fidelity = Fidelity.to(SentenceVectors.of(dense, width), THREE);
    final List<Score> scores = fidelity.scores(SentenceVectors.of(other, width), THREE);
    assertEquals(cosines / n, value(scores, Metric.COSINE), 1e-9);
    assertEquals(overlap / n, value(scores, Metric.NEIGHBOURS), 1e-9);
    assertTrue(n <= 12 || value(scores, Metric.NEIGHBOURS) < 0.95, "a case that tells");
    assertEquals(scores, fidelity.scores(SentenceVectors.of(other, width), ONE));
    final List<Score> same = fidelity.scores(SentenceVectors.of(dense, width), ONE);
    assertEquals(1.0, value(same, Metric.COSINE));
    assertEquals(1.0, value(same, Metric.NEIGHBOURS));
  }

  private static List<Integer> nearest(float[] vectors, int text, int n, int width, int k) {
    final List<Integer> others = new ArrayList<>();
    for (int j = 0; j < n; j++) {
      if (j != text) {
        others.add(j);
      }
    }
    others.sort(Comparator.comparingDouble(j -> -cosine(vectors, text, vectors, j, width)));
    return new ArrayList<>(others.subList(0, k));
  }

  /**
   * 13 texts. In the first model all are equal, so the nearest are the ten of the smallest numbers:
   * for text 0 that is 1 to 10, for text 12 it is 0 to 9. In the second, texts 11 and 12 point
   * elsewhere, so they are nearest to each other.
   */
  @Test
  void equalCosinesGoByNumber() {
    final int n = 13;
    final float[] same = new float[2 * n];
    final float[] split = new float[2 * n];
    for (int i = 0; i < n; i++) {
      same[2 * i] = 1;
      split[2 * i + (i < 11 ? 0 : 1)] = 1;
    }
    final List<Score> scores =
        Fidelity.to(SentenceVectors.of(same, 2), ONE).scores(SentenceVectors.of(split, 2), ONE);
    // texts 0 to 10 keep all ten; 11 and 12 have each other and 0 to 8 instead of 0 to 9
    assertEquals((11 * 10 + 2 * 9) / 130.0, value(scores, Metric.NEIGHBOURS), 1e-12);
    assertEquals(11 / 13.0, value(scores, Metric.COSINE), 1e-12);
  }

  @Test
  void whatCannotBeComparedIsRefused() {
    final SentenceVectors three = SentenceVectors.of(random(3, 4, 9), 4);
    final Fidelity fidelity = Fidelity.to(three, ONE);
    final SentenceVectors two = SentenceVectors.of(random(2, 4, 9), 4);
    final SentenceVectors wider = SentenceVectors.of(random(3, 5, 9), 5);
    assertThrows(IllegalArgumentException.class, () -> fidelity.scores(two, ONE));
    assertThrows(IllegalArgumentException.class, () -> fidelity.scores(wider, ONE));
    final SentenceVectors single = SentenceVectors.of(random(1, 4, 9), 4);
    assertThrows(IllegalArgumentException.class, () -> Fidelity.to(single, ONE));
    assertThrows(IllegalArgumentException.class, () -> Retrieval.scores(three, ONE));
  }
}
