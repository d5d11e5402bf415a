package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConllFileTest {
  private static final String DEV = "We\tO\nmet\tO\nAda\tB-person\n";

  @TempDir private Path folder;

  private ConllFile file(String train, String dev, int token, int tag) throws IOException {
    return new ConllFile(
        "mine",
        Files.writeString(folder.resolve("train.conll"), train),
        Files.writeString(folder.resolve("dev.conll"), dev),
        token,
        tag);
  }

  private void refused(String train, String dev, String... parts) throws IOException {
    final ConllFile file = file(train, dev, 0, 1);
    final BantamException e = assertThrows(BantamException.class, file::read);
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "'" + part + "' in: " + e.getMessage());
    }
  }

  private static List<Example> trainFile(Task task) {
    return Stream.of(Split.TRAIN, Split.TUNE)
        .flatMap(s -> task.examples(s).stream())
        .sorted(java.util.Comparator.comparing(Example::text))
        .toList();
  }

  /** A tab alone and several blank lines end a sentence; a hash sign is a word if it has a tag. */
  @Test
  void tabs() throws IOException {
    final Task task =
        file(
                "\uFEFF# a comment\nAda\tB-person\nLovelace\tI-person\nin\tO\nNew\tB-city\n"
                    + "York\tI-city\n\t\n\n \n#\tO\n\"\tO\n\n\nNo\tO\r\none\tO\r\n",
                DEV,
                0,
                1)
            .read();
    assertEquals(TaskKind.TAGGING, task.kind());
    assertEquals(Metric.SPAN_F1, task.metric());
    assertEquals(List.of("O", "B-city", "I-city", "B-person", "I-person"), task.labels());
    assertEquals(
        List.of(
            Example.tagged(List.of("#", "\""), List.of(0, 0)),
            Example.tagged(List.of("Ada", "Lovelace", "in", "New", "York"), List.of(3, 4, 0, 1, 2)),
            Example.tagged(List.of("No", "one"), List.of(0, 0))),
        trainFile(task));
    assertEquals(
        List.of(Example.tagged(List.of("We", "met", "Ada"), List.of(0, 0, 3))),
        task.examples(Split.DEV));
  }

  /** The layout of 2003: four columns, spaces, document marks. */
  @Test
  void spacesAndDocumentMarks() throws IOException {
    final String rows =
        "-DOCSTART- -X- -X- O\n\nAda NNP B-NP I-PER\nsaid VBD B-VP O\n# # B-NP O\n\nYes UH O O\n";
    final Task task = file(rows, rows, 0, 3).read();
    assertEquals(List.of("O", "B-PER", "I-PER"), task.labels());
    assertEquals(
        List.of(
            Example.tagged(List.of("Ada", "said", "#"), List.of(2, 0, 0)),
            Example.tagged(List.of("Yes"), List.of(0))),
        task.examples(Split.DEV));
  }

  @Test
  void malformedLines() throws IOException {
    refused(
        "Ada\tB-person\nalone\n\tO\nNew York\tB-city\nx\tcity\ny\tB-\n",
        DEV,
        "train.conll, line 2: 1 column between tabs, but the token is in column 0 and the tag in",
        "train.conll, line 3: '' is no word",
        "train.conll, line 4: 'New York' is no word",
        "train.conll, line 5: 'city' in column 1 is no tag: O, B-TYPE and I-TYPE are",
        "train.conll, line 6: 'B-' in column 1");
    refused("a O\nb\n", DEV, "train.conll, line 2: 1 column between spaces");
  }

  @Test
  void typesThatOnlyDevHas() throws IOException {
    refused(
        "Ada\tB-person\n\nYes\tO\n",
        "Ada\tB-person\nfilms\tI-persn\n",
        "dev.conll, line 2: the type of 'I-persn' never occurs in",
        "Did you mean 'I-person'?");
  }

  @Test
  void nothingToLearnOrNothingAtAll() throws IOException {
    refused("Ada\tO\n", DEV, "train.conll: every tag in column 1 is O");
    refused("\n\n", DEV, "train.conll: no sentences");
    Files.delete(folder.resolve("train.conll"));
    final ConllFile gone =
        new ConllFile("m", folder.resolve("train.conll"), folder.resolve("dev.conll"), 0, 1);
    assertTrue(
        assertThrows(BantamException.class, gone::read).getMessage().contains("does not exist"));
    final BantamException same =
        assertThrows(BantamException.class, () -> new ConllFile("m", folder, folder, 1, 1));
    assertEquals(ExitCode.BAD_FILE, same.exitCode());
  }

  /** By the definition: a span is right if type, first and last word are. */
  @ParameterizedTest
  @CsvSource({
    // gold | predicted | right, found, expected spans
    "B-a I-a O B-b, B-a I-a O B-b, 2, 2, 2",
    "B-a I-a O B-b, B-a O O B-b, 1, 2, 2",
    "B-a I-a O B-b, B-b I-b O B-b, 1, 2, 2",
    "B-a B-a O O, B-a I-a O O, 0, 1, 2",
    "I-a I-a O I-b, B-a I-a O B-b, 2, 2, 2", // files without B mean the same
    "I-a I-b O O, B-a B-b O O, 2, 2, 2", // another type begins another span
    "O O O B-a, B-a I-b O B-a, 1, 3, 1",
    "O O O O, B-a O B-a O, 0, 2, 0"
  })
  void spanF1(String gold, String predicted, int right, int found, int expected) {
    final List<String> labels = List.of("O", "B-a", "I-a", "B-b", "I-b");
    final List<Score> scores =
        Scores.tagging(
            List.of(classes(gold, labels), new int[] {0}),
            List.of(classes(predicted, labels), new int[] {0}),
            labels);
    final double precision = (double) right / found;
    final double recall = expected == 0 ? 0 : (double) right / expected;
    final double f1 = right == 0 ? 0 : 2 * precision * recall / (precision + recall);
    assertEquals(Metric.SPAN_F1, scores.get(0).metric());
    assertEquals(f1, scores.get(0).value(), 1e-12);
    int same = 1;
    for (int i = 0; i < 4; i++) {
      same += gold.split(" ")[i].equals(predicted.split(" ")[i]) ? 1 : 0;
    }
    assertEquals(same / 5.0, scores.get(1).value(), 1e-12);
  }

  @Test
  void withoutAnySpanItIsNotDefined() {
    final int[] none = {0, 0};
    final Score f1 = Scores.tagging(List.of(none), List.of(none), List.of("O", "B-a")).get(0);
    assertEquals(0, f1.value());
    assertTrue(!f1.isDefined(), f1.note());
  }

  private static int[] classes(String tags, List<String> labels) {
    return Stream.of(tags.split(" ")).mapToInt(labels::indexOf).toArray();
  }

  /** Tags are part of the hash that names data; without them it is what it was before. */
  @Test
  void hashesOfExamples() {
    final List<String> words = List.of("a", "b");
    final String one = Examples.sha256(List.of(Example.tagged(words, List.of(0, 1))));
    assertTrue(!one.equals(Examples.sha256(List.of(Example.tagged(words, List.of(1, 0))))));
    assertTrue(!one.equals(Examples.sha256(List.of(Example.unlabelled("a b")))));
  }

  /** With the environment variable BANTAM_TEST_DATA: real files, counted beforehand. */
  @Test
  void realFiles() {
    final String data = System.getenv("BANTAM_TEST_DATA");
    Assumptions.assumeTrue(
        data != null, "skipped: set BANTAM_TEST_DATA to the folder that holds wnut17");
    final Path wnut = Path.of(data, "wnut17");
    final Task task =
        new ConllFile(
                "wnut17",
                wnut.resolve("wnut17train.conll"),
                wnut.resolve("emerging.dev.conll"),
                0,
                1)
            .read();
    assertEquals(13, task.labels().size());
    assertEquals(3_394, trainFile(task).size());
    assertEquals(1_009, task.examples(Split.DEV).size());
    long words = 0;
    long outside = 0;
    int spans = 0;
    for (Example e : task.examples(Split.DEV)) {
      words += e.tags().size();
      outside += e.tags().stream().filter(t -> t == 0).count();
      spans += Spans.of(e.tags().stream().map(task.labels()::get).toList()).size();
    }
    assertEquals(15_733, words);
    assertEquals(14_483, outside);
    assertEquals(34 + 105 + 39 + 74 + 470 + 114, spans); // lines with a B; every I follows its kind
  }
}
