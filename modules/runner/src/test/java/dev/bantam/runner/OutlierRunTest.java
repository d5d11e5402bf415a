package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.Step;
import dev.bantam.export.PackedFile;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.ExperimentReader;
import dev.bantam.runner.run.StepCatalogue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Outlier suppression and integer activations in a run: files, records, draws, refusals. */
class OutlierRunTest {
  private static final String VARIANTS =
      """
      draws: 2
      variants:
        - {name: dense}
        - name: os-plus-vo-w6a6
          steps:
            - suppress-outliers: {method: os-plus-vo, bits: 6, lowest-threshold: 0.1, rows: 16, batch: 8}
            - quantize: {bits: 6, group-size: row}
            - quantize-activations: {bits: 6, observer: percentile, rows: 16}
        - name: smoothquant-w8a8-dynamic
          steps:
            - suppress-outliers: {method: smoothquant, rows: 16}
            - quantize: {bits: 8, group-size: row}
            - quantize-activations: {method: dynamic}
      export: [safetensors]
      """;

  @TempDir private static Path temporary;
  private static Tiny tiny;
  private static Path experiment;
  private static Path run;

  @BeforeAll
  static void runOnce() {
    tiny = Tiny.in(temporary).enlarged();
    experiment = tiny.write("outliers.yaml", withVariants(tiny, VARIANTS));
    run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run, "--threads", 2).code(0);
  }

  private static String withVariants(Tiny tiny, String variants) {
    return tiny.text()
            .substring(0, tiny.text().indexOf("variants:"))
            .replaceAll("(?m)^seeds:.*$", "seeds: [1]")
        + variants;
  }

  private static Path cell(String variant, int draw) {
    return run.resolve("cells").resolve(Tiny.CELL + variant + ".s1d" + draw);
  }

  private static JsonNode steps(String variant) {
    try {
      return new ObjectMapper()
          .readTree(Files.readAllBytes(cell(variant, 1).resolve("result.json")))
          .path("steps");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static CompressedModel weights(String variant, int draw) {
    return PackedFile.read(cell(variant, draw).resolve("model.safetensors"));
  }

  @Test
  void filesHoldWhatTheModelDoes() {
    final CompressedModel plus = weights("os-plus-vo-w6a6", 1);
    assertEquals(20, plus.operations().size());
    assertEquals("affine", plus.operations().get("layer.1.ffn.residual").kind());
    assertEquals("fake-quantize", plus.operations().get("layer.0.attention.query").kind());
    assertEquals("6", plus.operations().get("layer.0.attention.query").attributes().get("bits"));
    assertEquals(
        "token",
        weights("smoothquant-w8a8-dynamic", 1)
            .operations()
            .get("layer.1.ffn.hidden")
            .attributes()
            .get("granularity"));
  }

  /** What the run measured on dev is what the exported folder gives when it is opened again. */
  @Test
  void anExportedFolderScoresTheSame() {
    final String name = "os-plus-vo-w6a6";
    final Path folder = run.resolve("exports/" + Tiny.CELL + name + "/safetensors");
    final String printed = Outcome.of("evaluate", folder, "--task", tiny.task()).code(0).out();
    for (String metric : new String[] {"accuracy", "loss"}) { // a loss shows the smallest change
      final double value = result(name).path("metrics").path(metric).asDouble();
      final String score = String.format(Locale.ROOT, "%s %.6f", metric, value);
      assertTrue(printed.contains(score), score + " is not in\n" + printed);
    }
    Outcome.of("inspect", folder).code(0).prints("at layer.0.ffn.input: fake-quantize");
  }

  private static JsonNode result(String variant) {
    try {
      return new ObjectMapper()
          .readTree(Files.readAllBytes(cell(variant, 1).resolve("result.json")));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void drawsCalibrateOnOtherRows() {
    final String place = "layer.0.ffn.hidden";
    assertTrue(
        !weights("os-plus-vo-w6a6", 1)
            .operations()
            .get(place)
            .attributes()
            .equals(weights("os-plus-vo-w6a6", 2).operations().get(place).attributes()));
  }

  @Test
  void recordsSayWhatWasDoneAtEachSite() {
    final JsonNode steps = steps("os-plus-vo-w6a6");
    assertEquals("os-plus-vo", steps.get(0).path("method").asText());
    assertEquals(6, steps.get(0).path("tensors").size());
    final String treatment = steps.get(0).path("tensors").get(0).path("treatment").asText();
    assertTrue(treatment.contains("channels scaled"), treatment);
    assertTrue(treatment.contains("outputs differ by"), treatment);
    assertEquals(16, steps.get(2).path("tensors").size());
    assertTrue(Tiny.read(run.resolve("report.md")).contains("os-plus-vo-w6a6"));
  }

  @Test
  void threadsChangeNothing() {
    final Path other = temporary.resolve("other");
    Outcome.of("run", experiment, "-o", other, "--threads", 1).code(0);
    assertEquals(List.of(), Folders.differences(Folders.stable(run), Folders.stable(other)));
  }

  @Test
  void whatCannotBeDoneIsRefusedByPlan() {
    final Tiny refused = Tiny.in(temporary.resolve("refused"));
    final Path wrong =
        refused.write(
            "wrong.yaml",
            withVariants(
                refused,
                """
                variants:
                  - {name: dense}
                  - name: b
                    steps: [{suppress-outliers: {shift: false, scale: none}}]
                  - name: c
                    steps: [{suppress-outliers: {method: smoothquant, bits: 4}}]
                  - name: d
                    steps: [{quantize-activations: {method: dynamic, observer: mse}}]
                """));
    Outcome.of("plan", wrong).code(3).says("the step does nothing", "bits", "observer");
    final Path sites =
        refused.write(
            "sites.yaml",
            withVariants(
                refused,
                """
                variants:
                  - {name: dense}
                  - name: a
                    steps: [{quantize-activations: {targets: encoder.layer.*}}]
                """));
    Outcome.of("plan", sites)
        .code(3)
        .says("'encoder.layer.*' matches no input of a matrix product");
  }

  @Test
  void aSmokeRunSamplesLess() {
    final Path smoke = temporary.resolve("smoke-run");
    Outcome.of("run", experiment, "--smoke", "-o", smoke).code(0);
    final Experiment<Step> asked = read(experiment);
    final Experiment<Step> done = read(smoke.resolve("experiment.resolved.yaml"));
    for (int v = 1; v < asked.variants().size(); v++) {
      for (int s = 0; s < asked.variants().get(v).steps().size(); s++) {
        assertEquals(
            asked.variants().get(v).steps().get(s).value().smoke().step(),
            done.variants().get(v).steps().get(s).value());
      }
    }
  }

  private static Experiment<Step> read(Path file) {
    return new ExperimentReader<Step>(new StepCatalogue()).read(file).experiment();
  }

  @Test
  void inspectShowsActivations() {
    final Path model = tiny.model();
    Outcome.of("inspect", model, "--activations", "--task", tiny.task(), "--texts", 5)
        .code(0)
        .prints("layer.0.attention.input", "layer.1.ffn.sum", "kurtosis");
    Outcome.of("inspect", model, "--activations").code(2).says("--task");
    Outcome.of("inspect", model, "--task", tiny.task()).code(2).says("--activations");
  }
}
