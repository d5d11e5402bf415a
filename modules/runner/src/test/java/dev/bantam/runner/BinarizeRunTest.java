package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.TensorSelector;
import dev.bantam.export.PackedFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Binary encoders trained and stored: forms, operations, the same bytes after a kill, refusals. */
class BinarizeRunTest {
  private static final String VARIANTS =
      """
      variants:
        - {name: dense}
        - name: sign-1-1-1
          steps: [{binarize: {method: sign, train: {epochs: 1, batch: 8}}}]
        - name: bibert-1-1-1
          steps: [{binarize: {method: bibert, threshold: above-zero, train: {epochs: 2, batch: 8, dropout: 0.1}}}]
        - name: bit-1-1-1
          steps: [{binarize: {activations: [2, 1], train: {epochs: 2, batch: 8, learning-rate: 1e-3}}}]
        - name: bibert-2-2-8
          steps: [{binarize: {method: bibert, weights: 2, embeddings: 2, activations: 8, train: {epochs: 1, batch: 8}}}]
        - name: bit-weights
          steps: [{binarize: {method: bit, embeddings: 32, activations: 32, train: {epochs: 1, batch: 8}}}]
      export: [safetensors]
      """;

  @TempDir private static Path temporary;
  private static Tiny tiny;
  private static Path experiment;
  private static Path run;
  private static SortedMap<String, String> files;

  @BeforeAll
  static void runOnce() {
    tiny = Tiny.in(temporary).enlarged();
    experiment = tiny.write("binary.yaml", withVariants(VARIANTS));
    run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run, "--threads", 2).code(0);
    files = Folders.stable(run);
  }

  private static String withVariants(String variants) {
    final String text = tiny.text();
    return text.substring(0, text.indexOf("variants:")).replaceAll("(?m)^seeds:.*$", "seeds: [1]")
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

  /** Every matrix and the word table are stored as bits; what happens beside them is stored too. */
  @Test
  void formsAndOperations() {
    final Map<String, List<String>> expected =
        Map.of(
            "sign-1-1-1", List.of("binary", "binary"),
            "bibert-1-1-1", List.of("binary", "binary"),
            "bit-1-1-1", List.of("binary", "binary"),
            "bibert-2-2-8", List.of("ternary", "ternary"),
            "bit-weights", List.of("binary", "dense"));
    expected.forEach(
        (variant, forms) -> {
          final CompressedModel model = PackedFile.read(cell(variant).resolve("model.safetensors"));
          int matrices = 0;
          for (String name : model.tensors().keySet()) {
            if (TensorSelector.isEncoderMatrix(name)) {
              assertEquals(forms.get(0), model.tensors().get(name).form(), variant + " " + name);
              assertEquals(
                  !variant.equals("bit-weights"),
                  model.operations().containsKey(name),
                  variant + " " + name);
              matrices++;
            }
          }
          assertTrue(matrices > 0);
          assertEquals(
              forms.get(1),
              model.tensors().get("embeddings.word_embeddings.weight").form(),
              variant);
        });
    final CompressedModel bibert =
        PackedFile.read(cell("bibert-1-1-1").resolve("model.safetensors"));
    assertEquals(
        Map.of("threshold", "above-zero"),
        bibert.operations().get("layer.0.attention").attributes());
    final CompressedModel bit = PackedFile.read(cell("bit-1-1-1").resolve("model.safetensors"));
    assertEquals("relu", bit.operations().get("layer.0.ffn").kind());
    final String down = "encoder.layer.0.output.dense.weight";
    assertEquals("false", bit.operations().get(down).attributes().get("signed"));
    assertEquals("1", bit.operations().get(down).attributes().get("bits"));
    final Map<String, String> probabilities =
        bit.operations().get("layer.0.attention.probabilities").attributes();
    assertEquals("false", probabilities.get("signed"));
  }

  /** The log says what was done, and that codes changed. */
  @Test
  void codesChange() {
    final JsonNode step = result("bit-1-1-1").path("steps").get(0);
    assertEquals("binarize", step.path("step").asText());
    assertEquals("bit", step.path("method").asText());
    int changed = 0;
    for (JsonNode tensor : step.path("tensors")) {
      final String treatment = tensor.path("treatment").asText();
      assertTrue(treatment.contains("codes changed by epoch "), treatment);
      final String last = treatment.replaceAll(".*epoch (\\d+\\.\\d+), (\\d+\\.\\d+) %.*", "$2");
      changed += Double.parseDouble(last) > 0 ? 1 : 0;
    }
    assertTrue(changed > 0, step.toString());
  }

  /** A folder that was written gives the reported score when it is evaluated by itself. */
  @Test
  void exportsScoreTheSame() {
    for (String variant : List.of("bibert-1-1-1", "bit-1-1-1", "bit-weights")) {
      final Path model = run.resolve("exports/" + Tiny.CELL + variant + "/safetensors");
      final Outcome outcome =
          Outcome.of("evaluate", model, "--task", tiny.task(), "--quiet").code(0);
      for (String metric : List.of("accuracy", "loss")) {
        final double reported =
            Double.parseDouble(Tiny.result(run, variant, 1, metric).orElseThrow());
        outcome.prints(String.format(java.util.Locale.ROOT, "%s %.6f", metric, reported));
      }
    }
  }

  /** Killed between the stages of one variant and in the training of another. */
  @Test
  void aKilledTrainingGoesOn() {
    final Path killed = temporary.resolve("killed");
    final Path half = killed.resolve("cells/." + Tiny.CELL + "bit-1-1-1.s1.work");
    try (Child child = Child.start(temporary, "run", experiment, "-o", killed, "--threads", 2)) {
      child.until("epoch 1/2").kill();
    }
    try (Child child = Child.start(temporary, "run", experiment, "-o", killed, "--threads", 2)) {
      child.until(() -> Files.isRegularFile(half.resolve("training-2.resume.safetensors"))).kill();
    }
    Outcome.of("run", experiment, "-o", killed, "--threads", 1).code(0).prints("reused");
    assertEquals(List.of(), Folders.differences(files, Folders.stable(killed)));
    assertEquals(List.of(), Folders.leftovers(killed));
  }

  @Test
  void aSmokeRunTrainsLess() {
    final Path smoke = temporary.resolve("smoke");
    Outcome.of("run", experiment, "--smoke", "-o", smoke).code(0);
    final String resolved = Tiny.read(smoke.resolve("experiment.resolved.yaml"));
    assertFalse(resolved.contains("epochs: 2"), resolved);
  }

  /** The rule of the threshold is part of what is computed. */
  @Test
  void thresholdsDiffer() {
    final String head = VARIANTS.substring(0, VARIANTS.indexOf("  - name: sign"));
    final String bibert =
        VARIANTS.substring(
            VARIANTS.indexOf("  - name: bibert-1"), VARIANTS.indexOf("  - name: bit"));
    final Path other =
        tiny.write(
            "other.yaml",
            withVariants(
                head + bibert.replace("threshold: above-zero", "threshold: at-least-zero")));
    final Path second = temporary.resolve("other");
    Outcome.of("run", other, "-o", second, "--threads", 2).code(0);
    final String file = "cells/" + Tiny.CELL + "bibert-1-1-1.s1/model.safetensors";
    assertNotEquals(files.get(file), Folders.stable(second).get(file));
  }

  @Test
  void refusals() {
    refused("train: {epochs: 1, batch: 8}}}]", "seed: 1}}]", "binarize.train", "has to be trained");
    refused("activations: [2, 1]", "activations: [16, 1]", "1 to 8 bits");
    refused("method: sign,", "method: sign, activations: [2, 1],", "is for method 'bit'");
    refused("method: sign,", "method: sign, threshold: above-zero,", "'threshold'");
    refused("weights: 2, embeddings: 2", "weights: 3, embeddings: 2", "weights");
    refused("embeddings: 2", "embeddings: 7", "1 or 2 bits");
    refused("method: sign,", "method: sign, relu: true,", "'relu'");
    refused(
        "method: sign,",
        "method: sign, targets: embeddings.position_embeddings.weight,",
        "cannot be binarized");
    refused("batch: 8}}}]", "batch: 8, freeze: encoder.layer.0.*}}}]", "keeps it from being");
    refused("method: sign, train", "method: sine, train", "sine", "sign");
    refused("dropout: 0.1", "hardness: 0.5", "hardness");
  }

  private static void refused(String from, String to, String... says) {
    final String changed = VARIANTS.replaceFirst(java.util.regex.Pattern.quote(from), to);
    assertFalse(changed.equals(VARIANTS), from);
    Outcome.of("plan", tiny.write("wrong.yaml", withVariants(changed))).code(3).says(says);
  }
}
