package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EmbedFileTest {
  @TempDir private Path folder;

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private static List<String> texts(Task task, Split split) {
    return task.examples(split).stream().map(Example::text).toList();
  }

  private static BantamException refusal(EmbedFile file) {
    final BantamException e = assertThrows(BantamException.class, file::read);
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    return e;
  }

  /** First 32 bits of the hash as a whole number, compared without dividing. */
  private static long first32(String text) {
    return Long.parseLong(StableHash.sha256(text).substring(0, 8), 16);
  }

  @Test
  void halfOfTheTextsByHashAreDev() throws IOException {
    final StringBuilder text = new StringBuilder("\uFEFF");
    final List<String> train = new ArrayList<>();
    final List<String> tune = new ArrayList<>();
    final List<String> dev = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      final String line = "text number " + i;
      text.append(line).append(i % 3 == 0 ? "\r\n" : "\n").append(i % 7 == 0 ? " \t\n\n" : "");
      text.append(i % 5 == 0 ? "text number 0\n" : "");
      if (first32("embed" + line) >= 1L << 31) {
        dev.add(line);
      } else {
        (10 * first32("tune" + line) < 1L << 32 ? tune : train).add(line);
      }
    }
    final Task task = new EmbedFile("t", file("t.txt", text.toString()), Optional.empty()).read();
    assertEquals(train, texts(task, Split.TRAIN));
    assertEquals(tune, texts(task, Split.TUNE));
    assertEquals(dev, texts(task, Split.DEV));
    assertEquals(List.of(), texts(task, Split.TEST));
    assertTrue(dev.size() > 400 && dev.size() < 600 && !tune.isEmpty(), "dev " + dev.size());
    assertEquals(TaskKind.EMBED, task.kind());
    assertEquals(Metric.COSINE, task.metric());
    assertEquals("t.txt", task.provenance().source());
  }

  @Test
  void withAFileToCalibrateOnEveryTextIsDev() throws IOException {
    final StringBuilder other = new StringBuilder("same\n");
    for (int i = 0; i < 30; i++) {
      other.append("other ").append(i).append('\n');
    }
    final Task task =
        new EmbedFile(
                "t",
                file("t.txt", "one\ntwo\nsame\n\ntwo"),
                Optional.of(file("other.txt", other.toString())))
            .read();
    assertEquals(List.of("one", "two", "same"), texts(task, Split.DEV));
    assertEquals(30, texts(task, Split.TRAIN).size() + texts(task, Split.TUNE).size());
    assertEquals("t.txt, other.txt", task.provenance().source());
  }

  @ParameterizedTest
  @CsvSource({"''", "'\n \n\t\n'", "'only one\nonly one\n'"})
  void tooFewTextsAreRefusedWithWhatToDo(String text) throws IOException {
    final Path file = file("few.txt", text);
    final String message = refusal(new EmbedFile("t", file, Optional.empty())).getMessage();
    assertTrue(message.startsWith(file + ": "), message);
    assertTrue(message.contains("different texts to calibrate on and "), message);
    assertTrue(message.contains("Add texts, or name another file to calibrate on"), message);
  }

  @Test
  void theSameFileTwiceLeavesNothingToCalibrateOn() throws IOException {
    final Path file = file("t.txt", "one\ntwo\nthree\n");
    final String message = refusal(new EmbedFile("t", file, Optional.of(file))).getMessage();
    assertTrue(message.contains("0 different texts to calibrate on and 3 others"), message);
    assertTrue(message.contains("a text of the one file that the other has too"), message);
  }

  @Test
  void oneTextToReportOnHasNoNeighbours() throws IOException {
    final Path one = file("one.txt", "only one\n");
    final Path other = file("other.txt", "a\nb\nc\nd\n");
    assertTrue(
        refusal(new EmbedFile("t", one, Optional.of(other))).getMessage().contains("and 1 others"));
  }

  @Test
  void filesThatCannotBeReadAreRefusedByName() throws IOException {
    final Path missing = folder.resolve("missing.txt");
    assertTrue(
        refusal(new EmbedFile("t", missing, Optional.empty()))
            .getMessage()
            .startsWith(missing + " does not exist"));
    assertTrue(
        refusal(new EmbedFile("t", folder, Optional.empty()))
            .getMessage()
            .startsWith(folder + " is a folder. Name a text file"));
    final Path latin =
        Files.write(folder.resolve("l.txt"), "gut\nschön\n".getBytes(StandardCharsets.ISO_8859_1));
    assertTrue(
        refusal(new EmbedFile("t", latin, Optional.empty()))
            .getMessage()
            .startsWith(latin + ", line 2: not valid UTF-8"));
    final Path good = file("good.txt", "a\nb\nc\nd\n");
    assertTrue(
        refusal(new EmbedFile("t", good, Optional.of(missing)))
            .getMessage()
            .startsWith(missing + " does not exist"));
  }
}
