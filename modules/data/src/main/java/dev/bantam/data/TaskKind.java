package dev.bantam.data;

import dev.bantam.checkpoint.Head;
import java.util.List;
import java.util.Optional;

/** What a task asks of a model, for single texts and pairs alike. */
public enum TaskKind {
  /** Exactly one of C classes. */
  CLASSIFICATION(Optional.of(Head.Kind.SINGLE_LABEL), Metric.ACCURACY, Metric.F1, Metric.MCC),
  /** Any subset of at most 31 classes. */
  MULTI_LABEL(Optional.of(Head.Kind.MULTI_LABEL), Metric.F1, Metric.ACCURACY),
  /** One number. */
  REGRESSION(Optional.of(Head.Kind.REGRESSION), Metric.PEARSON, Metric.SPEARMAN),
  /** A class for each word of a text, of which spans are made. */
  TAGGING(Optional.of(Head.Kind.TOKEN_LABEL), Metric.SPAN_F1, Metric.ACCURACY),
  /** To find the second text of a pair, given the first, among all second texts of a split. */
  RETRIEVAL(Optional.empty(), Metric.MRR, Metric.RECALL10),
  /** To give single texts the vectors that the dense model gives them. */
  EMBED(Optional.empty(), Metric.COSINE, Metric.NEIGHBOURS);

  private final Optional<Head.Kind> head;
  private final List<Metric> metrics;

  TaskKind(Optional<Head.Kind> head, Metric... metrics) {
    this.head = head;
    this.metrics = List.of(metrics);
  }

  /**
   * The kind of head that a model needs for such a task; empty if the examples have no labels and
   * sentence vectors are what is scored.
   */
  public Optional<Head.Kind> head() {
    return head;
  }

  /** Whether the examples have labels or targets, so that a model can be trained on them. */
  public boolean hasLabels() {
    return head.isPresent();
  }

  /** The metrics such a task has, in the order of {@link Scores}; the first is the default. */
  public List<Metric> metrics() {
    return metrics;
  }
}
