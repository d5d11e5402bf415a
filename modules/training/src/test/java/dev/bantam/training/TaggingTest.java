package dev.bantam.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Example;
import dev.bantam.data.LabelledBatch;
import dev.bantam.data.Metric;
import dev.bantam.data.Provenance;
import dev.bantam.data.Tagged;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** Scores and losses of tagged words against sentences taken one at a time. */
class TaggingTest {
  private static final Workers WORKERS = new Workers(2);
  private static final List<String> LABELS = List.of("O", "B-a", "I-a");
  private static final int COLUMNS = 3;

  @AfterAll
  static void close() {
    WORKERS.close();
  }

  private static EncoderModel model() {
    return FineTuner.withNewHead(
        TinyTask.model(3, WORKERS), new Head(Head.Kind.TOKEN_LABEL, LABELS), Pooling.MEAN, 4);
  }

  /** Sentences of different lengths; the second word of each has no token, every other has two. */
  private static List<TokenizedExample> examples() {
    final Random random = new Random(8);
    final List<TokenizedExample> examples = new ArrayList<>();
    for (int i = 0; i < 30; i++) {
      final int words = 2 + random.nextInt(6);
      final int[] ids = random.ints(2L * words, 0, 60).toArray();
      final int[] with = IntStream.range(0, words).filter(w -> w != 1).toArray();
      final int[] tokens = IntStream.of(with).map(w -> 2 * w + 1).toArray();
      final List<Integer> tags = random.ints(words, 0, COLUMNS).boxed().toList();
      examples.add(
          new TokenizedExample(
              new Encoding(ids, new int[ids.length]),
              Example.UNLABELLED,
              Double.NaN,
              "sentence" + i,
              Optional.of(new Tagged(tokens, with, tags))));
    }
    return examples;
  }

  /** Outputs at the tokens of a sentence, from a pass that reads every token of it alone. */
  private static float[] alone(EncoderModel model, TokenizedExample example) {
    final float[] all = model.outputs(Batch.of(List.of(example.encoding()))).values();
    final int[] tokens = example.tagged().orElseThrow().tokens();
    final float[] read = new float[tokens.length * COLUMNS];
    for (int i = 0; i < tokens.length; i++) {
      System.arraycopy(all, tokens[i] * COLUMNS, read, i * COLUMNS, COLUMNS);
    }
    return read;
  }

  private static int best(float[] z, int row) {
    int best = 0;
    for (int c = 1; c < COLUMNS; c++) {
      best = z[row * COLUMNS + c] > z[row * COLUMNS + best] ? c : best;
    }
    return best;
  }

  private static double surprise(float[] z, int row, int right) {
    double sum = 0;
    for (int c = 0; c < COLUMNS; c++) {
      sum += Math.exp(z[row * COLUMNS + c]);
    }
    return Math.log(sum) - z[row * COLUMNS + right];
  }

  @Test
  void scoresAreThoseOfTheSentencesOneByOne() {
    final List<Example> tagged = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      tagged.add(Example.tagged(List.of("word", "number", "n" + i), List.of(0, 1, 2)));
    }
    final Task task =
        new Task(
            "tags",
            TaskKind.TAGGING,
            LABELS,
            Metric.SPAN_F1,
            new Provenance("made up", "none", ""),
            tagged,
            tagged,
            List.of());
    final List<TokenizedExample> examples = examples();
    try (EncoderModel model = model()) {
      double loss = 0;
      int outputs = 0;
      int words = 0;
      int right = 0;
      final List<Float> logits = new ArrayList<>();
      for (TokenizedExample example : examples) {
        final float[] z = alone(model, example);
        final Tagged gold = example.tagged().orElseThrow();
        right += gold.tags().get(1) == 0 ? 1 : 0; // the word without a token is outside
        for (int i = 0; i < gold.words().length; i++) {
          final int tag = gold.tags().get(gold.words()[i]);
          loss += surprise(z, i, tag);
          right += best(z, i) == tag ? 1 : 0;
          outputs++;
        }
        words += gold.tags().size();
        for (float value : z) {
          logits.add(value);
        }
      }
      final Evaluator.Evaluation all =
          Evaluator.evaluate(model, task, examples, "tags", Progress.NONE);
      assertEquals(outputs * COLUMNS, all.logits().length);
      for (int i = 0; i < all.logits().length; i++) {
        assertEquals(logits.get(i), all.logits()[i], 1e-5f);
      }
      assertEquals(loss / outputs, all.value(Metric.LOSS), 1e-5);
      assertEquals((double) right / words, all.value(Metric.ACCURACY), 1e-12);
      assertTrue(all.metrics().containsKey(Metric.SPAN_F1));
    }
  }

  /** A teacher's logits reach the words they were given for, whatever batch these are in. */
  @Test
  void aModelThatTeachesItselfHasNothingToLearn() {
    final List<TokenizedExample> examples = examples();
    try (EncoderModel model = model();
        Progress.Bar bar = Progress.NONE.start("logits", examples.size(), "examples")) {
      final float[] teacher = Evaluator.logits(model, examples, COLUMNS, bar);
      final LogitDistillation distillation = new LogitDistillation(teacher, COLUMNS, 1, 2);
      int rows = 0;
      for (LabelledBatch batch : dev.bantam.data.Batches.shuffled(examples, 7, 5, 1)) {
        final float[] z = model.outputs(batch.batch()).values();
        final float[] gradient = new float[z.length];
        final double loss =
            distillation
                .loss(
                    TaskLoss.of(Head.Kind.TOKEN_LABEL, batch.labels(), batch.targets()),
                    batch.rows())
                .apply(z, batch.labels().length, COLUMNS, gradient);
        assertEquals(0, loss, 1e-6);
        assertArrayEquals(new float[z.length], gradient, 1e-5f);
        rows += batch.rows().length;
      }
      assertEquals(teacher.length / COLUMNS, rows);
    }
  }
}
