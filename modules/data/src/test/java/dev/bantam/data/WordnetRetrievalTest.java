package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.io.OutputStream;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The pinned hashes are SHA-256 over the lines {@code query TAB definition LF}. They come from a
 * separate implementation of the rule in Python 3.11.
 */
class WordnetRetrievalTest {
  private static final String FOLDER = "net/sf/extjwnl/data/wordnet/wn31/";
  private static Task task;

  @BeforeAll
  static void open() throws IOException, URISyntaxException {
    final JarURLConnection nouns =
        (JarURLConnection)
            WordnetRetrievalTest.class
                .getClassLoader()
                .getResource(FOLDER + "data.noun")
                .openConnection();
    task = WordnetRetrieval.open(Path.of(nouns.getJarFileURL().toURI()));
  }

  @ParameterizedTest
  @CsvSource({
    "TRAIN, 18769, 6306acfe3b1008e80909805b0dfd43361f545b900ecce276d2c26a7bf07fd706",
    "TUNE, 2093, c77a67c931ac964975a85a35c39dea6ef7aaaf8fe6d5dd0a4eb6aed9d57ad274",
    "DEV, 2572, e4c18020a909c883a9ba015f61362cacad9d2368c40b0d58cb674cd7bfd4e6f4",
    "TEST, 2662, 2907e6896567974bda975c122a323d3bd9fa4eba88b6ec2704f0bfa00c8fe9cc"
  })
  void everyRowIsInItsPlace(Split split, int rows, String sha256) {
    final StringBuilder lines = new StringBuilder();
    task.examples(split).forEach(e -> lines.append(e.joined()).append('\n'));
    assertEquals(rows, task.examples(split).size());
    assertEquals(sha256, StableHash.sha256(lines.toString()));
  }

  @Test
  void itHasPairsAndNoLabels() {
    assertEquals(TaskKind.RETRIEVAL, task.kind());
    assertEquals(Metric.MRR, task.metric());
    assertEquals(List.of(), task.labels());
    assertTrue(task.isPair() && task.head().isEmpty());
    final Example first = task.examples(Split.DEV).get(0);
    assertEquals("it was full of rackets, balls and other objects", first.text());
    assertEquals("a tangible and visible entity; an entity that can cast a shadow", first.pair());
    assertEquals(
        List.of(Example.unlabelled(first.text()), Example.unlabelled(first.pair())),
        task.inputs(List.of(first)));
  }

  /** Repeated queries and definitions go, short sentences are passed over; by hand. */
  @Test
  void theFirstOfRepeatedOnesStays(@TempDir Path folder) throws IOException {
    final Map<String, String> files = new TreeMap<>();
    final StringBuilder nouns = new StringBuilder("  1 licence\n");
    for (int i = 0; i < 60; i++) {
      nouns.append(line("05", "filler number " + i + "; \"this is filler sentence " + i + "\""));
    }
    nouns.append(
        line("05", "thing one; \"too short here\"; \"but this one is long\"; \"and a b c\""));
    nouns.append(line("05", "no example at all"));
    nouns.append(line("05", "thing two; \"But this ONE is  long\""));
    nouns.append(line("05", "thing three; \"three words only\""));
    files.put("data.noun", nouns.toString());
    files.put("data.verb", line("29", "Thing One; \"a sentence of its own\""));
    // its query was seen, so its definition was not: the next one with it stays
    files.put("data.adj", line("44", "thing two: \"a sentence of their own\""));
    files.put("data.adv", line("02", "thing (\"four\" here) \"a sentence of our own\""));
    final List<String> kept = new ArrayList<>();
    final Task small = WordnetRetrieval.open(zip(folder, files));
    for (Split split : Split.values()) {
      small.examples(split).forEach(e -> kept.add(e.joined()));
    }
    kept.removeIf(row -> row.startsWith("this is filler"));
    kept.sort(null);
    assertEquals(
        List.of(
            "a sentence of our own\tthing (\"four\" here)",
            "a sentence of their own\tthing two",
            "but this one is long\tthing one"),
        kept);
  }

  @Test
  void filesOfAnotherPartOfSpeechAreRefused(@TempDir Path folder) throws IOException {
    final Map<String, String> files = new TreeMap<>();
    files.put("data.noun", line("05", "a; \"b c d e\""));
    files.put("data.verb", line("05", "a; \"b c d e\""));
    final Path jar = zip(folder, files);
    final BantamException e = assertThrows(BantamException.class, () -> WordnetRetrieval.open(jar));
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    assertTrue(
        e.getMessage().contains("line 1 of " + FOLDER + "data.verb names lexicographer file 5"),
        e.getMessage());
  }

  private static String line(String file, String gloss) {
    return "00001740 " + file + " n 01 thing 0 000 | " + gloss + "  \n";
  }

  private static Path zip(Path folder, Map<String, String> files) throws IOException {
    final Path file = Files.createTempFile(folder, "wordnet", ".jar");
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      for (Map.Entry<String, String> entry : files.entrySet()) {
        zip.putNextEntry(new ZipEntry(FOLDER + entry.getKey()));
        zip.write(entry.getValue().getBytes(StandardCharsets.UTF_8));
        zip.closeEntry();
      }
    }
    return file;
  }
}
