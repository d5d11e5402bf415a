package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Experiments and commands on a task without labels: texts compared with the dense model. */
class UnlabelledTest {
  private static final String EXPERIMENT =
      """
      version: 1
      name: vectors
      model: tiny-bert
      task: {embed: texts.txt}
      seeds: [1, 2]
      variants:
        - {name: dense}
        - {name: rtn-int4, steps: [{quantize: {bits: 4}}]}
        - {name: rtn-int2, steps: [{quantize: {bits: 2}}]}
      export: [safetensors]
      """;

  @TempDir private static Path common;
  private static Tiny done;
  private static Path run;

  @TempDir private Path temporary;
  private Tiny tiny;

  /** The folder of the tests, with the sentences of both files as texts. */
  private static Tiny folder(Path parent) {
    final Tiny tiny = Tiny.in(parent);
    final String texts =
        (Tiny.read(tiny.folder().resolve("signs.tsv")).lines().skip(1).map(UnlabelledTest::text))
            .collect(Collectors.joining("\n"));
    tiny.write("texts.txt", texts + "\n\n" + texts + "\n");
    tiny.write("vectors.yaml", EXPERIMENT);
    tiny.write("texts.yaml", "{embed: texts.txt}\n");
    return tiny;
  }

  private static String text(String row) {
    return row.split("\t", -1)[0];
  }

  @BeforeAll
  static void runOnce() {
    done = folder(common);
    run = common.resolve("run");
    Outcome.of("run", done.folder().resolve("vectors.yaml"), "-o", run, "--threads", 1)
        .code(0)
        .prints("tiny-bert on texts", "cosine", "6 cells (0 reused)");
  }

  @BeforeEach
  void copy() {
    tiny = folder(temporary);
  }

  private Path file(String name) {
    return tiny.folder().resolve(name);
  }

  private static double value(Path run, String variant, long seed, String metric) {
    return Double.parseDouble(Tiny.result(run, variant, seed, metric).orElseThrow());
  }

  @Test
  void theDenseModelIsTheSourceAndTheMeasure() throws IOException {
    for (int seed = 1; seed <= 2; seed++) {
      assertEquals(1.0, value(run, "dense", seed, "cosine"));
      assertEquals(1.0, value(run, "dense", seed, "neighbours"));
      final Path cell = run.resolve("cells/tiny-bert.texts.dense.s" + seed);
      final JsonNode log = new ObjectMapper().readTree(cell.resolve("finetune.json").toFile());
      assertEquals("{\"finetuned\":false}", log.toString());
      double before = 1;
      for (String variant : List.of("rtn-int4", "rtn-int2")) {
        final double cosine = value(run, variant, seed, "cosine");
        assertTrue(cosine < before && cosine > 0, variant + " has " + cosine);
        final double neighbours = value(run, variant, seed, "neighbours");
        assertTrue(neighbours < 1 && neighbours > 0.1, variant + " has " + neighbours);
        before = cosine;
      }
    }
    final List<String> results = Tiny.read(run.resolve("results.csv")).lines().toList();
    assertEquals(1 + 6 * 2, results.size(), "cosine and neighbours of six cells");
    final String summary = Tiny.read(run.resolve("summary.csv"));
    assertTrue(summary.contains("vectors,tiny-bert,texts,dense,cosine,2,"), summary);
  }

  @Test
  void threadsDoNotChangeABitAndASecondRunReusesAll() {
    final Path other = temporary.resolve("other");
    Outcome.of("run", file("vectors.yaml"), "-o", other, "--threads", 3).code(0);
    assertEquals(List.of(), Folders.differences(Folders.stable(run), Folders.stable(other)));
    Outcome.of("run", file("vectors.yaml"), "-o", other).code(0).prints("6 cells (6 reused)");
    assertEquals(List.of(), Folders.differences(Folders.stable(run), Folders.stable(other)));
  }

  /** The dense model's vectors are there again when its cells are reused. */
  @Test
  void variantsAddedLaterGiveTheSame() {
    final Path later = temporary.resolve("later");
    tiny.write(
        "first.yaml",
        EXPERIMENT.lines().filter(l -> !l.contains("rtn-int")).collect(Collectors.joining("\n")));
    Outcome.of("run", file("first.yaml"), "-o", later).code(0).prints("2 cells (0 reused)");
    Outcome.of("run", file("vectors.yaml"), "-o", later).code(0).prints("6 cells (2 reused)");
    assertEquals(List.of(), Folders.differences(Folders.stable(run), Folders.stable(later)));
  }

  @Test
  void anExportedModelScoresAsReported() {
    for (String variant : List.of("dense", "rtn-int4", "rtn-int2")) {
      final Path exported = run.resolve("exports/tiny-bert.texts." + variant + "/safetensors");
      Outcome.of(
              "evaluate",
              exported,
              "--task",
              file("texts.yaml"),
              "--reference",
              done.model(),
              "--threads",
              2)
          .code(0)
          .prints(
              String.format(Locale.ROOT, "cosine %.6f%n", value(run, variant, 1, "cosine")),
              String.format(
                  Locale.ROOT, "neighbours %.6f%n", value(run, variant, 1, "neighbours")));
      final String card = Tiny.read(exported.resolve("README.md"));
      assertFalse(card.contains("head") || card.contains("classifier"), card);
      assertEquals(!variant.equals("dense"), card.contains("--reference MODEL"), card);
    }
  }

  @Test
  void aCompressedModelNeedsAReferenceAndAPlainOneIsItsOwn() {
    final Path exports = run.resolve("exports");
    Outcome.of(
            "evaluate",
            exports.resolve("tiny-bert.texts.rtn-int4/safetensors"),
            "--task",
            file("texts.yaml"))
        .code(2)
        .says("is compressed", "--reference MODEL");
    for (Path plain : List.of(exports.resolve("tiny-bert.texts.dense/safetensors"), done.model())) {
      Outcome.of("evaluate", plain, "--task", file("texts.yaml"))
          .code(0)
          .prints("cosine 1.000000", "neighbours 1.000000")
          .says("is compared with itself", "--reference MODEL");
    }
    Outcome.of("evaluate", done.model(), "--task", done.task(), "--reference", done.model())
        .code(2)
        .says("--reference is for 'embed' tasks, and 'signs'");
  }

  /** The two folders of sentence-transformers, mean (tiny-bert) and first-token pooling. */
  @Test
  void sentenceEncodersAreEvaluatedWithTheirOwnPooling() throws URISyntaxException {
    final Path cls =
        Path.of(
            Objects.requireNonNull(UnlabelledTest.class.getResource("/sentence-encoder-cls"))
                .toURI());
    for (Path model : List.of(cls, tiny.model())) {
      Outcome.of("evaluate", model, "--task", file("texts.yaml"))
          .code(0)
          .prints("cosine 1.000000", "neighbours 1.000000");
    }
    Outcome.of("evaluate", cls, "--task", file("texts.yaml"), "--reference", tiny.model())
        .code(4)
        .says("'sentence-encoder-cls' have 18 values and those of 'tiny-bert' 15");
    tiny.write("vectors.yaml", EXPERIMENT.replace("model: tiny-bert", "model: '" + cls + "'"));
    final Path other = temporary.resolve("cls");
    Outcome.of("run", file("vectors.yaml"), "-o", other).code(0);
    assertEquals(1.0, value(other, "dense", 1, "cosine"));
    assertTrue(value(other, "rtn-int2", 1, "cosine") < 1);
  }

  /** With a file to calibrate on, more texts are reported on. */
  @Test
  void allTextsAreDevIfThereIsAnotherFile() {
    tiny.write("other.txt", "good dog\nbad cat\nthe sky\nred food\nblue river\n");
    tiny.write("both.yaml", "embed: texts.txt\ntrain: other.txt\n");
    final Outcome half = Outcome.of("evaluate", tiny.model(), "--task", file("texts.yaml"));
    final Outcome all = Outcome.of("evaluate", tiny.model(), "--task", file("both.yaml"));
    half.code(0);
    all.code(0).prints("cosine 1.000000");
    tiny.write("vectors.yaml", EXPERIMENT.replace("texts.txt}", "texts.txt, train: other.txt}"));
    final Path other = temporary.resolve("both");
    Outcome.of("run", file("vectors.yaml"), "-o", other).code(0);
    final String manifest = Tiny.read(other.resolve("manifest.json"));
    assertTrue(manifest.contains("texts.txt, other.txt"), manifest);
    assertTrue(
        Tiny.read(other.resolve("experiment.resolved.yaml")).contains("train: other.txt"),
        "the resolved file names both");
  }

  @Test
  void aHeadThatIsThereStays() {
    final Path tuned = file("tuned");
    Outcome.of("finetune", tiny.model(), "--task", tiny.task(), "-o", tuned, "--epochs", 1).code(0);
    tiny.write("vectors.yaml", EXPERIMENT.replace("model: tiny-bert", "model: tuned"));
    final Path other = temporary.resolve("tuned-run");
    Outcome.of("run", file("vectors.yaml"), "-o", other).code(0);
    final Path exported = other.resolve("exports/tuned.texts.rtn-int4/safetensors");
    Outcome.of("evaluate", exported, "--task", tiny.task()).code(0).prints("accuracy 0.");
    assertEquals(1.0, value(other, "dense", 1, "cosine"));
  }

  @Test
  void fineTuningIsRefusedUnlessOtherTasksNeedIt() {
    final String asked = EXPERIMENT + "finetune: {epochs: 2, batch: 4}\n";
    tiny.write("vectors.yaml", asked);
    Outcome.of("plan", file("vectors.yaml"))
        .code(3)
        .says("vectors.yaml:", "finetune.when: The task 'texts' has no labels", "'when: needed'");
    final String labelled = "{train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}";
    tiny.write(
        "vectors.yaml",
        asked
            .replace("{epochs", "{when: needed, examples: 90, epochs")
            .replace("{embed: texts.txt}", "[{embed: texts.txt}, " + labelled + "]"));
    final Path both = temporary.resolve("both-tasks");
    Outcome.of("run", file("vectors.yaml"), "-o", both)
        .code(0)
        .prints("tiny-bert on texts", "tiny-bert on signs", "12 cells");
    for (String metric : List.of("cosine", "neighbours")) {
      assertEquals(value(run, "rtn-int2", 2, metric), value(both, "rtn-int2", 2, metric), metric);
    }
    Outcome.of("finetune", tiny.model(), "--task", file("texts.yaml"), "-o", file("new"))
        .code(2)
        .says("The task 'texts' has no labels");
    assertFalse(Files.exists(file("new")));
  }

  @Test
  void smokeAndLimitWork() {
    Outcome.of("run", file("vectors.yaml"), "--smoke", "-o", temporary.resolve("smoke"))
        .code(0)
        .prints("3 cells");
    final Path limited = temporary.resolve("limited");
    Outcome.of("run", file("vectors.yaml"), "--limit", 7, "-o", limited).code(0);
    assertEquals(1.0, value(limited, "dense", 1, "neighbours"), "six neighbours of seven texts");
    Outcome.of("run", file("vectors.yaml"), "--limit", 1, "-o", temporary.resolve("one"))
        .code(3)
        .says("a single text has no neighbours");
    Outcome.of("evaluate", tiny.model(), "--task", file("texts.yaml"), "--limit", 1)
        .code(3)
        .says("a single text has no neighbours");
    Outcome.of("evaluate", tiny.model(), "--task", file("texts.yaml"), "--split", "test")
        .code(3)
        .says("The task 'texts' has no 'test' examples");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\n \n", "only one\n"})
  void filesWithTooFewTextsAreRefused(String text) {
    tiny.write("texts.txt", text);
    Outcome.of("plan", file("vectors.yaml")).code(4).says("texts.txt: ", "Add texts");
    Outcome.of("evaluate", tiny.model(), "--task", file("texts.yaml")).code(4).says("Add texts");
  }

  @Test
  void filesThatAreNoTextsAreRefused() throws IOException {
    Files.write(file("texts.txt"), "gut\nsch\u00f6n".getBytes(StandardCharsets.ISO_8859_1));
    Outcome.of("run", file("vectors.yaml"), "-o", temporary.resolve("x"))
        .code(4)
        .says("texts.txt, line 2: not valid UTF-8");
    Files.delete(file("texts.txt"));
    Outcome.of("plan", file("vectors.yaml")).code(4).says("texts.txt does not exist");
    Files.createDirectory(file("texts.txt"));
    Outcome.of("plan", file("vectors.yaml")).code(4).says("texts.txt is a folder");
    tiny.write("vectors.yaml", EXPERIMENT.replace("texts.txt}", "texts.txt, dev: texts.txt}"));
    Outcome.of("plan", file("vectors.yaml"))
        .code(3)
        .says("unknown key 'dev' in task", "Known here: ");
  }

  @Test
  void latencyIsMeasuredWithAndWithoutATask() {
    final Outcome alone =
        Outcome.of("evaluate", "--latency=3x7", tiny.model(), "--latency", "2x5").code(0);
    final List<String> lines = alone.out().lines().toList();
    assertEquals(2, lines.size(), alone.out());
    final List<String> shapes = List.of("3x7", "2x5");
    for (int i = 0; i < 2; i++) {
      assertTrue(
          lines.get(i).matches("latency_ms_p50 " + shapes.get(i) + " [0-9]+\\.[0-9]{3}"),
          lines.get(i));
    }
    Outcome.of("evaluate", tiny.model(), "--task", file("texts.yaml"), "--latency=1x8")
        .code(0)
        .prints("cosine 1.000000", "latency_ms_p50 1x8 ");
  }

  @Test
  void optionsWithoutMeaningAreRefused() {
    Outcome.of("evaluate", tiny.model()).code(2).says("--task T", "--latency");
    Outcome.of("evaluate", tiny.model(), "--latency", "--split", "dev").code(2).says("--split has");
    Outcome.of("evaluate", tiny.model(), "--latency", "--limit", "3").code(2).says("--limit has");
    Outcome.of("evaluate", tiny.model(), "--latency", "--reference", "x")
        .code(2)
        .says("--reference has");
    Outcome.of("evaluate", tiny.model(), "--latency=1by8").code(2).says("'1by8' must read BxT");
    Outcome.of("evaluate", tiny.model(), "--latency=0x8").code(2).says("0 sentences");
    Outcome.of("evaluate", tiny.model(), "--latency=1x513").code(2).says("513 tokens a sentence");
    Outcome.of("evaluate", "--latency", tiny.model()) // the model is no shape
        .code(2)
        .says("--latency=1x32 has 32 tokens a sentence", "reads at most 29");
    Outcome.of("evaluate", tiny.model(), "--latency=1x30")
        .code(2)
        .says("--latency=1x30 has 30 tokens a sentence", "reads at most 29");
  }
}
