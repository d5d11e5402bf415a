package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.TensorSelector;
import dev.bantam.export.PackedFile;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The pruning methods that others are compared with, in a run: counts, patterns, records, stops.
 */
class PruningComparisonRunTest {
  private static final String VARIANTS =
      """
      variants:
        - {name: dense}
        - {name: movement-0.7, steps: [{prune: {method: movement, schedule: {to: 0.7, events: 5, begin: 0.2, end: 0.4}, train: {epochs: 3, batch: 8, learning-rate: 1e-3}}}]}
        - {name: movement-block-0.5, steps: [{prune: {method: movement, block-rows: 10, block-columns: 4, schedule: {to: 0.5, events: 2, begin: 0.2, end: 0.4}, train: {epochs: 1, batch: 8}}}]}
        - {name: movement-soft, steps: [{prune: {method: movement-soft, threshold: 0.49, penalty: 0.01, begin: 0.1, end: 0.5, score-learning-rate: 0.05, train: {epochs: 1, batch: 8, teacher: none}}}]}
        - {name: wanda-0.6, steps: [{prune: {method: wanda, sparsity: 0.6, batches: 2, batch: 8}}]}
        - {name: wanda-2of4, steps: [{prune: {method: wanda, pattern: 2of4, batches: 2, batch: 8}}]}
        - {name: sparsegpt-0.6, steps: [{prune: {method: sparsegpt, sparsity: 0.6, batches: 2, batch: 8, block: 16}}]}
        - {name: sparsegpt-dense-0.6, steps: [{prune: {method: sparsegpt, sparsity: 0.6, batches: 2, batch: 8, block: 16, inputs: dense}}]}
        - {name: sparsegpt-2of4, steps: [{prune: {method: sparsegpt, pattern: 2of4, batches: 2, batch: 8}}]}
        - {name: sparsegpt-gradual-0.7, steps: [{prune: {method: sparsegpt, batches: 2, batch: 8, schedule: {to: 0.7, events: 2}, train: {epochs: 1, batch: 8}}}]}
        - {name: exactobs-0.6, steps: [{prune: {method: exactobs, sparsity: 0.6, batches: 2, batch: 8}}]}
        - {name: exactobs-2of4, steps: [{prune: {method: exactobs, pattern: 2of4, batches: 2, batch: 8}}]}
        - {name: exactobs-block4-0.5, steps: [{prune: {method: exactobs, pattern: block-4, sparsity: 0.5, batches: 2, batch: 8}}]}
        - {name: cap-0.6, steps: [{prune: {method: cap, sparsity: 0.6, gradients: 6, batch: 8, block: 12, dampening: 1e-4}}]}
        - {name: cap-2of4, steps: [{prune: {method: cap, pattern: 2of4, gradients: 6, batch: 8, block: 12, dampening: 1e-4}}]}
        - {name: obd-0.6, steps: [{prune: {method: obd, sparsity: 0.6, gradients: 6, batch: 8, dampening: 1e-4}}]}
        - {name: obert-b1-0.6, steps: [{prune: {method: obert, sparsity: 0.6, gradients: 6, batch: 8, block: 1, dampening: 1e-4}}]}
        - {name: obd-2of4, steps: [{prune: {method: obd, pattern: 2of4, gradients: 6, batch: 8}}]}
      """;

  @TempDir private static Path temporary;
  private static Tiny tiny;
  private static Path experiment;
  private static Path run;
  private static SortedMap<String, String> files;

  @BeforeAll
  static void runOnce() {
    tiny = Tiny.in(temporary).enlarged();
    experiment = tiny.write("comparison.yaml", withVariants(VARIANTS));
    run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run, "--threads", 2).code(0);
    files = Folders.stable(run);
  }

  /** The experiment's head with other variants, one seed. */
  private static String withVariants(String variants) {
    final String text = tiny.text();
    return text.substring(0, text.indexOf("variants:"))
            .replaceAll("(?m)^seeds:.*$", "seeds: [1]")
            .replace("{epochs: 8,", "{epochs: 2,")
        + variants;
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

  /** The encoder matrices of a variant, as its file gives them. */
  private static Map<String, CompressedTensor> matrices(String variant) {
    final Map<String, CompressedTensor> matrices =
        new TreeMap<>(PackedFile.read(cell(variant).resolve("model.safetensors")).tensors());
    matrices.keySet().removeIf(name -> !TensorSelector.isEncoderMatrix(name));
    assertEquals(12, matrices.size());
    return matrices;
  }

  private static float[] weights(CompressedTensor form) {
    return Floats.toArray(form.dense());
  }

  private static int zeros(float[] w, int from, int to) {
    int zeros = 0;
    for (int i = from; i < to; i++) {
      zeros += w[i] == 0f ? 1 : 0;
    }
    return zeros;
  }

  /** Where each matrix loses the same share, its zeros are exactly that. */
  @ParameterizedTest
  @CsvSource({
    "wanda-0.6,0.6", "wanda-2of4,0.5", "sparsegpt-0.6,0.6", "sparsegpt-dense-0.6,0.6",
    "sparsegpt-2of4,0.5", "sparsegpt-gradual-0.7,0.7", "exactobs-0.6,0.6", "exactobs-2of4,0.5",
    "exactobs-block4-0.5,0.5", "cap-2of4,0.5", "obd-2of4,0.5", "movement-0.7,0.7",
    "movement-block-0.5,0.5"
  })
  void everyMatrixLosesItsShare(String variant, double share) {
    matrices(variant)
        .forEach(
            (name, form) -> {
              final float[] w = weights(form);
              assertEquals((int) Math.rint(share * w.length), zeros(w, 0, w.length), name);
            });
  }

  @ParameterizedTest
  @CsvSource({"cap-0.6", "obd-0.6"})
  void allMatricesTogetherLoseTheirShare(String variant) {
    int zeros = 0;
    int all = 0;
    for (CompressedTensor form : matrices(variant).values()) {
      final float[] w = weights(form);
      zeros += zeros(w, 0, w.length);
      all += w.length;
    }
    assertEquals((int) Math.rint(0.6 * all), zeros);
  }

  @Test
  void patternsHold() {
    for (String variant :
        List.of("wanda-2of4", "sparsegpt-2of4", "exactobs-2of4", "cap-2of4", "obd-2of4")) {
      groups(variant, 4, zeros -> zeros == 2);
    }
    groups("exactobs-block4-0.5", 4, zeros -> zeros == 0 || zeros == 4);
    groups("movement-block-0.5", 4, zeros -> zeros == 0 || zeros == 4);
    matrices("wanda-0.6")
        .forEach(
            (name, form) -> {
              final float[] w = weights(form);
              final int columns = (int) form.dense().size(1);
              for (int r = 0; r < w.length; r += columns) {
                assertEquals(0.6 * columns, zeros(w, r, r + columns), 1, name);
              }
            });
  }

  private static void groups(String variant, int size, IntPredicate allowed) {
    matrices(variant)
        .forEach(
            (name, form) -> {
              final float[] w = weights(form);
              for (int q = 0; q < w.length; q += size) {
                final int zeros = zeros(w, q, q + size);
                assertTrue(allowed.test(zeros), variant + " " + name + " at " + q + ": " + zeros);
              }
            });
  }

  /** Wanda and OBD leave what stays as it is; the others move it. */
  @ParameterizedTest
  @CsvSource({
    "wanda-0.6,false", "wanda-2of4,false", "obd-0.6,false", "sparsegpt-0.6,true",
    "exactobs-0.6,true", "exactobs-block4-0.5,true", "cap-0.6,true", "movement-0.7,true"
  })
  void whatStays(String variant, boolean moves) {
    final Map<String, CompressedTensor> dense = matrices("dense");
    int moved = 0;
    int stays = 0;
    for (Map.Entry<String, CompressedTensor> matrix : matrices(variant).entrySet()) {
      final float[] before = weights(dense.get(matrix.getKey()));
      final float[] after = weights(matrix.getValue());
      for (int i = 0; i < after.length; i++) {
        stays += after[i] != 0f ? 1 : 0;
        moved += after[i] != 0f && after[i] != before[i] ? 1 : 0;
      }
    }
    assertTrue(moves ? moved > stays / 2 : moved == 0, moved + " of " + stays + " moved");
  }

  /** The diagonal of the Fisher matrix is that of blocks of one weight. */
  @Test
  void obdIsObertWithBlocksOfOne() {
    assertEquals(result("obert-b1-0.6").path("sha256"), result("obd-0.6").path("sha256"));
  }

  /** The first layer reads the same inputs in both, the second does not. */
  @Test
  void layersSeeWhatThePrunedLayersBeforeThemGive() {
    final Map<String, CompressedTensor> pruned = matrices("sparsegpt-0.6");
    final Map<String, CompressedTensor> dense = matrices("sparsegpt-dense-0.6");
    int different = 0;
    for (String name : pruned.keySet()) {
      final boolean equal =
          java.util.Arrays.equals(weights(pruned.get(name)), weights(dense.get(name)));
      assertTrue(equal || name.contains("layer.1."), name);
      different += equal ? 0 : 1;
    }
    assertTrue(different > 0);
  }

  @Test
  void recordsSayWhatWasDone() {
    final JsonNode step = result("sparsegpt-0.6").path("steps").get(0);
    assertEquals("sparsegpt", step.path("method").asText());
    final String treatment = step.path("tensors").get(0).path("treatment").asText();
    assertTrue(treatment.contains("inputs of pruned layers"), treatment);
    assertEquals("cap", result("cap-0.6").path("steps").get(0).path("method").asText());
    final JsonNode event = result("cap-0.6").path("steps").get(0).path("events").get(0);
    assertTrue(event.path("predicted_loss").asDouble() > 0, event.toString());
    final JsonNode soft = result("movement-soft").path("steps").get(0);
    assertEquals("movement-soft", soft.path("method").asText());
    final double sparsity = soft.path("events").get(0).path("sparsity").asDouble();
    assertTrue(sparsity > 0 && sparsity < 1, "learned: " + sparsity);
    assertEquals(
        "sparsegpt-gradual",
        result("sparsegpt-gradual-0.7").path("steps").get(0).path("method").asText());
  }

  /** Killed while masks are learned, with other threads: the rest gives the same bytes. */
  @Test
  void threadsAndAKilledRunChangeNothing() throws IOException {
    final Path killed = temporary.resolve("killed");
    try (Child child = Child.start(temporary, "run", experiment, "-o", killed, "--threads", 3)) {
      child.until("epoch 1/3").kill();
    }
    Outcome.of("run", experiment, "-o", killed, "--threads", 1).code(0);
    assertEquals(List.of(), Folders.differences(files, Folders.stable(killed)));
    assertEquals(List.of(), Folders.leftovers(killed));
    final Path cell = killed.resolve("cells").resolve(Tiny.CELL + "exactobs-0.6.s1");
    for (String file : Folders.files(cell)) {
      Files.delete(cell.resolve(file));
    }
    Files.delete(cell);
    Outcome.of("run", experiment, "-o", killed, "--threads", 2).code(0);
    assertEquals(List.of(), Folders.differences(files, Folders.stable(killed)));
  }

  @Test
  void otherSettingsGiveOtherModels() {
    assertNotEquals(result("wanda-0.6").path("sha256"), result("sparsegpt-0.6").path("sha256"));
    assertNotEquals(result("exactobs-0.6").path("sha256"), result("sparsegpt-0.6").path("sha256"));
  }

  @Test
  void whatCannotBeDoneIsRefused() {
    refused("wanda, sparsity: 0.5, pattern: block-4", "'wanda' removes single weights");
    refused("sparsegpt, pattern: 2of4, block: 10", "cut groups of 4 apart");
    refused(
        "wanda, sparsity: 0.5, targets: embeddings.word_embeddings.weight",
        "no matrix of an encoder layer");
    refused("wanda, pattern: 2of4, sparsity: 0.5", "Delete the key");
    refused("exactobs, pattern: 7of8", "leave 4 over");
    refused("obd, pattern: block-32, sparsity: 0.5", "leave 28 over");
    refused("magnitude, pattern: 2of4, sparsity: 0.5", "Delete the key");
    refused("cap, pattern: 2of4, block: 10", "Fisher blocks of 10 cut groups of 4");
    refused("cap, sparsity: 0.5, update: joint", "update");
    refused("movement, schedule: {to: 0.5}", "masks are learned in a training");
    refused("movement, train: {}", "masks are learned while more and more goes");
    refused("movement, schedule: {to: 0.5}, train: {}, block-rows: 7", "leave 4 over");
    refused("movement-soft, train: {}, begin: 0.7, end: 0.5", "lies before 'begin'");
    refused("movement-soft, schedule: {to: 0.5}, train: {}", "schedule");
  }

  private static void refused(String prune, String says) {
    final String variants =
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: " + prune + "}}]}]\n";
    Outcome.of("plan", tiny.write("wrong.yaml", withVariants(variants))).code(3).says(says);
  }

  /** From fewer examples; the records say so. */
  @Test
  void aSmokeRunLooksAtLess() {
    final Path file =
        tiny.write(
            "smoke.yaml",
            withVariants(
                """
                variants:
                  - {name: dense}
                  - {name: wanda-0.6, steps: [{prune: {method: wanda, sparsity: 0.6}}]}
                  - {name: movement-0.7, steps: [{prune: {method: movement, schedule: {to: 0.7}, train: {epochs: 5}}}]}
                  - {name: magnitude-2of4, steps: [{prune: {pattern: 2of4}}]}
                """));
    final Path smoke = temporary.resolve("smoke");
    Outcome.of("run", file, "--smoke", "-o", smoke).code(0);
    final String resolved = Tiny.read(smoke.resolve("experiment.resolved.yaml"));
    assertTrue(resolved.contains("batches: 1\n"), resolved);
    assertTrue(resolved.contains("epochs: 1\n"), resolved);
  }
}
