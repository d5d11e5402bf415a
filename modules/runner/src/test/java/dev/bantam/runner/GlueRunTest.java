package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.data.GlueTask;
import dev.bantam.runner.experiment.TaskSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tasks of GLUE from experiment files and from the command line. */
class GlueRunTest {
  private static final List<String> WORDS =
      List.of("dog", "cat", "sky", "food", "river", "good", "bad", "very", "the", "film", "was");
  private static final String MNLI_HEADER =
      "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse"
          + "\tsentence1_parse\tsentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n";

  @TempDir private Path temporary;
  private Tiny tiny;

  @BeforeEach
  void copy() {
    tiny = Tiny.in(temporary);
  }

  private Path files(String folder, List<String> names, String header, IntFunction<String> row)
      throws IOException {
    final Path into = Files.createDirectories(tiny.folder().resolve(folder));
    int number = 0;
    for (String name : names) {
      final StringBuilder text = new StringBuilder(header);
      final int end = number + (number == 0 ? 60 : 20);
      for (; number < end; number++) {
        text.append(row.apply(number)).append('\n');
      }
      Files.writeString(into.resolve(name), text);
    }
    return into;
  }

  private static String text(int number) {
    return WORDS.get(number % 11) + " \"" + WORDS.get(number / 11 % 11) + " film";
  }

  private Path cola() throws IOException {
    return files(
        "CoLA",
        List.of("train.tsv", "dev.tsv"),
        "",
        i -> "src\t" + (i % 3 == 0 ? "0\t*\t" : "1\t\t") + text(i));
  }

  private Path stsb() throws IOException {
    return files(
        "sts",
        List.of("train.tsv", "dev.tsv"),
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n",
        i -> i + "\tg\tf\t2012\t1\tn\tn\t" + text(i) + "\t" + text(i + 3) + "\t" + i % 6 + ".000");
  }

  private Path mnli() throws IOException {
    final List<String> labels = List.of("neutral", "entailment", "contradiction");
    return files(
        "MNLI",
        List.of("train.tsv", "dev_matched.tsv", "dev_mismatched.tsv"),
        MNLI_HEADER,
        i ->
            i
                + "\t1\t1\tg\t(\t)\t(\t)\t"
                + text(i)
                + "\t"
                + text(i + 5)
                + "\tneutral\t"
                + labels.get(i % 3));
  }

  @Test
  void everyTaskOfTheGrammarCanBeRead() {
    assertEquals(
        Arrays.stream(TaskSpec.Glue.Benchmark.values())
            .map(b -> new TaskSpec.Glue(b, "folder").name())
            .toList(),
        Arrays.stream(GlueTask.values()).map(GlueTask::id).toList());
  }

  @Test
  void anExperimentReportsTheMetricOfEachTask() throws IOException {
    cola();
    stsb();
    tiny.edit(
        "{train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}",
        "[{glue: cola, path: CoLA}, {glue: stsb, path: sts}]");
    tiny.edit("seeds: [1, 2]", "seeds: 1");
    tiny.edit("epochs: 8", "epochs: 1");
    final Path run = temporary.resolve("run");
    Outcome.of("run", tiny.experiment(), "-o", run).code(0);
    final List<String> summary = Tiny.read(run.resolve("summary.csv")).lines().toList();
    assertEquals(1 + 2 * 3, summary.size(), summary.toString());
    for (String row : summary.subList(1, summary.size())) {
      final String[] cells = row.split(",");
      assertEquals(cells[2].equals("cola") ? "mcc" : "spearman", cells[4], row);
    }
    final String results = Tiny.read(run.resolve("results.csv"));
    assertTrue(results.contains("stsb,dense,1,1,dev,pearson,"), results);
    assertTrue(results.contains("cola,rtn-int4,1,1,dev,accuracy,"), results);
    final String manifest = Tiny.read(run.resolve("manifest.json"));
    assertTrue(manifest.contains("CoLA of GLUE: train.tsv, dev.tsv"), manifest);
  }

  /** A relative folder on the command line is one of the working folder. */
  @Test
  void theCommandLineTakesAFolderAndMnliHasTwoDevSets() throws IOException {
    final Path folder = mnli();
    final String task = "glue:mnli=" + Path.of("").toAbsolutePath().relativize(folder);
    final Path model = temporary.resolve("tuned");
    Outcome.of(
            "finetune", tiny.model(), "--task", task, "-o", model, "--epochs", 1, "--examples", 8)
        .code(0);
    final String matched = Outcome.of("evaluate", model, "--task", task).code(0).out();
    final String mismatched =
        Outcome.of("evaluate", model, "--task", task, "--split", "test").code(0).out();
    assertTrue(matched.contains("loss ") && mismatched.contains("loss "), matched + mismatched);
    assertNotEquals(matched, mismatched);
    final Path config = model.resolve("config.json");
    final String text = Tiny.read(config);
    assertTrue(text.contains("entailment") && text.contains("contradiction"), text);
    Files.writeString(
        config,
        text.replace("entailment", "X")
            .replace("contradiction", "entailment")
            .replace("X", "contradiction"));
    Outcome.of("evaluate", model, "--task", task)
        .code(4)
        .says("[contradiction, neutral, entailment]", "[entailment, neutral, contradiction]");
  }

  @Test
  void otherTasksThanMnliHaveNoTestSplit() throws IOException {
    final Path model = temporary.resolve("tuned");
    final String task = "glue:cola=" + cola();
    Outcome.of("finetune", tiny.model(), "--task", task, "-o", model, "--epochs", 1).code(0);
    Outcome.of("evaluate", model, "--task", task, "--split", "test")
        .code(3)
        .says("'cola' has no 'test' examples");
  }

  @Test
  void whatIsWrongIsToldWithItsLine() throws IOException {
    final Path train = cola().resolve("train.tsv");
    Files.writeString(train, Tiny.read(train) + "src\t1\tno text in this line\n");
    tiny.edit(
        "{train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}",
        "[{glue: cola, path: CoLA}, {glue: rte, path: RTE}]");
    Outcome.of("plan", tiny.experiment())
        .code(4)
        .says("train.tsv, line 61: 3 cells where CoLA has 4", "RTE does not exist");
    Outcome.of("evaluate", tiny.model(), "--task", "glue:sst2=somewhere")
        .code(4)
        .says("somewhere does not exist", "train.tsv, dev.tsv of GLUE's SST-2");
    Outcome.of("evaluate", tiny.model(), "--task", "glue:sst3=somewhere")
        .code(3)
        .says("glue:NAME=DIR");
  }
}
