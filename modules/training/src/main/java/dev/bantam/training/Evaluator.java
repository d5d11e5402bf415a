package dev.bantam.training;

import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Batches;
import dev.bantam.data.LabelledBatch;
import dev.bantam.data.Metric;
import dev.bantam.data.Score;
import dev.bantam.data.Scores;
import dev.bantam.data.Task;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.Model;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Runs a model over labelled examples, without dropout, and scores it. */
public final class Evaluator {
  /** Tokens of a batch: enough to fill every core, small enough to stay in cache. */
  private static final int TOKENS = 4096;

  private static final int SENTENCES = 512;

  private Evaluator() {}

  /**
   * The result of an evaluation.
   *
   * @param metrics values by metric, {@link Metric#LOSS} included
   * @param logits head outputs in the order of the examples, [examples, columns]
   */
  @SuppressWarnings("ArrayRecordComponent") // a result handed over, not kept
  public record Evaluation(Map<Metric, Double> metrics, float[] logits, int columns) {
    /** The value of one metric. */
    public double value(Metric metric) {
      final Double value = metrics.get(metric);
      if (value == null) {
        throw new IllegalArgumentException(
            "This evaluation has no " + metric.id() + ", only " + metrics.keySet());
      }
      return value;
    }
  }

  /** The batches that an evaluation runs: by length, as many tokens as fill every core. */
  public static Batches batches(List<TokenizedExample> examples) {
    return Batches.byTokenBudget(examples, TOKENS, SENTENCES);
  }

  /** Head outputs in the order of the examples, [examples, columns]. */
  @SuppressWarnings("try") // the scope is what counts, not the variable
  public static float[] logits(
      Model<Batch> model, List<TokenizedExample> examples, int columns, Progress.Bar bar) {
    final float[] logits = new float[Math.multiplyExact(examples.size(), columns)];
    try (Model.Frozen frozen = model.freeze()) {
      for (LabelledBatch labelled : batches(examples)) {
        final Model.Outputs outputs = model.outputs(labelled.batch());
        for (int r = 0; r < outputs.rows(); r++) {
          System.arraycopy(
              outputs.values(), r * columns, logits, labelled.rows()[r] * columns, columns);
        }
        bar.advance(outputs.rows());
      }
    }
    return logits;
  }

  /**
   * Scores a model on the examples of a task.
   *
   * @param what shown by the progress bar, e.g. "dense on dev"
   */
  public static Evaluation evaluate(
      Model<Batch> model,
      Task task,
      List<TokenizedExample> examples,
      String what,
      Progress progress) {
    final int columns = task.labels().size();
    final float[] logits;
    try (Progress.Bar bar = progress.start(what, examples.size(), "examples")) {
      logits = logits(model, examples, columns, bar);
    }
    final Map<Metric, Double> metrics = new EnumMap<>(Metric.class);
    for (Score score : scores(task.kind().head(), examples, logits, columns)) {
      metrics.put(score.metric(), score.value());
    }
    metrics.put(Metric.LOSS, loss(task, examples, logits, columns));
    return new Evaluation(metrics, logits, columns);
  }

  private static List<Score> scores(
      Head.Kind kind, List<TokenizedExample> examples, float[] logits, int columns) {
    final int n = examples.size();
    final int[] gold = examples.stream().mapToInt(TokenizedExample::label).toArray();
    return switch (kind) {
      case SINGLE_LABEL -> {
        final int[] predicted = new int[n];
        for (int i = 0; i < n; i++) {
          predicted[i] = argMax(logits, i * columns, columns);
        }
        yield Scores.classification(gold, predicted, columns);
      }
      case MULTI_LABEL -> {
        final int[] predicted = new int[n];
        for (int i = 0; i < n; i++) {
          for (int c = 0; c < columns; c++) {
            predicted[i] |= logits[i * columns + c] > 0 ? 1 << c : 0;
          }
        }
        yield Scores.multiLabel(gold, predicted, columns);
      }
      case REGRESSION -> {
        final double[] predicted = new double[n];
        for (int i = 0; i < n; i++) {
          predicted[i] = logits[i];
        }
        yield Scores.regression(
            examples.stream().mapToDouble(TokenizedExample::target).toArray(), predicted);
      }
    };
  }

  /** Position of the largest of {@code n} values, the first one among equals. */
  static int argMax(float[] values, int from, int n) {
    int best = 0;
    for (int i = 1; i < n; i++) {
      if (values[from + i] > values[from + best]) {
        best = i;
      }
    }
    return best;
  }

  private static double loss(
      Task task, List<TokenizedExample> examples, float[] logits, int columns) {
    final int[] labels = examples.stream().mapToInt(TokenizedExample::label).toArray();
    final float[] targets = new float[examples.size()];
    for (int i = 0; i < targets.length; i++) {
      targets[i] = (float) examples.get(i).target();
    }
    return TaskLoss.of(task.kind().head(), labels, targets)
        .apply(logits, examples.size(), columns, new float[logits.length]);
  }
}
