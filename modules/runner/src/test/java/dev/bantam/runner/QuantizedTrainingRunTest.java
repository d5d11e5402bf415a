package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Step;
import dev.bantam.compression.TensorSelector;
import dev.bantam.export.PackedFile;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.ExperimentReader;
import dev.bantam.runner.experiment.Variant;
import dev.bantam.runner.run.StepCatalogue;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** GPTQ and trainings behind codes in a run: forms, records, the same bytes after a kill. */
class QuantizedTrainingRunTest {
  private static final String VARIANTS =
      """
      variants:
        - {name: dense}
        - {name: rtn, steps: [{quantize: {bits: 2, group-size: 20}}]}
        - {name: gptq, steps: [{quantize: {method: gptq, bits: 2, group-size: 20, batches: 3, batch: 8, block: 16}}]}
        - name: mp-2-3-error-gptq
          steps: [{quantize: {method: gptq, allocate: {average: 2.5, sensitivity: error}, groups: 12, act-order: true, batches: 2, batch: 8}}]
        - {name: qat, steps: [{quantize: {bits: 2, group-size: 20, train: {epochs: 2, batch: 8, learning-rate: 1e-3}}}]}
        - {name: lsq, steps: [{quantize: {bits: 2, groups: 12, range: lsq, train: {epochs: 2, batch: 8, learning-rate: 1e-3, hardness: 0.5}}}]}
        - name: mp-2-4-error-lsq
          steps: [{quantize: {allocate: {bits: [2, 4], average: 3, sensitivity: error}, scheme: offset, range: lsq, train: {epochs: 1, batch: 8, teacher: none}}}]
        - name: pruned-qat
          steps:
            - prune: {sparsity: 0.5}
            - quantize: {bits: 4, train: {epochs: 1, batch: 8}}
      """;

  @TempDir private static Path temporary;
  private static Tiny tiny;
  private static Path experiment;
  private static Path run;
  private static SortedMap<String, String> files;

  @BeforeAll
  static void runOnce() {
    tiny = Tiny.in(temporary).enlarged();
    experiment = tiny.write("qat.yaml", withVariants(VARIANTS));
    run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run, "--threads", 2).code(0);
    files = Folders.stable(run);
  }

  /** The experiment's head with other variants, one seed. */
  private static String withVariants(String variants) {
    final String text = tiny.text();
    return text.substring(0, text.indexOf("variants:")).replaceAll("(?m)^seeds:.*$", "seeds: [1]")
        + variants;
  }

  private static Path cell(String variant) {
    return run.resolve("cells").resolve(Tiny.CELL + variant + ".s1");
  }

  private static JsonNode step(String variant, int number) {
    try {
      return new ObjectMapper()
          .readTree(Files.readAllBytes(cell(variant).resolve("result.json")))
          .path("steps")
          .get(number);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static Map<String, CompressedTensor> matrices(String variant) {
    final Map<String, CompressedTensor> matrices =
        new TreeMap<>(PackedFile.read(cell(variant).resolve("model.safetensors")).tensors());
    matrices.keySet().removeIf(name -> !TensorSelector.isEncoderMatrix(name));
    assertEquals(12, matrices.size());
    return matrices;
  }

  @Test
  void filesAndRecordsHoldWhatWasAskedFor() {
    for (String variant : List.of("rtn", "gptq", "mp-2-3-error-gptq", "qat", "lsq")) {
      assertEquals(variant, step(variant, 0).path("method").asText());
    }
    assertEquals("mp-2-4-error-lsq", step("mp-2-4-error-lsq", 0).path("method").asText());
    assertEquals("qat", step("pruned-qat", 1).path("method").asText());
    for (CompressedTensor form : matrices("lsq").values()) {
      final GroupedTensor grouped = (GroupedTensor) form;
      assertEquals(2, grouped.bits());
      assertEquals(12, grouped.groups().count());
      assertEquals(grouped.shape()[1], grouped.groups().width());
    }
    for (CompressedTensor form : matrices("mp-2-4-error-lsq").values()) {
      assertEquals(GroupedTensor.Zero.OFFSET, ((GroupedTensor) form).zero());
    }
    assertTrue(
        step("qat", 0)
            .path("tensors")
            .get(0)
            .path("treatment")
            .asText()
            .contains("trained 2 epochs towards the dense model"));
  }

  /** Trainings move codes; learned scales are not those that the weights would have. */
  @Test
  void trainingsMoveCodesAndScales() {
    int moved = 0;
    for (Map.Entry<String, CompressedTensor> tensor : matrices("qat").entrySet()) {
      final byte[] trained = ((GroupedTensor) tensor.getValue()).codes();
      final byte[] nearest = ((GroupedTensor) matrices("rtn").get(tensor.getKey())).codes();
      for (int i = 0; i < trained.length; i++) {
        moved += trained[i] == nearest[i] ? 0 : 1;
      }
    }
    assertTrue(moved > 1000, "only " + moved + " codes moved");
    assertNotEquals(files.get(weights("gptq")), files.get(weights("rtn")));
  }

  private static String weights(String variant) {
    return "cells/" + Tiny.CELL + variant + ".s1/model.safetensors";
  }

  @Test
  void whatWasPrunedStaysSo() {
    final Map<String, CompressedTensor> trained = matrices("pruned-qat");
    long zeros = 0;
    long all = 0;
    for (CompressedTensor form : trained.values()) {
      assertEquals("sparse-grouped", form.form());
      for (float w : Floats.toArray(form.dense())) {
        zeros += w == 0f ? 1 : 0;
        all++;
      }
    }
    assertTrue(zeros >= all / 2, zeros + " zeros of " + all);
  }

  /** The last score on tune, of the model in training, is that of the file that was written. */
  @Test
  void theStoredCodesAreTheTrainedOnes() {
    for (String settings :
        List.of("group-size: 12", "groups: 4, range: lsq", "scheme: offset, range: lsq")) {
      final Path folder = temporary.resolve("codes-" + settings.hashCode());
      final Path recipe =
          tiny.write(
              "recipe.yaml",
              "- quantize: {bits: 2, "
                  + settings
                  + ", train: {epochs: 1, batch: 8, learning-rate: 1e-3, teacher: none}}\n");
      final Path tuned = temporary.resolve("tuned");
      if (!Files.exists(tuned)) {
        Outcome.of("finetune", tiny.model(), "--task", tiny.task(), "-o", tuned).code(0);
      }
      final Outcome trained =
          Outcome.of("compress", tuned, "--recipe", recipe, "--task", tiny.task(), "-o", folder)
              .code(0);
      final double during = number(trained.err() + trained.out(), "accuracy on tune ([0-9.]+)");
      final Outcome stored =
          Outcome.of("evaluate", folder, "--task", tiny.task(), "--split", "tune").code(0);
      assertEquals(during, number(stored.out(), "accuracy:? +([0-9.]+)"), 5e-5, settings);
    }
  }

  private static double number(String text, String regex) {
    final List<MatchResult> found = Pattern.compile(regex).matcher(text).results().toList();
    assertEquals(1, found.size(), regex + " in " + text);
    return Double.parseDouble(found.get(0).group(1));
  }

  /** Killed after an epoch; the rest gives the same bytes, with another number of threads. */
  @Test
  void aKilledTrainingGoesOn() {
    final String lsq =
        VARIANTS.lines().filter(line -> line.contains("name: lsq")).findFirst().get();
    final Path one =
        tiny.write("one.yaml", withVariants("variants:\n  - {name: dense}\n" + lsq + "\n"));
    final Path killed = temporary.resolve("killed");
    final Path half = killed.resolve("cells/." + Tiny.CELL + "lsq.s1.work");
    try (Child child = Child.start(temporary, "run", one, "-o", killed, "--threads", 2)) {
      child.until(() -> Files.isRegularFile(half.resolve("training-1.resume.safetensors"))).kill();
    }
    Outcome.of("run", one, "-o", killed, "--threads", 1).code(0).prints("reused");
    final SortedMap<String, String> found = Folders.stable(killed);
    for (String variant : List.of("dense", "lsq")) {
      assertEquals(files.get(weights(variant)), found.get(weights(variant)), variant);
    }
    assertEquals(List.of(), Folders.leftovers(killed));
  }

  /** Fewer and smaller samples, fewer epochs; and no less for being asked twice. */
  @Test
  void aSmokeRunDoesLess() {
    final Experiment<Step> asked =
        new ExperimentReader<Step>(new StepCatalogue()).read(experiment).experiment();
    final Map<String, Map<String, Integer>> less = new TreeMap<>();
    for (Variant<Step> variant : asked.variants()) {
      if (!variant.steps().isEmpty()) {
        final Step step = variant.steps().get(variant.steps().size() - 1).value();
        less.put(variant.name(), step.smoke().settings());
        assertEquals(step.smoke().step(), step.smoke().step().smoke().step(), variant.name());
      }
    }
    assertEquals(Map.of("batches", 1, "batch", 8), less.get("gptq"));
    assertEquals(Map.of("batches", 1, "batch", 8), less.get("mp-2-3-error-gptq"));
    assertEquals(Map.of("train.epochs", 1, "train.batch", 8), less.get("qat"));
    assertEquals(Map.of(), less.get("rtn"));
  }

  @Test
  void refusals() {
    refused("group-size: 20, train", "group-size: 20, groups: 4, train", "Delete one of the two");
    refused("groups: 12, range: lsq", "groups: 7, range: lsq", "7 groups of as many rows");
    refused(", train: {epochs: 1, batch: 8, teacher: none}", "", "'lsq' learns the scales");
    refused("scheme: offset, range: lsq", "scheme: affine, range: lsq", "cannot be learned");
    refused("block: 16", "block: 16, train: {epochs: 1}", "train");
    refused("block: 16", "range: lsq", "is for 'method: rtn'");
    refused("act-order: true", "act-order: true, static-groups: true", "static-groups");
    refused(
        "bits: 4, train",
        "bits: 4, targets: embeddings.word_embeddings.weight, train",
        "cannot be quantized in a training");
    refused(
        "{epochs: 1, batch: 8}",
        "{epochs: 1, freeze: [embeddings.*, encoder.layer.1.*]}",
        "keeps it from that");
  }

  private static void refused(String from, String to, String... says) {
    assertTrue(VARIANTS.contains(from), from);
    Outcome.of("plan", tiny.write("wrong.yaml", withVariants(VARIANTS.replace(from, to))))
        .code(3)
        .says(says);
  }
}
