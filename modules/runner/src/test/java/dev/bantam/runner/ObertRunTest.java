package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.Step;
import dev.bantam.compression.TensorSelector;
import dev.bantam.export.PackedFile;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.ExperimentReader;
import dev.bantam.runner.run.StepCatalogue;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Second-order pruning in a run: counts, patterns, memory, threads, resume, refusals. */
class ObertRunTest {
  private static final String VARIANTS =
      """
      variants:
        - {name: dense}
        - name: obert-0.6
          steps: [{prune: {method: obert, sparsity: 0.6, gradients: 6, batch: 8, block: 12, dampening: 1e-4}}]
        - name: obert-little-0.6
          steps: [{prune: {method: obert, sparsity: 0.6, gradients: 6, batch: 8, block: 12, dampening: 1e-4, memory: 0.004}}]
        - name: obert-again-0.6
          steps: [{prune: {method: obert, sparsity: 0.6, gradients: 6, batch: 8, block: 12, dampening: 1e-4, recomputations: 3}}]
        - name: obert-2of4
          steps: [{prune: {method: obert, pattern: 2of4, gradients: 6, batch: 8, block: 12, dampening: 1e-4}}]
        - name: obert-block4-0.5
          steps: [{prune: {method: obert, sparsity: 0.5, pattern: block-4, gradients: 6, batch: 8, block: 12, dampening: 1e-4}}]
      """;

  @TempDir private static Path temporary;
  private static Path experiment;
  private static Path run;
  private static SortedMap<String, String> files;

  @BeforeAll
  static void runOnce() {
    final Tiny tiny = Tiny.in(temporary).enlarged();
    experiment = tiny.write("obert.yaml", withVariants(tiny.text()));
    run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run, "--threads", 2).code(0);
    files = Folders.stable(run);
  }

  /** The experiment's head with other variants, one seed. */
  private static String withVariants(String text) {
    final int variants = text.indexOf("variants:");
    final int next = text.indexOf("\nevaluate:", variants);
    final String rest = next < 0 ? "" : text.substring(next + 1);
    return text.substring(0, variants).replaceAll("(?m)^seeds:.*$", "seeds: [1]")
        + VARIANTS
        + rest.replaceAll("(?m)^export:.*$", "").replaceAll("(?m)^gate:.*$", "");
  }

  private static Path cell(String variant) {
    return run.resolve("cells").resolve(Tiny.CELL + variant + ".s1");
  }

  private static JsonNode result(String variant) {
    try {
      return new ObjectMapper().readTree(Files.readAllBytes(cell(variant).resolve("result.json")));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static CompressedModel weights(String variant) {
    return PackedFile.read(cell(variant).resolve("model.safetensors"));
  }

  @Test
  void exactlyTheShareIsGoneAndOthersMoved() {
    long zeros = 0;
    long all = 0;
    int moved = 0;
    final CompressedModel dense = weights("dense");
    for (var tensor : weights("obert-0.6").tensors().entrySet()) {
      if (TensorSelector.isEncoderMatrix(tensor.getKey())) {
        final float[] before = Floats.toArray(dense.tensors().get(tensor.getKey()).dense());
        final float[] after = Floats.toArray(tensor.getValue().dense());
        for (int i = 0; i < after.length; i++) {
          zeros += after[i] == 0f ? 1 : 0;
          moved += after[i] != 0f && after[i] != before[i] ? 1 : 0;
        }
        all += after.length;
      }
    }
    assertEquals((long) Math.rint(0.6 * all), zeros);
    assertTrue(moved > all / 10, moved + " of " + all + " moved");
  }

  @Test
  void patternsHold() {
    check("obert-2of4", 4, zeros -> zeros == 2);
    check("obert-block4-0.5", 4, zeros -> zeros == 0 || zeros == 4);
  }

  private static void check(String variant, int size, IntPredicate allowed) {
    weights(variant)
        .tensors()
        .forEach(
            (name, form) -> {
              if (TensorSelector.isEncoderMatrix(name)) {
                final float[] w = Floats.toArray(form.dense());
                for (int q = 0; q < w.length; q += size) {
                  int zeros = 0;
                  for (int i = q; i < q + size; i++) {
                    zeros += w[i] == 0f ? 1 : 0;
                  }
                  assertTrue(allowed.test(zeros), name + " at " + q + ": " + zeros);
                }
              }
            });
  }

  /** Less memory means more passes over the same gradients, and the same weights. */
  @Test
  void littleMemoryChangesNothing() {
    assertEquals(
        result("obert-0.6").path("sha256").asText(),
        result("obert-little-0.6").path("sha256").asText());
    assertNotEquals(
        result("obert-0.6").path("sha256").asText(),
        result("obert-again-0.6").path("sha256").asText());
  }

  @Test
  void recordsSayWhatWasPredictedAndMeasured() {
    final JsonNode step = result("obert-0.6").path("steps").get(0);
    assertEquals("obert", step.path("method").asText());
    final JsonNode event = step.path("events").get(0);
    assertEquals(0.6, event.path("sparsity").asDouble(), 1e-3);
    double sum = 0;
    for (JsonNode tensor : step.path("tensors")) {
      sum += tensor.path("predicted_loss").asDouble(Double.NaN);
    }
    assertEquals(event.path("predicted_loss").asDouble(), sum, 1e-9 * sum);
    assertTrue(sum > 0);
    assertTrue(event.path("loss_before").asDouble() > 0);
    assertTrue(event.path("loss_after").asDouble() > 0);
    assertTrue(Tiny.read(run.resolve("report.md")).contains("| event | sparsity | predicted |"));
  }

  @Test
  void threadsAndAnInterruptedRunChangeNothing() throws IOException {
    final Path other = temporary.resolve("other");
    Outcome.of("run", experiment, "-o", other, "--threads", 3).code(0);
    assertEquals(List.of(), Folders.differences(files, Folders.stable(other)));
    final Path cell = other.resolve("cells").resolve(Tiny.CELL + "obert-2of4.s1");
    for (String file : Folders.files(cell)) {
      Files.delete(cell.resolve(file));
    }
    Files.delete(cell);
    Outcome.of("run", experiment, "-o", other).code(0);
    assertEquals(List.of(), Folders.differences(files, Folders.stable(other)));
  }

  @Test
  void whatCannotBeDoneIsRefusedByPlan() {
    final Tiny tiny = Tiny.in(temporary.resolve("refused"));
    final String head = tiny.text().substring(0, tiny.text().indexOf("variants:"));
    final Path wrong =
        tiny.write(
            "wrong.yaml",
            head
                + """
                variants:
                  - {name: dense}
                  - name: a
                    steps: [{prune: {method: obert, pattern: 2of4}}]
                  - name: b
                    steps: [{prune: {method: obert, pattern: 2of4, block: 6}}]
                """);
    Outcome.of("plan", wrong)
        .code(3)
        .says("groups of 4 inputs leave 3 over", "blocks of 6 cut groups of 4");
    final Path twice =
        tiny.write(
            "twice.yaml",
            head
                + """
                variants:
                  - {name: dense}
                  - name: a
                    steps: [{prune: {method: obert, sparsity: 0.5, pattern: 2of4}}]
                """);
    Outcome.of("plan", twice).code(3).says("Delete the key");
  }

  /** From fewer and smaller samples; the resolved file and the records say so. */
  @Test
  void aSmokeRunSamplesLess() throws IOException {
    final Tiny tiny = Tiny.in(temporary.resolve("smoke")).enlarged();
    final String head = tiny.text().substring(0, tiny.text().indexOf("variants:"));
    final Path file =
        tiny.write(
            "defaults.yaml",
            head
                + """
                variants:
                  - {name: dense}
                  - name: obert-0.6
                    steps: [{prune: {method: obert, sparsity: 0.6, recomputations: 5}}]
                  - name: obert-2of4
                    steps: [{prune: {method: obert, pattern: 2of4, gradients: 3, batch: 2, block: 4}}]
                  - name: obert-block3-0.6
                    steps: [{prune: {method: obert, sparsity: 0.6, pattern: block-3}}]
                """);
    final Path smoke = temporary.resolve("smoke-run");
    Outcome.of("run", file, "--smoke", "-o", smoke).code(0);
    final Experiment<Step> asked = read(file);
    final Experiment<Step> done = read(smoke.resolve("experiment.resolved.yaml"));
    final List<String> treatments =
        List.of(
            "unstructured, 8 gradients of 4, blocks of 8, dampening 1.0E-7, joint update, 2 rec",
            "2of4, 3 gradients of 2, blocks of 4, ",
            "block-3, 8 gradients of 4, blocks of 6, ");
    for (int v = 1; v < asked.variants().size(); v++) {
      final Step written = asked.variants().get(v).steps().get(0).value();
      final Step smoked = done.variants().get(v).steps().get(0).value();
      assertEquals(written.smoke().step(), smoked);
      assertEquals(smoked, smoked.smoke().step(), "as small as it gets");
      final String name = asked.variants().get(v).name();
      final Path cell = smoke.resolve("cells").resolve("tiny-bert-random.signs." + name + ".s1");
      final String record = Tiny.read(cell.resolve("result.json"));
      assertTrue(record.contains(treatments.get(v - 1)), record);
    }
    assertNotEquals(asked.variants().get(1).steps(), done.variants().get(1).steps());
  }

  /** What a run would refuse, though the smaller step would do. */
  @Test
  void aSmokeRunRefusesWhatARunDoes() {
    final Tiny tiny = Tiny.in(temporary.resolve("smoke-refused")).enlarged();
    final String head = tiny.text().substring(0, tiny.text().indexOf("variants:"));
    final Path file =
        tiny.write(
            "wrong.yaml",
            head
                + """
                variants:
                  - {name: dense}
                  - name: a
                    steps: [{prune: {method: obert, pattern: 2of4, block: 46}}]
                """);
    Outcome.of("run", file, "--smoke", "-o", temporary.resolve("none"))
        .code(3)
        .says("blocks of 46 cut groups of 4");
  }

  /** As a measurement on a large model does it: a folder of random weights, in several passes. */
  @Test
  void aRecipePrunesAFolderOfAnyShapeInPasses() throws IOException {
    final Path folder = temporary.resolve("shape");
    final Path model = ModelOfShape.write(folder, 3, 64, 128);
    Outcome.of("inspect", model).code(0).prints("bert, 3 layers, width 64, heads of 64");
    final Path recipe =
        Files.writeString(
            folder.resolve("recipe.yaml"),
            "- prune: {method: obert, sparsity: 0.9, gradients: 5, batch: 1, memory: 0.003}\n");
    final Path out = folder.resolve("out");
    Outcome.of(
            "compress",
            model,
            "--recipe",
            recipe,
            "--task",
            folder.resolve("tiny/signs.yaml"),
            "-o",
            out)
        .code(0)
        .prints("dev accuracy");
    long zeros = 0;
    long all = 0;
    for (var tensor : PackedFile.read(out.resolve("model.safetensors")).tensors().entrySet()) {
      if (TensorSelector.isEncoderMatrix(tensor.getKey())) {
        for (float w : Floats.toArray(tensor.getValue().dense())) {
          zeros += w == 0f ? 1 : 0;
          all++;
        }
      }
    }
    assertEquals(3 * (4 * 64 * 64 + 2 * 64 * 128), all);
    assertEquals((long) Math.rint(0.9 * all), zeros);
  }

  private static Experiment<Step> read(Path file) {
    return new ExperimentReader<Step>(new StepCatalogue()).read(file).experiment();
  }
}
