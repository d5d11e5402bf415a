package dev.bantam.runner.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepLog;
import dev.bantam.data.Example;
import dev.bantam.data.Metric;
import dev.bantam.data.Provenance;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.runner.experiment.Catalogue;
import dev.bantam.runner.experiment.ExperimentReader;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What needs labels, and what does without. */
class LabelsTest {
  private static final List<String> WORDS =
      List.of("dog", "cat", "sky", "food", "river", "good", "bad", "very", "the", "film", "was");

  private static Path tiny() throws URISyntaxException {
    return Path.of(Objects.requireNonNull(LabelsTest.class.getResource("/tiny/tiny-bert")).toURI());
  }

  /** Texts of four words that differ. */
  private static String text(int number) {
    return WORDS.get(number % 11)
        + " "
        + WORDS.get(number / 11 % 11)
        + " "
        + WORDS.get((number * 7 + 3) % 11)
        + " film";
  }

  /** A model without a head is scored on pairs, each text read on its own. */
  @Test
  void retrievalNeedsNoHead() throws URISyntaxException {
    final List<Example> pairs = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      pairs.add(Example.unlabelled(text(i), text(i + 1) + " " + text(i)));
    }
    final Task task =
        new Task(
            "pairs",
            TaskKind.RETRIEVAL,
            List.of(),
            Metric.MRR,
            new Provenance("made up", "none", ""),
            pairs,
            pairs,
            List.of());
    final Checkpoint model = new Sources(Path.of(""), Progress.NONE, true).model(tiny().toString());
    try (Workers workers = new Workers(2)) {
      final List<float[]> queries = new ArrayList<>();
      final List<float[]> documents = new ArrayList<>();
      try (EncoderModel encoder =
          new EncoderModel(
              model.architecture(), model.head(), model.pooling(), model.parameters(), workers)) {
        for (Example pair : pairs) {
          queries.add(vector(encoder, model, pair.text()));
          documents.add(vector(encoder, model, pair.pair()));
        }
      }
      double mrr = 0;
      double recall = 0;
      for (int i = 0; i < queries.size(); i++) {
        final float[] query = queries.get(i);
        final double right = product(query, documents.get(i));
        final long rank = 1 + documents.stream().filter(d -> product(query, d) > right).count();
        mrr += rank <= 10 ? 1.0 / rank : 0;
        recall += rank <= 10 ? 1 : 0;
      }
      assertTrue(recall > 5 && recall < 55, "a case that tells: " + recall);
      assertEquals(
          Map.of(Metric.MRR, mrr / 60, Metric.RECALL10, recall / 60),
          Tasked.evaluate(model, task, Split.DEV, 1_000, workers, Progress.NONE));
      assertEquals(
          Map.of(Metric.MRR, 1.0, Metric.RECALL10, 1.0),
          Tasked.evaluate(model, task, Split.DEV, 1, workers, Progress.NONE),
          "one document");
    }
  }

  private static float[] vector(EncoderModel encoder, Checkpoint model, String text) {
    return encoder.embed(
        Batch.of(List.of(model.tokenizer().orElseThrow().encode(text, model.maxLength()))), true);
  }

  private static double product(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }

  /** A step that learns from labels, and does nothing. */
  private record Learning() implements Step {
    @Override
    public boolean needsLabels() {
      return true;
    }

    @Override
    public List<StepProblem> check(Map<String, long[]> shapes) {
      return List.of();
    }

    @Override
    public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
      return List.of();
    }

    @Override
    public StepLog apply(CompressionState state) {
      throw new AssertionError("nothing is applied");
    }
  }

  private static final class Steps implements Catalogue<Step> {
    @Override
    public List<String> tasks() {
      return List.of();
    }

    @Override
    public List<String> steps() {
      return List.of("learn");
    }

    @Override
    public List<String> methods(String step) {
      return List.of("gradients");
    }

    @Override
    public Step parse(String step, String method, Settings settings) {
      return new Learning();
    }
  }

  @Test
  void stepsThatLearnFromLabelsAreRefusedWithoutAny(@TempDir Path folder)
      throws IOException, URISyntaxException {
    final StringBuilder texts = new StringBuilder();
    final StringBuilder rows = new StringBuilder("text\tlabel\n");
    for (int i = 0; i < 100; i++) {
      texts.append(text(i)).append('\n');
      rows.append(text(i)).append(i % 2 == 0 ? "\tyes\n" : "\tno\n");
    }
    Files.writeString(folder.resolve("texts.txt"), texts);
    Files.writeString(folder.resolve("rows.tsv"), rows);
    final String yaml =
        "version: 1\nname: n\nmodel: '"
            + tiny()
            + "'\ntask: {embed: texts.txt}\nvariants:\n  - {name: dense}\n"
            + "  - {name: learnt, steps: [{learn: {}}]}\n";
    final BantamException e =
        assertThrows(BantamException.class, () -> prepare(yaml, folder, Progress.NONE));
    assertEquals(ExitCode.BAD_FILE, e.exitCode());
    assertTrue(
        e.getMessage().contains("e.yaml:7:") && e.getMessage().contains("it learns from labels"),
        e.getMessage());
    final String labelled =
        yaml.replace(
            "{embed: texts.txt}", "{train: rows.tsv, dev: rows.tsv, text: text, label: label}");
    assertEquals(2, prepare(labelled, folder, Progress.NONE).cells().size());
  }

  private static Prepared prepare(String yaml, Path folder, Progress progress) {
    return Prepared.of(
        new ExperimentReader<>(new Steps()).parse("e.yaml", yaml.getBytes(StandardCharsets.UTF_8)),
        new Sources(folder, progress, true),
        new RunOptions(
            false,
            OptionalInt.empty(),
            1,
            true,
            false,
            new ConsoleProgress(new PrintStream(PrintStream.nullOutputStream()), true, false)));
  }
}
