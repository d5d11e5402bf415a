package dev.bantam.training;

import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Batches;
import dev.bantam.data.Fidelity;
import dev.bantam.data.LabelledBatch;
import dev.bantam.data.Metric;
import dev.bantam.data.Retrieval;
import dev.bantam.data.Score;
import dev.bantam.data.Scores;
import dev.bantam.data.SentenceVectors;
import dev.bantam.data.Tagged;
import dev.bantam.data.Task;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Model;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** Runs a model over the examples of a task, without dropout, and scores it. */
public final class Evaluator {
  /** Tokens of a batch: enough to fill every core, small enough to stay in cache. */
  private static final int TOKENS = 4096;

  private static final int SENTENCES = 512;

  private Evaluator() {}

  /**
   * The result of an evaluation.
   *
   * @param metrics values by metric, {@link Metric#LOSS} included where there are labels
   * @param logits as {@link #logits} gives them, [rows, columns]; none for a task without labels
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

  /**
   * Head outputs in the order of the examples, [rows, columns]: one row an example, or {@link
   * TokenizedExample#outputs} where words are tagged.
   */
  @SuppressWarnings("try") // the scope is what counts, not the variable
  public static float[] logits(
      Model<Batch> model, List<TokenizedExample> examples, int columns, Progress.Bar bar) {
    final float[] logits = new float[Math.multiplyExact(rows(examples), columns)];
    try (Model.Frozen frozen = model.freeze()) {
      for (LabelledBatch labelled : batches(examples)) {
        final Model.Outputs outputs = model.outputs(labelled.batch());
        for (int r = 0; r < outputs.rows(); r++) {
          System.arraycopy(
              outputs.values(), r * columns, logits, labelled.rows()[r] * columns, columns);
        }
        bar.advance(labelled.batch().sequences());
      }
    }
    return logits;
  }

  /**
   * Scores a model on examples of a task with labels.
   *
   * @param what shown by the progress bar, e.g. "dense on dev"
   */
  public static Evaluation evaluate(
      Model<Batch> model,
      Task task,
      List<TokenizedExample> examples,
      String what,
      Progress progress) {
    final Head.Kind kind = task.requireHead().kind();
    final int columns = task.labels().size();
    final float[] logits;
    try (Progress.Bar bar = progress.start(what, examples.size(), "examples")) {
      logits = logits(model, examples, columns, bar);
    }
    final Map<Metric, Double> metrics = values(scores(kind, task.labels(), examples, logits));
    metrics.put(Metric.LOSS, loss(kind, examples, logits, columns));
    return new Evaluation(metrics, logits, columns);
  }

  /**
   * Scores an encoder on a task of any kind: its head where the task has labels, its sentence
   * vectors where it has none. If these are no finite numbers, neither are the metrics.
   *
   * @param inputs the tokenized {@link Task#inputs} of the examples
   * @param dense what the dense model makes of the same inputs; asked for {@link
   *     dev.bantam.data.TaskKind#EMBED} alone
   * @param what shown by the progress bar, e.g. "dense on dev"
   */
  public static Evaluation evaluate(
      EncoderModel model,
      Task task,
      List<TokenizedExample> inputs,
      Supplier<Fidelity> dense,
      Workers workers,
      String what,
      Progress progress) {
    return switch (task.kind()) {
      case CLASSIFICATION, MULTI_LABEL, REGRESSION, TAGGING ->
          evaluate(model, task, inputs, what, progress);
      case RETRIEVAL ->
          scored(
              task,
              vectors(model, inputs, what, progress),
              vectors -> Retrieval.scores(vectors, workers));
      case EMBED ->
          scored(
              task,
              vectors(model, inputs, what, progress),
              vectors -> dense.get().scores(vectors, workers));
    };
  }

  /** Sentence vectors, with the model's own pooling, in the order of the inputs. */
  @SuppressWarnings("try") // the scope is what counts, not the variable
  public static SentenceVectors vectors(
      EncoderModel model, List<TokenizedExample> inputs, String what, Progress progress) {
    final int width = model.architecture().hiddenSize();
    final float[] vectors = new float[Math.multiplyExact(inputs.size(), width)];
    try (Progress.Bar bar = progress.start(what, inputs.size(), "texts");
        Model.Frozen frozen = model.freeze()) {
      for (LabelledBatch labelled : batches(inputs)) {
        final float[] some = model.embed(labelled.batch(), false);
        final int[] rows = labelled.rows();
        for (int r = 0; r < rows.length; r++) {
          System.arraycopy(some, r * width, vectors, rows[r] * width, width);
        }
        bar.advance(rows.length);
      }
    }
    return SentenceVectors.of(vectors, width);
  }

  private static Evaluation scored(
      Task task, SentenceVectors vectors, Function<SentenceVectors, List<Score>> scoring) {
    final Map<Metric, Double> metrics;
    if (vectors.areFinite()) {
      metrics = values(scoring.apply(vectors));
    } else {
      metrics = new EnumMap<>(Metric.class);
      task.kind().metrics().forEach(metric -> metrics.put(metric, Double.NaN));
    }
    return new Evaluation(metrics, new float[0], 0);
  }

  private static Map<Metric, Double> values(List<Score> scores) {
    final Map<Metric, Double> values = new EnumMap<>(Metric.class);
    scores.forEach(score -> values.put(score.metric(), score.value()));
    return values;
  }

  private static List<Score> scores(
      Head.Kind kind, List<String> labels, List<TokenizedExample> examples, float[] logits) {
    final int columns = labels.size();
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
      case TOKEN_LABEL -> tagging(labels, examples, logits);
    };
  }

  private static List<Score> tagging(
      List<String> labels, List<TokenizedExample> examples, float[] logits) {
    final int columns = labels.size();
    final List<int[]> gold = new ArrayList<>();
    final List<int[]> predicted = new ArrayList<>();
    int row = 0;
    for (TokenizedExample example : examples) {
      final Tagged tagged = example.tagged().orElseThrow();
      final int[] classes = new int[tagged.outputs()];
      for (int i = 0; i < classes.length; i++, row++) {
        classes[i] = argMax(logits, row * columns, columns);
      }
      gold.add(tagged.tags().stream().mapToInt(Integer::intValue).toArray());
      predicted.add(tagged.ofWords(classes, Scores.outside(labels)));
    }
    return Scores.tagging(gold, predicted, labels);
  }

  private static int rows(List<TokenizedExample> examples) {
    return examples.stream().mapToInt(TokenizedExample::outputs).sum();
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
      Head.Kind kind, List<TokenizedExample> examples, float[] logits, int columns) {
    final int rows = rows(examples);
    final int[] labels = examples.stream().flatMapToInt(Evaluator::labels).toArray();
    final float[] targets = new float[rows];
    for (int i = 0; kind == Head.Kind.REGRESSION && i < rows; i++) {
      targets[i] = (float) examples.get(i).target();
    }
    return TaskLoss.of(kind, labels, targets)
        .apply(logits, rows, columns, new float[logits.length]);
  }

  /** The label of each output. */
  private static IntStream labels(TokenizedExample example) {
    return example
        .tagged()
        .map(t -> Arrays.stream(t.words()).map(t.tags()::get))
        .orElseGet(() -> IntStream.of(example.label()));
  }
}
