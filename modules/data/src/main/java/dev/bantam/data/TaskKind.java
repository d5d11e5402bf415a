package dev.bantam.data;

import dev.bantam.checkpoint.Head;
import java.util.List;

/** What a task asks of a model, for single texts and pairs alike. */
public enum TaskKind {
  /** Exactly one of C classes. */
  CLASSIFICATION(Head.Kind.SINGLE_LABEL, Metric.ACCURACY, Metric.F1, Metric.MCC),
  /** Any subset of at most 31 classes. */
  MULTI_LABEL(Head.Kind.MULTI_LABEL, Metric.F1, Metric.ACCURACY),
  /** One number. */
  REGRESSION(Head.Kind.REGRESSION, Metric.PEARSON, Metric.SPEARMAN);

  private final Head.Kind head;
  private final List<Metric> metrics;

  TaskKind(Head.Kind head, Metric... metrics) {
    this.head = head;
    this.metrics = List.of(metrics);
  }

  /** The kind of head that a model needs for such a task. */
  public Head.Kind head() {
    return head;
  }

  /** The metrics such a task has, in the order of {@link Scores}; the first is the default. */
  public List<Metric> metrics() {
    return metrics;
  }
}
