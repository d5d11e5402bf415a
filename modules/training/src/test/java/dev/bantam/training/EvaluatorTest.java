package dev.bantam.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Example;
import dev.bantam.data.Fidelity;
import dev.bantam.data.Metric;
import dev.bantam.data.Provenance;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import dev.bantam.training.Evaluator.Evaluation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** Evaluation of tasks without labels; that of labelled ones is part of the training tests. */
class EvaluatorTest {
  private static final Workers WORKERS = new Workers(2);
  private static final int PAIRS = 40;
  private static final Supplier<Fidelity> NOT_ASKED_FOR =
      () -> {
        throw new AssertionError("the dense model's vectors were asked for");
      };

  @AfterAll
  static void close() {
    WORKERS.close();
  }

  private static Task task(TaskKind kind) {
    final List<Example> examples = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      examples.add(
          kind == TaskKind.RETRIEVAL
              ? Example.unlabelled("query " + i, "document " + i)
              : Example.unlabelled("text " + i));
    }
    return new Task(
        "made up",
        kind,
        List.of(),
        kind.metrics().get(0),
        new Provenance("made up", "none", ""),
        examples,
        examples,
        List.of());
  }

  /** Vectors of texts one at a time, without the evaluator. */
  private static List<float[]> alone(EncoderModel model, List<TokenizedExample> inputs) {
    return inputs.stream()
        .map(input -> model.embed(Batch.of(List.of(input.encoding())), false))
        .toList();
  }

  private static double cosine(float[] a, float[] b) {
    double product = 0;
    double first = 0;
    double second = 0;
    for (int i = 0; i < a.length; i++) {
      product += (double) a[i] * b[i];
      first += (double) a[i] * a[i];
      second += (double) b[i] * b[i];
    }
    return product / Math.sqrt(first) / Math.sqrt(second);
  }

  private static Evaluation evaluate(
      EncoderModel model, TaskKind kind, List<TokenizedExample> inputs, Supplier<Fidelity> dense) {
    return Evaluator.evaluate(model, task(kind), inputs, dense, WORKERS, "", Progress.NONE);
  }

  @Test
  void retrievalRanksDocumentsForQueries() {
    final EncoderModel model = TinyTask.model(1, WORKERS);
    final List<TokenizedExample> inputs = TinyTask.examples(2 * PAIRS, 5, false);
    final List<float[]> vectors = alone(model, inputs);
    double mrr = 0;
    double recall = 0;
    for (int query = 0; query < PAIRS; query++) {
      final double right = cosine(vectors.get(2 * query), vectors.get(2 * query + 1));
      int better = 0;
      for (int j = 0; j < PAIRS; j++) {
        better += cosine(vectors.get(2 * query), vectors.get(2 * j + 1)) > right ? 1 : 0;
      }
      mrr += better < 10 ? 1.0 / (1 + better) : 0;
      recall += better < 10 ? 1 : 0;
    }
    assertTrue(recall > 0 && recall < PAIRS, "a case that tells: " + recall);
    final Evaluation found = evaluate(model, TaskKind.RETRIEVAL, inputs, NOT_ASKED_FOR);
    assertEquals(Map.of(Metric.MRR, mrr / PAIRS, Metric.RECALL10, recall / PAIRS), found.metrics());
  }

  @Test
  void embeddingsAreComparedWithTheDenseModel() {
    final EncoderModel dense = TinyTask.model(1, WORKERS);
    final EncoderModel other = TinyTask.model(2, WORKERS);
    final List<TokenizedExample> inputs = TinyTask.examples(30, 5, false);
    final List<float[]> right = alone(dense, inputs);
    final List<float[]> vectors = alone(other, inputs);
    double sum = 0;
    for (int i = 0; i < inputs.size(); i++) {
      sum += cosine(right.get(i), vectors.get(i));
    }
    final Fidelity fidelity =
        Fidelity.to(Evaluator.vectors(dense, inputs, "", Progress.NONE), WORKERS);
    final Evaluation found = evaluate(other, TaskKind.EMBED, inputs, () -> fidelity);
    assertEquals(sum / inputs.size(), found.value(Metric.COSINE), 1e-5);
    assertTrue(found.value(Metric.NEIGHBOURS) < 0.9, found.metrics().toString());
    assertEquals(
        Map.of(Metric.COSINE, 1.0, Metric.NEIGHBOURS, 1.0),
        evaluate(dense, TaskKind.EMBED, inputs, () -> fidelity).metrics());
  }

  @Test
  void vectorsThatAreNoNumbersHaveNoMetrics() {
    final EncoderModel model = TinyTask.model(1, WORKERS);
    Floats.of(model.parameters().get("encoder.layer.1.output.dense.bias")).fill(0, 1, Float.NaN);
    final List<TokenizedExample> inputs = TinyTask.examples(20, 5, false);
    for (TaskKind kind : List.of(TaskKind.RETRIEVAL, TaskKind.EMBED)) {
      final Evaluation found = evaluate(model, kind, inputs, NOT_ASKED_FOR);
      assertArrayEquals(
          new double[] {Double.NaN, Double.NaN},
          kind.metrics().stream().mapToDouble(found::value).toArray());
    }
  }

  @Test
  void nothingIsTrainedWithoutLabels() {
    final EncoderModel model = TinyTask.model(1, WORKERS);
    final FineTuning settings = new FineTuning(1, 1e-3, 4, 0, 0, 0, 0, List.of());
    for (TaskKind kind : List.of(TaskKind.RETRIEVAL, TaskKind.EMBED)) {
      final BantamException e =
          assertThrows(
              BantamException.class,
              () -> new FineTuner(model, task(kind), settings, 1, WORKERS, Progress.NONE));
      assertEquals(ExitCode.BAD_FILE, e.exitCode());
      assertTrue(e.getMessage().contains("'made up' has no labels"), e.getMessage());
    }
  }
}
