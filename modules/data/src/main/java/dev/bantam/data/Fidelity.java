package dev.bantam.data;

import dev.bantam.tensor.Workers;
import java.util.List;

/**
 * How true the vectors of a model are to those of the dense one, which are kept: cosine of the two
 * vectors of a text, and the share of its ten nearest texts that both models agree on. Immutable.
 */
public final class Fidelity {
  /** Neighbours of a text that are compared; all others where there are fewer. */
  private static final int NEIGHBOURS = 10;

  private final SentenceVectors dense;
  private final int[][] neighbours;

  private Fidelity(SentenceVectors dense, int[][] neighbours) {
    this.dense = dense;
    this.neighbours = neighbours;
  }

  /**
   * Prepares comparisons with the dense model.
   *
   * @param dense its vectors of at least two texts, finite
   */
  public static Fidelity to(SentenceVectors dense, Workers workers) {
    if (dense.size() < 2) {
      throw new IllegalArgumentException("A single text has no neighbours");
    }
    return new Fidelity(dense, neighbours(dense, workers));
  }

  /**
   * Mean cosine, and mean overlap of the neighbours.
   *
   * @param vectors of the same texts in the same order, of the same width, finite
   */
  public List<Score> scores(SentenceVectors vectors, Workers workers) {
    dense.requireWidth(vectors);
    if (vectors.size() != dense.size()) {
      throw new IllegalArgumentException(
          vectors.size() + " vectors cannot be compared with " + dense.size());
    }
    final int[][] theirs = neighbours(vectors, workers);
    double cosines = 0;
    long shared = 0;
    for (int i = 0; i < dense.size(); i++) {
      cosines += vectors.cosine(i, dense, i);
      shared += shared(neighbours[i], theirs[i]);
    }
    final double possible = (double) dense.size() * neighbours[0].length;
    return List.of(
        new Score(Metric.COSINE, cosines / dense.size(), ""),
        new Score(Metric.NEIGHBOURS, shared / possible, ""));
  }

  /** Width of the dense model's vectors. */
  public int width() {
    return dense.width();
  }

  private static int[][] neighbours(SentenceVectors vectors, Workers workers) {
    final int n = vectors.size();
    final int[][] neighbours = new int[n][];
    vectors.cosines(
        vectors,
        workers,
        (text, cosines, from) ->
            neighbours[text] = nearest(cosines, from, n, text, Math.min(NEIGHBOURS, n - 1)));
    return neighbours;
  }

  /**
   * The {@code k} largest of {@code n} cosines, {@code self} left out, largest first; of equal ones
   * the one with the smaller number.
   */
  private static int[] nearest(float[] cosines, int from, int n, int self, int k) {
    final int[] nearest = new int[k];
    int found = 0;
    for (int j = 0; j < n; j++) {
      final float cosine = cosines[from + j];
      if (j == self || (found == k && cosine <= cosines[from + nearest[k - 1]])) {
        continue;
      }
      int at = found < k ? found++ : k - 1;
      for (; at > 0 && cosines[from + nearest[at - 1]] < cosine; at--) {
        nearest[at] = nearest[at - 1];
      }
      nearest[at] = j;
    }
    return nearest;
  }

  private static int shared(int[] ours, int[] theirs) {
    int shared = 0;
    for (int a : ours) {
      for (int b : theirs) {
        shared += a == b ? 1 : 0;
      }
    }
    return shared;
  }
}
