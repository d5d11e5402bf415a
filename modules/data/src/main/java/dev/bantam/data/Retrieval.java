package dev.bantam.data;

import dev.bantam.tensor.Workers;
import java.util.List;

/**
 * How well vectors find the right document for a query: all documents ranked by their cosine with
 * the query. Of documents with the same cosine the right one comes last, so that a model that maps
 * everything to one vector finds nothing.
 */
public final class Retrieval {
  /** Ranks that count. */
  private static final int CUT = 10;

  private Retrieval() {}

  /**
   * MRR@10 (mean of 1 / rank of the right document, 0 beyond rank 10) and recall@10 (share of
   * queries whose right document is among the first ten).
   *
   * @param vectors of query 0, its document, query 1, its document, ...; finite
   */
  public static List<Score> scores(SentenceVectors vectors, Workers workers) {
    if (vectors.size() == 0 || vectors.size() % 2 != 0) {
      throw new IllegalArgumentException(vectors.size() + " vectors are no pairs");
    }
    double reciprocal = 0;
    int found = 0;
    final int[] ranks = ranks(vectors.every(2, 0), vectors.every(2, 1), workers);
    for (int rank : ranks) {
      if (rank <= CUT) {
        reciprocal += 1.0 / rank;
        found++;
      }
    }
    return List.of(
        new Score(Metric.MRR, reciprocal / ranks.length, ""),
        new Score(Metric.RECALL10, (double) found / ranks.length, ""));
  }

  /** Rank, from 1, of document i for query i among all documents. */
  private static int[] ranks(SentenceVectors queries, SentenceVectors documents, Workers workers) {
    final int n = documents.size();
    final int[] ranks = new int[queries.size()];
    queries.cosines(
        documents,
        workers,
        (query, cosines, from) -> {
          final float right = cosines[from + query];
          int notWorse = 0; // the right one among them
          for (int j = from; j < from + n; j++) {
            notWorse += cosines[j] >= right ? 1 : 0;
          }
          ranks[query] = notWorse;
        });
    return ranks;
  }
}
