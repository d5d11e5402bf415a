package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The exit codes that the README promises: 0 to 4 here and 7 for a foreign folder, 5 in {@link
 * FailureTest}, 6 in {@code PredictionTest}, 7 in {@link ResumeTest}, 4 and 6 in {@link
 * UnwritableTest}, 130 in {@link InterruptTest}.
 */
class ExitCodesTest {
  @TempDir private Path temporary;

  private Tiny tiny;

  @BeforeEach
  void copy() {
    tiny = Tiny.in(temporary);
  }

  @Test
  void helpAndVersionAreOk() {
    Outcome.of("--help").code(0).prints("run", "plan", "evaluate", "Exit codes");
    Outcome.of("--version").code(0).prints("bantam " + dev.bantam.runner.run.Version.TEXT);
    for (String command :
        List.of("run", "plan", "inspect", "finetune", "evaluate", "report", "cache", "doctor")) {
      Outcome.of(command, "--help").code(0).prints("--threads", "--quiet", "--offline");
    }
  }

  @Test
  void aDefectIsOneAndAsksForAReport() throws IOException {
    final Path services = temporary.resolve("more/META-INF/services");
    Files.createDirectories(services);
    Files.writeString(services.resolve(StepFactory.class.getName()), Defect.class.getName());
    final Thread thread = Thread.currentThread();
    final ClassLoader before = thread.getContextClassLoader();
    try (URLClassLoader loader =
        new URLClassLoader(new URL[] {temporary.resolve("more").toUri().toURL()}, before)) {
      thread.setContextClassLoader(loader);
      tiny.edit("quantize: {bits: 4}", "quantize: {method: defect}");
      Outcome.of("run", tiny.experiment(), "-o", temporary.resolve("run"), "--smoke").code(1);
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  /** A method with a defect. */
  public static final class Defect implements StepFactory, Step {
    @Override
    public String step() {
      return "quantize";
    }

    @Override
    public String method() {
      return "defect";
    }

    @Override
    public Step parse(Settings settings) {
      return this;
    }

    @Override
    public List<StepProblem> check(Map<String, long[]> shapes) {
      return List.of();
    }

    @Override
    public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
      return List.of();
    }

    @Override
    public StepLog apply(CompressionState state) {
      throw new IllegalStateException("a defect, made for a test");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "compres x.yaml",
        "run",
        "run e.yaml f.yaml",
        "run e.yaml --thread 2",
        "run e.yaml --threads two",
        "run e.yaml --threads 0",
        "run e.yaml --threads 1025",
        "run e.yaml --limit 0",
        "run e.yaml -o",
        "plan",
        "inspect",
        "evaluate m",
        "evaluate m --task t --split best",
        "evaluate m --task t --limit 0",
        "finetune m --task t",
        "finetune m --task t -o d --epochs 0",
        "finetune m --task t -o d --batch -1",
        "finetune m --task t -o d --seed x",
        "report",
        "report a b",
        "report a --publish -o d",
        "cache wipe",
        "cache list --dry-run",
        "doctor x"
      })
  void aWrongCommandLineIsTwo(String line) {
    final Outcome outcome = Outcome.of((Object[]) line.split(" "));
    outcome.code(2);
    assertFalse(outcome.err().isBlank(), "no message");
    assertFalse(outcome.err().contains("\tat "), "a stack trace:\n" + outcome.err());
  }

  @Test
  void aWrongExperimentIsThreeWithEveryPlaceInOneGo() {
    final Path file =
        tiny.write(
            "wrong.yaml",
            "version: 1\nname: wrong\nmodel: tiny-bert\n"
                + "task: {train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}\n"
                + "finetune: {epoch: 3}\n"
                + "variants:\n"
                + "  - {name: dense}\n"
                + "  - {name: a, steps: [{prune: {sparsty: 0.5}}]}\n"
                + "  - {name: b, steps: [{quantise: {bits: 4}}]}\n");
    Outcome.of("run", file, "-o", temporary.resolve("run"))
        .code(3)
        .says(
            file + ":5:12: unknown key 'epoch' in finetune",
            "Did you mean 'epochs'?",
            file + ":8:31: ",
            "Did you mean 'sparsity'?",
            file + ":9:24: unknown step 'quantise'",
            "Did you mean 'quantize'?");
    assertFalse(Files.exists(temporary.resolve("run")), "nothing may be written");
  }

  /** What only the model and the data can tell is told before any work, too. */
  @Test
  void settingsThatDoNotFitTheModelAreThreeWithEveryPlaceInOneGo() {
    tiny.edit("freeze: []", "freeze: [embedings.*], examples: 1000");
    tiny.edit("sparsity: 0.5", "sparsity: 0.5, targets: [encoder.layer.7.*.weight]");
    tiny.edit("bits: 4", "bits: 4, group-size: 4");
    tiny.edit("[safetensors]", "[delta]");
    final Outcome outcome =
        Outcome.of("run", tiny.experiment(), "-o", temporary.resolve("run")).code(3);
    outcome.says(
        "finetune.freeze: 'embedings.*' matches no tensor",
        "finetune.examples: 1000 is more than",
        "'encoder.layer.7.*.weight' matches no tensor",
        "[15 x 15], and groups of 4 inputs leave 3 over",
        "export: no variant has 'delta:'");
    final List<String> places =
        outcome.err().lines().filter(l -> l.contains("experiment.yaml:")).toList();
    assertTrue(places.size() >= 5, places.toString());
    assertFalse(Files.exists(temporary.resolve("run")), "nothing may be written");
  }

  @Test
  void anUnknownTaskOrAWrongTaskFileIsThree() {
    Outcome.of("evaluate", tiny.model(), "--task", "wordnet-supersens")
        .code(3)
        .says("'wordnet-supersens'", "Did you mean 'wordnet-supersense'?");
    final Path wrong = tiny.write("wrong-task.yaml", "{train: signs.tsv, text: s, lable: l}\n");
    Outcome.of("evaluate", tiny.model(), "--task", wrong)
        .code(3)
        .says(wrong + ":1:1: task.dev is missing", wrong + ":1:29: unknown key 'lable'");
  }

  @Test
  void whatIsMissingIsFour() throws IOException {
    final Path gone = temporary.resolve("gone");
    Outcome.of("run", gone.resolve("experiment.yaml")).code(4).says("does not exist");
    Outcome.of("run", temporary).code(4).says(temporary.resolve("experiment.yaml").toString());
    Outcome.of("plan", tiny.experiment("a.yaml", "tiny-bert", "tiny-brt")).code(4).says("tiny-brt");
    Outcome.of("plan", tiny.experiment("b.yaml", "signs.tsv", "sings.tsv"))
        .code(4)
        .says("sings.tsv");
    Outcome.of("plan", tiny.experiment("c.yaml", "text: sentence", "text: sentense"))
        .code(4)
        .says("no column 'sentense'", "'sentence'?");
    Outcome.of("inspect", gone).code(4).says("gone");
    Outcome.of("evaluate", gone, "--task", tiny.task()).code(4).says("gone");
    Outcome.of("finetune", gone, "--task", tiny.task(), "-o", temporary.resolve("o")).code(4);
    Outcome.of("report", gone).code(4).says(gone.toString());
    Files.delete(tiny.model().resolve("tokenizer.json"));
    Outcome.of("plan", tiny.experiment()).code(4).says("no tokenizer", "tokenizer.json");
  }

  @Test
  void whatIsDamagedIsFour() throws IOException {
    final Path weights = tiny.model().resolve("model.safetensors");
    final byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, java.util.Arrays.copyOf(bytes, bytes.length - 100));
    Outcome.of("inspect", tiny.model()).code(4).says("model.safetensors");
    Outcome.of("plan", tiny.experiment()).code(4).says("model.safetensors");
  }

  /** Wrong settings and a missing model: both are told, the smaller code wins. */
  @Test
  void severalProblemsShareTheSmallestCode() {
    tiny.edit("tiny-bert", "tiny-brt");
    tiny.edit("[safetensors]", "[delta]");
    Outcome.of("plan", tiny.experiment()).code(3).says("tiny-brt", "no variant has 'delta:'");
  }

  @Test
  void theCodesAreThoseOfTheReadme() {
    final String help = Outcome.of("--help").code(0).out();
    final Map<dev.bantam.tensor.ExitCode, Integer> expected =
        Map.of(
            dev.bantam.tensor.ExitCode.OK, 0,
            dev.bantam.tensor.ExitCode.UNEXPECTED, 1,
            dev.bantam.tensor.ExitCode.USAGE, 2,
            dev.bantam.tensor.ExitCode.BAD_FILE, 3,
            dev.bantam.tensor.ExitCode.BAD_INPUT, 4,
            dev.bantam.tensor.ExitCode.GATE, 5,
            dev.bantam.tensor.ExitCode.WOULD_NOT_FIT, 6,
            dev.bantam.tensor.ExitCode.RESUME_MISMATCH, 7,
            dev.bantam.tensor.ExitCode.INTERRUPTED, 130);
    assertEquals(dev.bantam.tensor.ExitCode.values().length, expected.size());
    expected.forEach(
        (exit, code) -> {
          assertEquals(code, exit.code(), exit.name());
          assertTrue(help.contains(code + " "), "--help does not name " + code);
        });
  }
}
