package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Hashes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The pinned hashes are SHA-256 over the lines {@code label TAB sentence LF}. They and the hashes
 * of ids come from a separate implementation of the rule in Python 3.11, whose training and dev
 * rows are equal to the published reference rows.
 */
class LanguageToolMinimalPairsTest {
  private static final String FOLDER = "org/languagetool/rules/en/";
  private static final String GRAMMAR = FOLDER + "grammar.xml";
  private static final String STYLE = FOLDER + "style.xml";
  private static Path jar;
  private static Task task;

  @BeforeAll
  static void open() {
    jar = Jars.holding(GRAMMAR);
    task = LanguageToolMinimalPairs.open(jar);
  }

  @Test
  void theArtifactIsTheOneThatWasPinned() throws IOException {
    final byte[] bytes = Files.readAllBytes(jar);
    assertEquals(LanguageToolMinimalPairs.ARTIFACT.bytes(), bytes.length);
    assertEquals(
        LanguageToolMinimalPairs.ARTIFACT.sha256(),
        HexFormat.of().formatHex(Hashes.sha256().digest(bytes)));
  }

  @ParameterizedTest
  @CsvSource({
    "TRAIN, 10976, 5130f8e1a073dacccdf1b725e5a41237de762257a14f84712c2006ee773f8c42",
    "TUNE, 1221, 30b4224f99a631e63f3bc5ac1bd623b6213091705f0f01668936d43fdbb95a01",
    "DEV, 1488, fe5ec9858326582917c43e0f3e4377bc5085e54bfdda5b441748ce6d69dbb922",
    "TEST, 1580, f21a2192c8e6aefaa416a17cf58c280c0ef08c4fb9a64d6497fdb5ae49e76938"
  })
  void everyRowIsInItsPlace(Split split, int rows, String sha256) {
    final StringBuilder lines = new StringBuilder();
    task.examples(split).forEach(e -> lines.append(line(e)).append('\n'));
    assertEquals(rows, task.examples(split).size());
    assertEquals(sha256, StableHash.sha256(lines.toString()));
  }

  @Test
  void itHasSingleTextsOfTwoClassesEachOnce() {
    assertTrue(!task.isPair());
    assertEquals(TaskKind.CLASSIFICATION, task.kind());
    assertEquals(Metric.ACCURACY, task.metric());
    assertEquals(List.of("unacceptable", "acceptable"), task.labels());
    assertEquals(733, task.examples(Split.DEV).stream().mapToInt(Example::label).sum());
    assertEquals(778, task.examples(Split.TEST).stream().mapToInt(Example::label).sum());
    final Set<String> seen = new HashSet<>();
    for (Split split : Split.values()) {
      task.examples(split)
          .forEach(e -> assertTrue(seen.add(e.text().toLowerCase(Locale.ROOT)), e.text()));
    }
    assertEquals(15_265, seen.size());
  }

  @Test
  void namedRows() {
    final List<Example> all = new ArrayList<>(task.examples(Split.TRAIN));
    all.addAll(task.examples(Split.TUNE));
    assertTrue(all.contains(Example.labelled("I go in to the garden.", 0)));
    assertTrue(all.contains(Example.labelled("I go into the garden.", 1)));
  }

  /** With the environment variable BANTAM_TEST_DATA: every row and its place. */
  @ParameterizedTest
  @EnumSource(
      value = Split.class,
      names = {"TRAIN", "DEV"})
  void equalsThePublishedRows(Split split) throws IOException {
    final List<String> rows = new ArrayList<>();
    for (String row : ReferenceRows.of(LanguageToolMinimalPairs.NAME, split)) {
      final String[] columns = row.split("\t", -1); // label, category, rule, text
      rows.add(columns[0] + "\t" + columns[3]);
    }
    if (split == Split.DEV) {
      assertEquals(rows, lines(split));
      return;
    }
    assertEquals(12_197, rows.size());
    final List<String> train = new ArrayList<>();
    final List<String> tune = new ArrayList<>();
    for (String row : rows) {
      (StableHash.fraction("tune" + row.split("\t", -1)[1]) < 0.1 ? tune : train).add(row);
    }
    assertEquals(train, lines(Split.TRAIN));
    assertEquals(tune, lines(Split.TUNE));
  }

  /**
   * What the rule does with some examples, by hand. {@code h("g" + id)} is 0.746 for A_GROUP, 0.860
   * for SMALL_RULE and 0.920 for DEV_GROUP.
   */
  @Test
  void rulesOnAnExcerpt(@TempDir Path folder) throws IOException {
    final String grammar =
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <!DOCTYPE rules [<!ENTITY dash "–">]>
        <rules lang="en">
          <category id="GRAMMAR" name="Grammar">
            <rulegroup id="A_GROUP">
              <antipattern><token>x</token><example>no correction in here</example></antipattern>
              <rule>
                <pattern><marker><token>an</token></marker></pattern>
                <example correction="a|the">This is&#xA0;<marker>an</marker>
                    dog &amp; &dash; pony.</example>
                <example correction="">An empty <marker>empty</marker> correction here.</example>
                <example correction="|b">Nothing comes <marker>first</marker> in here.</example>
                <example>This is a natural example.</example>
                <example type="triggers_error" correction="x">It is <marker>wrongly</marker>
                  found.</example>
              </rule>
              <rule id="SMALL_RULE">
                <example correction="Sees">She <marker>sees</marker> only case.</example>
                <example correction=" so">He said<marker></marker> it.</example>
                <example correction="bad"><marker>This is an</marker> dog.</example>
                <example correction="Too">Two <marker>to</marker> few</example>
              </rule>
            </rulegroup>
            <rule id="SMALL_RULE">
              <example correction="a dog's life"><marker>A dogs life</marker> it is!</example>
              <example correction="the">THIS IS <marker>AN</marker> dog &amp; &dash; pony.</example>
            </rule>
          </category>
          <category id="PUNCTUATION" name="Punctuation">
            <rule id="A_GROUP">
              <example correction="out">This category is <marker>in</marker>.</example>
            </rule>
          </category>
        </rules>
        """;
    final String style =
        """
        <rules lang="en">
          <category id="COLLOCATIONS" name="C">
            <rulegroup id="DEV_GROUP">
              <rule>
                <example correction="ok">Vier Wörter <marker>sınd</marker> genug</example>
              </rule>
            </rulegroup>
          </category>
        </rules>
        """;
    final Task small =
        LanguageToolMinimalPairs.open(Jars.of(folder, Map.of(GRAMMAR, grammar, STYLE, style)));
    final List<String> trained = new ArrayList<>();
    for (Split split : List.of(Split.TRAIN, Split.TUNE)) {
      small.examples(split).forEach(e -> trained.add(line(e)));
    }
    trained.sort(null);
    assertEquals(
        List.of(
            "0\tHe said it.",
            "0\tThis is an dog & – pony.",
            "0\tThis is an dog.",
            "1\tHe said so it.",
            "1\tThis is a dog & – pony.",
            "1\tbad dog."),
        trained);
    assertEquals(
        List.of("0\tA dogs life it is!", "1\tTHIS IS the dog & – pony.", "1\ta dog's life it is!"),
        small.examples(Split.DEV).stream()
            .map(LanguageToolMinimalPairsTest::line)
            .sorted()
            .toList());
    assertEquals(
        List.of("0\tVier Wörter sınd genug", "1\tVier Wörter ok genug"),
        small.examples(Split.TEST).stream()
            .map(LanguageToolMinimalPairsTest::line)
            .sorted()
            .toList());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "<rules>; grammar.xml is no rule file",
        "<rules><category id='GRAMMAR'><rule id='R'><example correction='a'>b</example></rule>"
            + "</category></rules>; an example of rule R has no marker",
        "<rules><category id='GRAMMAR'><rule><example correction='a'><marker>b</marker></example>"
            + "</rule></category></rules>; an example of rule null has no marker, rule",
        "<rules><category id='GRAMMAR'><rule id='R'><example correction='a'><marker>b</marker> "
            + "<marker>c</marker></example></rule></category></rules>; rule R has two markers",
        "<!DOCTYPE r SYSTEM 'other.dtd'><rules/>; grammar.xml is no rule file",
        "<rules/>; it has only 0 example sentences"
      })
  void otherFilesAreRefused(String grammar, String because, @TempDir Path folder)
      throws IOException {
    refused(Jars.of(folder, Map.of(GRAMMAR, grammar, STYLE, "<rules/>")), because);
  }

  @Test
  void otherJarsAreRefused(@TempDir Path folder) throws IOException {
    refused(Jars.of(folder, Map.of(GRAMMAR, "<rules/>")), STYLE + " is missing");
    refused(Files.writeString(folder.resolve("x.jar"), "no zip"), "x.jar");
  }

  private static void refused(Path jar, String because) {
    final BantamException e =
        assertThrows(BantamException.class, () -> LanguageToolMinimalPairs.open(jar), because);
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    assertTrue(e.getMessage().contains(because), e.getMessage());
    assertTrue(e.getMessage().contains("org.languagetool:language-en:6.6"), e.getMessage());
  }

  private static List<String> lines(Split split) {
    return task.examples(split).stream().map(LanguageToolMinimalPairsTest::line).toList();
  }

  private static String line(Example e) {
    return e.label() + "\t" + e.text();
  }
}
