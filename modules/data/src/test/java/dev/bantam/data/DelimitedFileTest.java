package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DelimitedFileTest {
  private static final String DEV = "text\tlabel\nsome text\tyes\n";

  @TempDir private Path folder;

  private Path file(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private Task read(String extension, String train, String dev, Metric metric) throws IOException {
    return new DelimitedFile(
            "mine",
            file("train." + extension, train),
            file("dev." + extension, dev),
            List.of("text"),
            "label",
            metric)
        .read();
  }

  private Task read(String extension, String train, String dev) throws IOException {
    return read(extension, train, dev, Metric.ACCURACY);
  }

  /** Train and tune together; the order of the file is kept within each. */
  private static List<Example> trainFile(Task task) {
    return Stream.of(Split.TRAIN, Split.TUNE)
        .flatMap(s -> task.examples(s).stream())
        .sorted(Comparator.comparing(Example::text))
        .toList();
  }

  private static void assertProblem(BantamException e, String... parts) {
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "'" + part + "' in: " + e.getMessage());
    }
  }

  private BantamException refused(String extension, String train, String dev) {
    return assertThrows(BantamException.class, () -> read(extension, train, dev));
  }

  @Test
  void quotesAreTextInTsv() throws IOException {
    final Task task =
        read(
            "tsv",
            "\uFEFFlabel\ttext\r\nno\t\"an open quote\r\nyes\tit's \"\"quoted\"\", twice\r\n",
            DEV);
    assertEquals(List.of("no", "yes"), task.labels());
    assertEquals(
        List.of(
            Example.labelled("\"an open quote", 0),
            Example.labelled("it's \"\"quoted\"\", twice", 1)),
        trainFile(task));
    assertEquals(List.of(Example.labelled("some text", 1)), task.examples(Split.DEV));
    assertEquals("train.tsv, dev.tsv", task.provenance().source());
    assertEquals(TaskKind.CLASSIFICATION, task.kind());
  }

  @Test
  void quotesQuoteInCsv() throws IOException {
    final Task task =
        read(
            "csv",
            "\uFEFF\"label\",text\r\nno,\"a, b\r\nand \"\"c\"\"\"\r\nyes,d\u00e9j\u00e0 vu",
            "text,label\n\"t\tab\",no\n");
    assertEquals(
        List.of(Example.labelled("a, b\r\nand \"c\"", 0), Example.labelled("d\u00e9j\u00e0 vu", 1)),
        trainFile(task));
    assertEquals(List.of(Example.labelled("t\tab", 0)), task.examples(Split.DEV));
  }

  @ParameterizedTest
  @CsvSource({
    "10 9 -1 100, -1 9 10 100",
    "10 9 b, 10 9 b",
    "b a C \u00e4, C a b \u00e4",
    "1 01 0, 0 01 1",
    "1.5 1 10, 1 1.5 10"
  })
  void labelsAreSortedByAFixedRule(String inFile, String sorted) throws IOException {
    final StringBuilder train = new StringBuilder("text\tlabel\n");
    for (String label : inFile.split(" ")) {
      train.append("text of ").append(label).append('\t').append(label).append('\n');
    }
    final Task task =
        read("tsv", train.toString(), "text\tlabel\nx\t" + inFile.split(" ")[0] + "\n");
    assertEquals(List.of(sorted.split(" ")), task.labels());
  }

  @Test
  void pairsAndRegression() throws IOException {
    final String rows = "id\ta\tb\tscore\n1\tone\ttwo\t3.5\n2\tthree\tfour\t-1e-2\n";
    final Task task =
        new DelimitedFile(
                "sts",
                file("train.TSV", rows),
                file("dev.tsv", rows),
                List.of("b", "a"),
                "score",
                Metric.SPEARMAN)
            .read();
    assertTrue(task.isPair());
    assertEquals(TaskKind.REGRESSION, task.kind());
    assertEquals(List.of("score"), task.labels());
    assertEquals(Metric.SPEARMAN, task.metric());
    assertEquals(
        List.of(Example.scored("two", "one", 3.5), Example.scored("four", "three", -0.01)),
        task.examples(Split.DEV));
  }

  @ParameterizedTest
  @CsvSource({"'3,5'", "NaN", "1f", "0x1p3", "' 1'", "1e999", "high"})
  void regressionRefusesWhatIsNoNumber(String number) {
    final BantamException e =
        assertThrows(
            BantamException.class,
            () ->
                read(
                    "tsv",
                    "text\tlabel\na b\t1\n",
                    "text\tlabel\nx\t" + number + "\n",
                    Metric.PEARSON));
    assertProblem(e, "dev.tsv, line 2", "'" + number + "'", "3.5");
  }

  @Test
  void missingColumn() {
    assertProblem(
        refused("tsv", "sentence\tlable\na\tyes\n", DEV),
        "train.tsv, line 1: no column 'text'. There are: sentence, lable.",
        "train.tsv, line 1: no column 'label'. Did you mean 'lable'?");
  }

  @Test
  void repeatedColumn() {
    assertProblem(
        refused("csv", "text,text,label\na,b,yes\n", "text,label\na,yes\n"),
        "train.csv, line 1",
        "several columns are named 'text'");
  }

  @Test
  void wrongNumberOfCells() {
    assertProblem(
        refused("tsv", "text\tlabel\na\tyes\nb\n\nc\td\tno\n", DEV),
        "train.tsv, line 3: 1 cell where the header names 2 columns",
        "train.tsv, line 4: 1 cell ",
        "train.tsv, line 5: 3 cells ",
        "Take tabs");
  }

  /** The second record starts in line 2 and ends in line 3. */
  @Test
  void csvLinesCountLineEndsInQuotes() {
    assertProblem(
        refused("csv", "text,label\n\"a\nb\",yes\nc,d,no\n", "text,label\na,yes\n"),
        "train.csv, line 4: 3 cells where the header names 2 columns",
        "double quotes");
  }

  @Test
  void csvQuoteThatNeverEnds() {
    assertProblem(
        refused("csv", "text,label\na,yes\n\"b,no\n", "text,label\na,yes\n"),
        "train.csv, row starting at line 3",
        "not RFC 4180");
  }

  @Test
  void csvTextAfterAClosingQuote() {
    assertProblem(
        refused("csv", "text,label\na,yes\n\"b\" c,no\n", "text,label\na,yes\n"),
        "train.csv, row starting at line 3");
  }

  @Test
  void emptyCells() {
    assertProblem(
        refused("tsv", "text\tlabel\n \tyes\nb\t\n", DEV),
        "train.tsv, line 2: column 'text' is empty",
        "train.tsv, line 3: column 'label' is empty",
        "remove the row");
  }

  @Test
  void labelThatOnlyDevHas() {
    assertProblem(
        refused("tsv", "text\tlabel\na\tyes\nb\tno\n", "text\tlabel\nc\tno\nd\tYes\n"),
        "dev.tsv, line 3: label 'Yes' never occurs in",
        "train.tsv. Did you mean 'yes'?");
  }

  @Test
  void oneClassOnly() {
    assertProblem(
        refused("tsv", "text\tlabel\na\tyes\nb\tyes\n", DEV), "train.tsv", "[yes]", "two");
  }

  @Test
  void noRowsAndEmptyFiles() {
    assertProblem(
        refused("tsv", "text\tlabel\na\tyes\n", "text\tlabel\n"), "dev.tsv: no rows below");
    assertProblem(refused("csv", "", "text,label\na,b\n"), "train.csv is empty");
  }

  @Test
  void malformedBytesAreRefusedWithTheirLine() throws IOException {
    for (String extension : List.of("csv", "tsv")) {
      final String separator = extension.equals("csv") ? "," : "\t";
      final Path train = folder.resolve("latin1." + extension);
      Files.write(
          train,
          ("text" + separator + "label\nfine" + separator + "a\nd\u00e9j\u00e0" + separator + "b\n")
              .getBytes(StandardCharsets.ISO_8859_1));
      final BantamException e =
          assertThrows(
              BantamException.class,
              () -> DelimitedFile.of("m", train, train, List.of("text"), "label").read());
      assertProblem(e, "latin1." + extension + ", line 3: not valid UTF-8", "Save the file");
    }
  }

  @Test
  void missingFileAndUnknownExtension() throws IOException {
    final Path dev = file("dev.tsv", DEV);
    final Path missing = folder.resolve("nowhere.tsv");
    assertProblem(
        assertThrows(
            BantamException.class,
            () -> DelimitedFile.of("m", missing, dev, List.of("text"), "label").read()),
        "nowhere.tsv does not exist");
    final Path other = file("train.json", "{}");
    assertProblem(
        assertThrows(
            BantamException.class,
            () -> DelimitedFile.of("m", other, dev, List.of("text"), "label").read()),
        "train.json",
        ".csv",
        ".tsv");
  }

  @Test
  void manyProblemsAreCounted() {
    final String rows = "broken\n".repeat(25);
    assertProblem(
        refused("tsv", "text\tlabel\n" + rows, DEV), "line 11:", "... and 15 more like these.");
    assertFalse(refused("tsv", "text\tlabel\n" + rows, DEV).getMessage().contains("line 12:"));
  }

  @Test
  void settingsAreCheckedBeforeFilesAreRead() {
    final Path none = Path.of("none.tsv");
    for (List<String> text :
        List.of(List.<String>of(), List.of("a", "a"), List.of("a", "b", "c"), List.of("label"))) {
      final BantamException e =
          assertThrows(
              BantamException.class, () -> DelimitedFile.of("m", none, none, text, "label"));
      assertEquals(ExitCode.BAD_FILE, e.exitCode());
    }
    final BantamException e =
        assertThrows(
            BantamException.class,
            () -> new DelimitedFile("m", none, none, List.of("a"), "label", Metric.SPAN_F1));
    assertEquals(ExitCode.BAD_FILE, e.exitCode());
    assertTrue(e.getMessage().contains("span_f1"), e.getMessage());
  }

  /** A line longer than the read buffer, and a character that straddles its end. */
  @Test
  void longLines() throws IOException {
    final List<String> texts = new ArrayList<>();
    final StringBuilder train = new StringBuilder("text\tlabel\n");
    for (int i = 0; i < 5; i++) {
      final String text = "x".repeat(65_500 + 7 * i) + "\u20ac".repeat(40);
      texts.add(text);
      train.append(text).append('\t').append(i % 2).append('\n');
    }
    final Task task = read("tsv", train.toString(), "text\tlabel\nshort\t1\n");
    assertEquals(
        texts,
        trainFile(task).stream()
            .map(Example::text)
            .sorted(Comparator.comparing(String::length))
            .toList());
  }

  /** With the environment variable BANTAM_TEST_DATA: real files, counted beforehand. */
  @Test
  void realFiles() throws IOException {
    final String data = System.getenv("BANTAM_TEST_DATA");
    Assumptions.assumeTrue(
        data != null,
        "skipped: set BANTAM_TEST_DATA to the folder that holds glue-sst2, banking77");
    final Path sst2 = Path.of(data, "glue-sst2");
    final Task task =
        DelimitedFile.of(
                "sst2",
                sst2.resolve("train.tsv"),
                sst2.resolve("dev.tsv"),
                List.of("sentence"),
                "label")
            .read();
    assertEquals(67_349, task.examples(Split.TRAIN).size() + task.examples(Split.TUNE).size());
    assertEquals(872, task.examples(Split.DEV).size());
    final Path banking = Path.of(data, "banking77");
    final Task intents =
        DelimitedFile.of(
                "banking",
                banking.resolve("train.csv"),
                banking.resolve("test.csv"),
                List.of("text"),
                "category")
            .read();
    assertEquals(77, intents.labels().size());
    assertEquals(
        10_003, intents.examples(Split.TRAIN).size() + intents.examples(Split.TUNE).size());
    assertEquals(3_080, intents.examples(Split.DEV).size());
  }
}
