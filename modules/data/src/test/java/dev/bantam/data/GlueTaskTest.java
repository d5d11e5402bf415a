package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The files in {@code glue/} have GLUE's layouts, with sentences of their own. */
class GlueTaskTest {
  @TempDir private Path folder;

  private static Path resource(GlueTask task) {
    try {
      return Path.of(
          Objects.requireNonNull(GlueTaskTest.class.getResource("/glue/" + task.id())).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Task read(GlueTask task) {
    return task.read(resource(task));
  }

  /** A copy of a task's files that may be spoiled. */
  private Path copy(GlueTask task) throws IOException {
    try (Stream<Path> files = Files.list(resource(task))) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName().toString()));
      }
    }
    return folder;
  }

  private static List<Example> trainFile(Task task) {
    return Stream.of(Split.TRAIN, Split.TUNE)
        .flatMap(s -> task.examples(s).stream())
        .sorted(Comparator.comparing(Example::text))
        .toList();
  }

  private static void assertRefused(GlueTask task, Path folder, String... parts) {
    final BantamException e = assertThrows(BantamException.class, () -> task.read(folder));
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "'" + part + "' in: " + e.getMessage());
    }
  }

  /** Label orders and metrics of GLUE, written down apart from the code. */
  @ParameterizedTest
  @CsvSource({
    "sst2, SST-2, negative positive, accuracy, false",
    "cola, CoLA, unacceptable acceptable, mcc, false",
    "mrpc, MRPC, not_equivalent equivalent, accuracy, true",
    "rte, RTE, entailment not_entailment, accuracy, true",
    "qnli, QNLI, entailment not_entailment, accuracy, true",
    "mnli, MNLI, entailment neutral contradiction, accuracy, true",
    "qqp, QQP, not_duplicate duplicate, accuracy, true",
    "stsb, STS-B, score, spearman, true"
  })
  void labelsAndMetric(String id, String title, String labels, String metric, boolean pair) {
    final GlueTask glue = GlueTask.of(id);
    assertEquals(id, glue.id());
    assertEquals(title, glue.title());
    final Task task = read(glue);
    assertEquals(id, task.name());
    assertEquals(List.of(labels.split(" ")), task.labels());
    assertEquals(metric, task.metric().id());
    assertEquals(pair, task.isPair());
    assertEquals(id.equals("stsb") ? TaskKind.REGRESSION : TaskKind.CLASSIFICATION, task.kind());
    assertTrue(task.provenance().source().startsWith(title + " of GLUE: train.tsv, dev"));
  }

  @Test
  void aLoneQuoteIsTextInSst2() {
    final Task task = read(GlueTask.SST2);
    assertEquals(
        List.of(
            Example.labelled("\" quiet and sure of its aim ", 1),
            Example.labelled("a film that never wakes up ", 0),
            Example.labelled("as its hero says , \"\" do not go in \"\"", 0),
            Example.labelled("gl\u00fcckliche bilder ", 1)),
        trainFile(task));
    assertEquals(
        List.of(Example.labelled("worth every minute", 1), Example.labelled("\"", 0)),
        task.examples(Split.DEV));
    assertEquals(List.of(), task.examples(Split.TEST));
  }

  /** The first line is a sentence, the third column the author's mark and no label. */
  @Test
  void colaHasNoHeader() {
    final Task task = read(GlueTask.COLA);
    assertEquals(
        List.of(
            Example.labelled("She said \"go\" and left.", 1),
            Example.labelled("The first line is a sentence.", 1),
            Example.labelled("The line second is it.", 0),
            Example.labelled("Whom \"did you wonder left?", 0)),
        trainFile(task));
    assertEquals(
        List.of(Example.labelled("This has ended without a line end", 0)),
        task.examples(Split.DEV));
  }

  @Test
  void mrpcBeginsWithAByteOrderMarkAndQuotesAreText() {
    final Task task = read(GlueTask.MRPC);
    assertEquals(
        List.of(
            Example.labelled("\" Stocks fell .", "Stocks rose . \"", 0),
            Example.labelled("He called it \" a fine day .", "It was a fine day , he said .", 1),
            Example.labelled("The mayor spoke .", "The \" mayor \" spoke .", 1)),
        trainFile(task));
    assertEquals(
        List.of(Example.labelled("One went up .", "One \" went down .", 0)),
        task.examples(Split.DEV));
  }

  @Test
  void entailmentIsTheFirstClassOfRteAndQnli() {
    final Task rte = read(GlueTask.RTE);
    assertEquals(
        List.of(
            Example.labelled("No ship \"sank.", "A ship sank.", 1),
            Example.labelled("Three ships left the harbour.", "A harbour had ships.", 0),
            Example.labelled("Two ships sank.", "A ship sank.", 0)),
        trainFile(rte));
    assertEquals(
        List.of(
            Example.labelled("It rained.", "It was wet.", 0),
            Example.labelled("It rained.", "It was dry.", 1)),
        rte.examples(Split.DEV));
    final Task qnli = read(GlueTask.QNLI);
    assertEquals(
        List.of(
            Example.labelled("When was it built?", "The river is wide.", 1),
            Example.labelled("Where is the river?", "The river runs through \"the plain\".", 0),
            Example.labelled("Who built the \"old bridge?", "The bridge was built by masons.", 0)),
        trainFile(qnli));
    assertEquals(
        List.of(
            Example.labelled("How long is it?", "Nobody knows.", 1),
            Example.labelled("How old is it?", "It is old.", 0)),
        qnli.examples(Split.DEV));
  }

  /** Dev files have other columns than the training file; single annotators may disagree. */
  @Test
  void mnliHasTwoDevSetsAndTheGoldLabelCounts() {
    final Task task = read(GlueTask.MNLI);
    assertEquals(
        List.of(
            Example.labelled("The door is open.", "The door is shut.", 2),
            Example.labelled("The door was \"open.", "The door was red.", 1),
            Example.labelled("The door was open.", "The door was not shut.", 0)),
        trainFile(task));
    assertEquals(
        List.of(
            Example.labelled("We flew.", "We walked.", 2),
            Example.labelled("We flew home.", "We went home.", 0)),
        task.examples(Split.DEV));
    assertEquals(
        List.of(Example.labelled("Please write.", "Please write soon.", 1)),
        task.examples(Split.TEST));
    assertEquals(
        "MNLI of GLUE: train.tsv, dev_matched.tsv, dev_mismatched.tsv", task.provenance().source());
  }

  @Test
  void qqp() {
    final Task task = read(GlueTask.QQP);
    assertEquals(
        List.of(
            Example.labelled("Is tea hot?", "Is hot tea hot?", 1),
            Example.labelled("What is a \"quote?", "How does one quote?", 0),
            Example.labelled("Why is snow white?", "Why does snow look white?", 1)),
        trainFile(task));
    assertEquals(
        List.of(
            Example.labelled("Who?", "Where?", 0),
            Example.labelled("When did it begin?", "When was its begin?", 1)),
        task.examples(Split.DEV));
    assertEquals("QQP of GLUE: train.tsv, dev.tsv", task.provenance().source());
  }

  @Test
  void stsbIsARegression() {
    final Task task = read(GlueTask.STSB);
    assertEquals(
        List.of(
            Example.scored("A cat sleeps.", "Ships sink.", 0),
            Example.scored("A dog \"runs.", "A dog is running.", 4.75),
            Example.scored("Two boys swim.", "Boys swim.", 3)),
        trainFile(task));
    assertEquals(List.of(Example.scored("It snows.", "Snow falls.", 5)), task.examples(Split.DEV));
  }

  /** A question with a line end in it, and a row without a second question, in 3,003 lines. */
  @Test
  void brokenLinesOfQqpAreLeftOutAndCounted() throws IOException {
    copy(GlueTask.QQP);
    final StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 3000; i++) {
      rows.append(i).append("\t1\t2\tIs ").append(i).append(" odd?\tIs it?\t").append(i % 2);
      rows.append('\n');
    }
    final String cut = "8\t1\t2\tIs a line\n\tcut in two?\t1\n";
    final Path train = folder.resolve("train.tsv");
    final String header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n";
    Files.writeString(train, header + cut + rows);
    final Task task = GlueTask.QQP.read(folder);
    assertEquals(3000, trainFile(task).size());
    assertEquals(
        "QQP of GLUE: train.tsv (2 broken lines left out), dev.tsv", task.provenance().source());
    Files.writeString(train, header + rows + "9\t1\t2\tWhy?\t \t0\n" + cut);
    assertEquals(3000, trainFile(GlueTask.QQP.read(folder)).size());
    Files.writeString(train, header + rows + cut + cut);
    assertRefused(
        GlueTask.QQP, folder, "train.tsv, line 3002: ", "the first of 4 (of 3005)", "6 cells");
  }

  @ParameterizedTest
  @EnumSource(GlueTask.class)
  void aTestFileIsNoDevFile(GlueTask glue) throws IOException {
    copy(glue);
    final Path dev = folder.resolve(glue == GlueTask.MNLI ? "dev_matched.tsv" : "dev.tsv");
    Files.writeString(dev, "index\tsentence\n0\tA sentence.\n");
    if (glue == GlueTask.COLA) {
      assertRefused(glue, folder, dev + ", line 1: 2 cells where CoLA has 4", "as GLUE");
    } else {
      assertRefused(glue, folder, dev + ", line 1: no column '", "There are: index, sentence");
    }
  }

  @ParameterizedTest
  @EnumSource(GlueTask.class)
  void emptyFilesAndHeadersAloneAreRefused(GlueTask glue) throws IOException {
    copy(glue);
    final Path train = folder.resolve("train.tsv");
    final String header = Files.readAllLines(train).get(0);
    Files.writeString(train, "");
    assertRefused(glue, folder, train + ": the file is empty");
    if (glue != GlueTask.COLA) {
      Files.writeString(train, header + "\n");
      assertRefused(glue, folder, train + ": no rows below the header");
    }
  }

  /** A line with one cell too many, one that ends early, an empty one, and one without text. */
  @ParameterizedTest
  @EnumSource(value = GlueTask.class, names = "QQP", mode = EnumSource.Mode.EXCLUDE)
  void malformedLinesAreRefusedWithTheirNumbers(GlueTask glue) throws IOException {
    copy(glue);
    final Path train = folder.resolve("train.tsv");
    final List<String> lines = Files.readAllLines(train);
    final String last = lines.get(lines.size() - 1);
    final int width = last.split("\t", -1).length;
    final int at = lines.size();
    final String cut = last.substring(0, last.lastIndexOf('\t'));
    Files.writeString(
        train,
        String.join("\n", lines) + "\n" + last + "\tmore\n" + cut + "\n\n" + blanked(last) + "\n");
    assertRefused(
        glue,
        folder,
        train + ", line " + (at + 1) + ": " + (width + 1) + " cells where " + glue.title(),
        train + ", line " + (at + 2) + ": " + (width - 1) + (width == 2 ? " cell " : " cells "),
        train + ", line " + (at + 3) + ": 1 cell where ",
        train + ", line " + (at + 4) + ": cell ",
        " has no text");
  }

  /** The line with every cell but numbers and labels empty. */
  private static String blanked(String line) {
    final String[] cells = line.split("\t", -1);
    for (int i = 0; i < cells.length; i++) {
      cells[i] = cells[i].contains(" ") ? " " : cells[i];
    }
    return String.join("\t", cells);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SST2 | some text\t2 | '2' in cell 2 is no label of SST-2, whose labels are 0, 1. Take",
        "SST2 | some text\tpositive | 'positive' in cell 2",
        "COLA | a\tb\t\tA sentence. | 'b' in cell 2 is no label of CoLA, whose labels are 0, 1. Take",
        "MRPC | entailment\t1\t2\ta\tb | 'entailment' in cell 1 is no label of MRPC",
        "RTE | 0\ta\tb\t1 | '1' in cell 4 is no label of RTE, whose labels are entailment, not_ent",
        "QNLI | 0\ta\tb\tneutral | 'neutral' in cell 4 is no label of QNLI",
        "MNLI | 0\t1\t1\tg\tp\tp\tp\tp\ta\tb\tneutral\t- | '-' in cell 12 is no label of MNLI",
        "QQP | 0\t1\t2\ta\tb\t2 | '2' in cell 6 is no label of QQP",
        "STSB | 0\tg\tf\t2012\t1\tn\tn\ta\tb\t5.001 | '5.001' in cell 10 is no score of STS-B",
        "STSB | 0\tg\tf\t2012\t1\tn\tn\ta\tb\t-0.1 | a number from 0 to 5",
        "STSB | 0\tg\tf\t2012\t1\tn\tn\ta\tb\thigh | 'high' in cell 10",
      })
  void wrongLabels(GlueTask glue, String line, String message) throws IOException {
    copy(glue);
    final Path train = folder.resolve("train.tsv");
    final List<String> lines = Files.readAllLines(train);
    Files.writeString(
        train, String.join("\n", lines) + "\n" + line.strip().replace("\\t", "\t") + "\n");
    assertRefused(glue, folder, train + ", line " + (lines.size() + 1) + ": ", message);
  }

  @Test
  void aHeaderInColaIsToldToBeOne() throws IOException {
    copy(GlueTask.COLA);
    final Path dev = folder.resolve("dev.tsv");
    Files.writeString(dev, "source\tlabel\tstar\tsentence\n" + Files.readString(dev));
    assertRefused(GlueTask.COLA, folder, dev + ", line 1: 'label' in cell 2", "no header line");
  }

  @Test
  void bytesThatAreNotUtf8() throws IOException {
    copy(GlueTask.SST2);
    final Path dev = folder.resolve("dev.tsv");
    Files.write(
        dev, "sentence\tlabel\nd\u00e9j\u00e0 vu\t1\n".getBytes(StandardCharsets.ISO_8859_1));
    assertRefused(GlueTask.SST2, folder, dev + ", line 2: not valid UTF-8");
  }

  @Test
  void foldersThatAreNoneOrHoldOthers() throws IOException {
    final Path gone = folder.resolve("gone");
    assertRefused(GlueTask.RTE, gone, gone + " does not exist. Name the folder that holds train");
    copy(GlueTask.RTE);
    final Path file = folder.resolve("train.tsv");
    assertRefused(GlueTask.RTE, file, file + " is no folder.", "GLUE's RTE");
    assertRefused(
        GlueTask.MNLI,
        folder,
        folder + " does not hold dev_matched.tsv, dev_mismatched.tsv.",
        "GLUE's MNLI");
    assertRefused(GlueTask.MRPC, folder, "no column 'Quality'", "There are: index, sentence1");
    final Path parent = Files.createDirectories(folder.resolve("glue_data"));
    final Path right = Files.createDirectories(parent.resolve("STS-B"));
    assertRefused(GlueTask.STSB, parent, "Did you mean " + right + "?");
  }

  @Test
  void namesAreThoseOfExperimentFiles() {
    final BantamException e = assertThrows(BantamException.class, () -> GlueTask.of("sst3"));
    assertEquals(ExitCode.BAD_FILE, e.exitCode());
    assertTrue(e.getMessage().contains("Did you mean 'sst2'?"), e.getMessage());
    assertFalse(e.getMessage().isBlank());
  }

  /** With the environment variable BANTAM_TEST_DATA: real files, counted beforehand. */
  @ParameterizedTest
  @CsvSource({
    "SST2, 67349, 872, 0.509",
    "COLA, 8551, 1043, 0.691",
    "MRPC, 3667, 408, 0.684",
    "RTE, 2490, 277, 0.527",
    "STSB, 5749, 1500, 0"
  })
  void realFiles(GlueTask glue, int train, int dev, double majority) {
    final String data = System.getenv("BANTAM_TEST_DATA");
    final String name = "glue-" + glue.id();
    Assumptions.assumeTrue(
        data != null, "skipped: set BANTAM_TEST_DATA to the folder that holds " + name);
    final Task task = glue.read(Path.of(data, name));
    assertEquals(train, trainFile(task).size());
    assertEquals(dev, task.examples(Split.DEV).size());
    assertTrue(task.examples(Split.TUNE).size() > train / 20, task.toString());
    if (majority > 0) {
      final long first = task.examples(Split.DEV).stream().filter(e -> e.label() == 0).count();
      assertEquals(majority, Math.max(first, dev - first) / (double) dev, 0.0005);
    }
  }
}
