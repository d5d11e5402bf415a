package dev.bantam.report;

import java.util.Map;

/** What the report knows about metrics beyond their ids. */
final class Metrics {
  private static final Map<String, String> TITLES =
      Map.ofEntries(
          Map.entry("accuracy", "Accuracy"),
          Map.entry("f1", "F1"),
          Map.entry("mcc", "Matthews correlation"),
          Map.entry("pearson", "Pearson correlation"),
          Map.entry("spearman", "Spearman correlation"),
          Map.entry("span_f1", "Span F1"),
          Map.entry("mrr", "MRR@10"),
          Map.entry("recall10", "Recall@10"),
          Map.entry("cosine", "Cosine to dense"),
          Map.entry("neighbours", "Neighbour overlap"),
          Map.entry("loss", "Loss"));

  private Metrics() {}

  /** For headings and axes; the id itself if it is not a known one. */
  static String title(String id) {
    return TITLES.getOrDefault(id, id);
  }

  static boolean higherIsBetter(String id) {
    return !id.equals("loss");
  }
}
