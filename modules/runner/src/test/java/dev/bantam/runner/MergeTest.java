package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.tensor.AtomicFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The command {@code merge}: whole runs of mergekit, and what mergekit refuses. */
class MergeTest {
  @TempDir private Path temporary;

  /** Every configuration of the cases mergekit-*, on their models, tensor by tensor. */
  @TestFactory
  Stream<DynamicTest> wholeRunsOfMergekit() {
    final List<DynamicTest> tests = new ArrayList<>();
    for (Path folder : cases()) {
      final JsonNode json = json(folder.resolve("case.json"));
      json.path("files")
          .properties()
          .forEach(
              file -> {
                if (file.getKey().startsWith("config.")) {
                  final String run = file.getKey().substring("config.".length());
                  final Path yaml = folder.resolve(file.getValue().asText());
                  tests.add(
                      DynamicTest.dynamicTest(
                          folder.getFileName() + " " + run, () -> check(folder, json, run, yaml)));
                }
              });
    }
    assertFalse(tests.isEmpty(), "no configurations");
    return tests.stream();
  }

  private static List<Path> cases() {
    try {
      final Path root =
          Path.of(Objects.requireNonNull(MergeTest.class.getResource("/merging")).toURI());
      try (Stream<Path> all = Files.list(root)) {
        return all.filter(p -> Files.isDirectory(p.resolve("models"))).sorted().toList();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static JsonNode json(Path file) {
    try {
      return new ObjectMapper().readTree(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void check(Path folder, JsonNode json, String run, Path yaml) {
    final Path output = temporary.resolve(run);
    Outcome.of("merge", yaml, "-o", output, "--threads", 2).code(0);
    int checked = 0;
    try (SafetensorsFile expected = SafetensorsFile.open(folder.resolve("tensors.safetensors"));
        SafetensorsFile merged = SafetensorsFile.open(output.resolve("model.safetensors"))) {
      for (String name : expected.entries().keySet()) {
        if (!name.startsWith(run + ".")) {
          continue;
        }
        final String tensor = name.substring(run.length() + 1);
        final float[] wanted = MergeModels.read(expected, name);
        final float[] got = MergeModels.read(merged, tensor);
        final JsonNode tolerance = json.path("tolerance").path(name);
        final double abs = tolerance.path("abs").asDouble();
        final double rel = tolerance.path("rel").asDouble();
        assertEquals(wanted.length, got.length, tensor);
        for (int i = 0; i < wanted.length; i++) {
          assertEquals(wanted[i], got[i], abs + rel * Math.abs(wanted[i]), tensor + "[" + i + "]");
        }
        checked++;
      }
      assertEquals(merged.entries().size(), checked, "tensors of " + run);
    }
    assertTrue(checked > 0, run);
    assertFalse(Files.exists(temporary.resolve(run + ".partial")));
  }

  private Path yaml(String... lines) {
    final Path file = temporary.resolve("merge.yaml");
    AtomicFiles.write(file, String.join("\n", lines) + "\n");
    return file;
  }

  /** Three models of one base: no head, and heads of two and of three labels. */
  private void models() {
    MergeModels.write(temporary.resolve("base"), MergeModels.body("bert.", 11, true), 0, 0);
    MergeModels.write(
        temporary.resolve("two"), MergeModels.with(MergeModels.body("bert.", 11, true), 2), 2, 2);
    MergeModels.write(
        temporary.resolve("three"), MergeModels.with(MergeModels.body("bert.", 11, true), 3), 3, 3);
    // a sentence encoder: other prefix, no pooler, no head
    MergeModels.write(temporary.resolve("bare"), MergeModels.body("", 11, false), 4, 0);
  }

  @Test
  void headsOfDifferentTasksAreKeptApart() {
    models();
    final Path file =
        yaml(
            "merge_method: task_arithmetic",
            "base_model: base",
            "models:",
            "  - {model: two, parameters: {weight: 0.5}}",
            "  - {model: three, parameters: {weight: 0.25}}");
    final Path output = temporary.resolve("out");
    Outcome.of("merge", file, "-o", output)
        .code(0)
        .prints("keeps its own head", "'classifier.bias' is [2] in two and [3] in three");
    for (String task : List.of("two", "three")) {
      try (SafetensorsFile own =
              SafetensorsFile.open(temporary.resolve(task).resolve("model.safetensors"));
          SafetensorsFile head =
              SafetensorsFile.open(output.resolve("heads/" + task + "/model.safetensors"))) {
        assertEquals(2, head.entries().size());
        assertArrayEquals(own.bytes("classifier.weight"), head.bytes("classifier.weight"));
        assertArrayEquals(own.bytes("classifier.bias"), head.bytes("classifier.bias"));
      }
      assertEquals(
          json(temporary.resolve(task).resolve("config.json")).path("id2label"),
          json(output.resolve("heads/" + task + "/config.json")).path("id2label"));
    }
    try (SafetensorsFile merged = SafetensorsFile.open(output.resolve("model.safetensors"))) {
      assertEquals(MergeModels.body("bert.", 11, true).keySet(), merged.entries().keySet());
      checkSum(merged, "bert.encoder.layer.1.output.dense.weight", new double[] {.5, .25});
    }
    assertEquals(
        "BertModel", json(output.resolve("config.json")).path("architectures").path(0).asText());
  }

  /** {@code base + sum of weighted deltas}, in double. */
  private void checkSum(SafetensorsFile merged, String tensor, double[] weights) {
    final float[] base = of("base", tensor);
    final float[][] models = {of("two", tensor), of("three", tensor)};
    final float[] got = MergeModels.read(merged, tensor);
    for (int i = 0; i < base.length; i++) {
      double sum = base[i];
      for (int t = 0; t < models.length; t++) {
        sum += weights[t] * ((double) models[t][i] - base[i]);
      }
      assertEquals(sum, got[i], 2e-7, tensor + "[" + i + "]");
    }
  }

  private float[] of(String model, String tensor) {
    try (SafetensorsFile file =
        SafetensorsFile.open(temporary.resolve(model).resolve("model.safetensors"))) {
      return MergeModels.read(file, tensor);
    }
  }

  @Test
  void oneHeadMayBelongToTheMergedModel() {
    models();
    final Path file =
        yaml(
            "merge_method: linear",
            "heads: three",
            "models:",
            "  - {model: two, parameters: {weight: 1}}",
            "  - {model: three, parameters: {weight: 1}}");
    final Path output = temporary.resolve("out");
    Outcome.of("merge", file, "-o", output).code(0);
    try (SafetensorsFile merged = SafetensorsFile.open(output.resolve("model.safetensors"))) {
      assertArrayEquals(
          of("three", "classifier.weight"), MergeModels.read(merged, "classifier.weight"));
    }
    final JsonNode config = json(output.resolve("config.json"));
    assertEquals(3, config.path("id2label").size());
    assertEquals("BertForSequenceClassification", config.path("architectures").path(0).asText());
  }

  /** mergekit: "can only concatenate list", "required but not present", "--allow-crimes". */
  @Test
  void bareEncodersMergeWithAndWithoutPooler() {
    models();
    final Path file =
        yaml(
            "merge_method: ties",
            "base_model: bare",
            "models:",
            "  - {model: two, parameters: {weight: 1}}",
            "  - {model: three, parameters: {weight: 1}}");
    final Path output = temporary.resolve("out");
    Outcome.of("merge", file, "-o", output).code(0).prints("'pooler.dense.weight'");
    try (SafetensorsFile merged = SafetensorsFile.open(output.resolve("model.safetensors"));
        SafetensorsFile head =
            SafetensorsFile.open(output.resolve("heads/two/model.safetensors"))) {
      assertEquals(MergeModels.body("", 11, false).keySet(), merged.entries().keySet());
      assertTrue(head.entries().containsKey("bert.pooler.dense.weight"));
    }
    // the other way round: a model without a pooler leaves the base's alone
    final Path other =
        yaml(
            "merge_method: task_arithmetic",
            "base_model: base",
            "models: [{model: bare, parameters: {weight: 1}}]");
    Outcome.of("merge", other, "-o", temporary.resolve("other")).code(0);
    try (SafetensorsFile merged =
        SafetensorsFile.open(temporary.resolve("other/model.safetensors"))) {
      assertArrayEquals(
          of("base", "bert.pooler.dense.weight"),
          MergeModels.read(merged, "bert.pooler.dense.weight"));
      assertArrayEquals(
          of("bare", "encoder.layer.0.output.dense.weight"),
          MergeModels.read(merged, "bert.encoder.layer.0.output.dense.weight"),
          1e-7f);
    }
  }

  @Test
  void otherVocabulariesAreRefused() {
    models();
    MergeModels.write(temporary.resolve("more"), MergeModels.body("bert.", 12, true), 5, 0);
    final Path file =
        yaml(
            "merge_method: linear",
            "models:",
            "  - {model: base, parameters: {weight: 1}}",
            "  - {model: more, parameters: {weight: 1}}");
    Outcome.of("merge", file, "-o", temporary.resolve("out"))
        .code(4)
        .says("[11, 8] in base and [12, 8] in more", "vocabularies differ");
    AtomicFiles.write(temporary.resolve("base/vocab.txt"), "a\nb\nc\n");
    AtomicFiles.write(temporary.resolve("two/vocab.txt"), "a\nc\nb\n");
    final Path words =
        yaml(
            "merge_method: linear",
            "models:",
            "  - {model: base, parameters: {weight: 1}}",
            "  - {model: two, parameters: {weight: 1}}");
    Outcome.of("merge", words, "-o", temporary.resolve("out"))
        .code(4)
        .says("differ in 2 tokens", "'b' is row 1 in base and row 2 in two");
    assertFalse(Files.exists(temporary.resolve("out")));
    assertFalse(Files.exists(temporary.resolve("out.partial")));
  }

  @Test
  void everythingWrongInAFileIsReportedWithItsPlace() {
    final Path file =
        yaml(
            "merge_method: dare_ties",
            "base_model: base",
            "models:",
            "  - model: two",
            "    parameters: {weight: 0.5, densty: 0.5}",
            "  - model: three",
            "    parameters: {weight: [0.1, x], density: 1.5}",
            "dtyp: float32",
            "slices: []",
            "parameters: {normalize: 3}");
    Outcome.of("merge", file, "-o", temporary.resolve("out"))
        .code(3)
        .says(
            "merge.yaml:5:31: unknown key 'densty'",
            "Did you mean 'density'?",
            "merge.yaml:7:32: model.parameters.weight must be a number",
            "merge.yaml:7:45: model.parameters.density is 1.5",
            "merge.yaml:8:1: unknown key 'dtyp'",
            "merge.yaml:9:1: 'slices' is not supported",
            "merge.yaml:10:25: parameters.normalize must be true or false");
    final Path missing =
        yaml("merge_method: ties", "models: [{model: two, parameters: {weight: 1}}]");
    Outcome.of("merge", missing, "-o", temporary.resolve("out"))
        .code(3)
        .says("merge.yaml:1:15: ties needs a base_model");
  }

  @Test
  void missingWeightsAndForeignFoldersAreRefused() {
    models();
    final Path file =
        yaml(
            "merge_method: ties",
            "base_model: base",
            "models: [{model: two, parameters: {weight: [{filter: attention, value: 1}]}}]");
    Outcome.of("merge", file, "-o", temporary.resolve("out"))
        .code(3)
        .says("'weight' of two has no value for tensor 'bert.embeddings");
    final Path input =
        yaml(
            "merge_method: linear",
            "base_model: base",
            "models: [{model: two, parameters: {weight: 1}}]");
    Outcome.of("merge", input, "-o", temporary.resolve("out"))
        .code(3)
        .says("The base model 'base' is one more input of 'linear'");
    final Path nowhere =
        yaml("merge_method: linear", "models: [{model: nowhere, parameters: {weight: 1}}]");
    Outcome.of("merge", nowhere, "-o", temporary.resolve("out")).code(4).says("nowhere");
    Outcome.of("merge", temporary.resolve("none.yaml"), "-o", temporary.resolve("out")).code(4);
    final Path good =
        yaml("merge_method: linear", "models: [{model: two, parameters: {weight: 1}}]");
    AtomicFiles.write(temporary.resolve("out/notes.txt").getParent(), "not a folder");
    Outcome.of("merge", good, "-o", temporary.resolve("out")).code(2).says("exists already");
  }

  /** Same bytes on one thread and on three, another seed gives others; a dry run writes nothing. */
  @Test
  void bytesDependOnTheSeedAlone() {
    models();
    final Path file =
        yaml(
            "merge_method: dare_ties",
            "base_model: base",
            "models:",
            "  - {model: two, parameters: {weight: 0.7, density: 0.5}}",
            "  - {model: three, parameters: {weight: 0.4, density: 0.3}}");
    final Path one = temporary.resolve("one");
    final Path three = temporary.resolve("three-threads");
    final Path other = temporary.resolve("other");
    Outcome.of("merge", file, "-o", one, "--dry-run")
        .code(0)
        .prints("dare_ties of 2 models on base");
    assertFalse(Files.exists(one));
    Outcome.of("merge", file, "-o", one, "--threads", 1).code(0);
    Outcome.of("merge", file, "-o", three, "--threads", 3).code(0);
    Outcome.of("merge", file, "-o", other, "--seed", 2).code(0);
    assertEquals(Folders.hashes(one), Folders.hashes(three));
    assertTrue(
        Folders.differences(Folders.hashes(one), Folders.hashes(other))
            .contains("model.safetensors"));
    Outcome.of("merge", file, "-o", other, "--force").code(0);
    assertEquals(Folders.hashes(one), Folders.hashes(other));
  }

  /**
   * A sparsifier in front of any method, with the paper's rescaling: at density 1 it is nothing.
   */
  @Test
  void sparsifiersStandInFrontOfAnyMethod() {
    models();
    final String[] karcher = {
      "merge_method: karcher",
      "models: [{model: two, parameters: {}}, {model: three, parameters: {}}]"
    };
    Outcome.of("merge", yaml(karcher), "-o", temporary.resolve("plain")).code(0);
    for (String density : List.of("1.0", "0.5")) {
      final Path file =
          yaml(
              "merge_method: slerp",
              "base_model: base",
              "sparsifier: dare",
              "models: [{model: two, parameters: {density: " + density + "}}]",
              "parameters: {t: 1.0}");
      final Path output = temporary.resolve("slerp-" + density);
      Outcome.of("merge", file, "-o", output).code(0);
      final String tensor = "bert.embeddings.word_embeddings.weight";
      final float[] base = of("base", tensor);
      final float[] tuned = of("two", tensor);
      final float[] got = of(output.getFileName().toString(), tensor);
      int dropped = 0;
      for (int i = 0; i < base.length; i++) {
        final double delta = (double) tuned[i] - base[i];
        if (density.equals("1.0")) {
          assertEquals(tuned[i], got[i], 1e-7);
        } else if (Math.abs(got[i] - base[i]) < 1e-7) {
          dropped++;
        } else {
          assertEquals(base[i] + 2 * delta, got[i], 1e-6, "kept and doubled");
        }
      }
      assertEquals(density.equals("1.0") ? 0 : 44, dropped, density.equals("1.0") ? 0 : 20);
    }
  }

  /** Files of 1000 bytes: names, index and content as one file would have it. */
  @Test
  void wholeModelThresholdsNeedEveryTensor() {
    models();
    final Path file =
        yaml(
            "merge_method: ties_mergelm",
            "base_model: base",
            "models:",
            "  - {model: two, parameters: {density: 0.2}}",
            "  - {model: three, parameters: {density: 0.2}}",
            "parameters: {lambda: 1.0}");
    final Path output = temporary.resolve("out");
    Outcome.of("merge", file, "-o", output).code(0);
    // by definition, over all tensors as one vector
    final List<Float> all = new ArrayList<>();
    for (String tensor : MergeModels.body("bert.", 11, true).keySet()) {
      final float[] base = of("base", tensor);
      final float[] tuned = of("two", tensor);
      for (int i = 0; i < base.length; i++) {
        all.add(Math.abs(tuned[i] - base[i]));
      }
    }
    all.sort(null);
    final float threshold = all.get((int) (all.size() * 0.8) - 1);
    int onlyTwo = 0;
    for (String tensor : MergeModels.body("bert.", 11, true).keySet()) {
      final float[] base = of("base", tensor);
      final float[] two = of("two", tensor);
      final float[] got = of("out", tensor);
      for (int i = 0; i < base.length; i++) {
        final float delta = two[i] - base[i];
        if (Math.abs(delta) >= threshold && Math.abs(got[i] - two[i]) < 1e-7) {
          onlyTwo++;
        }
        if (got[i] != base[i] && Math.abs(got[i] - two[i]) < 1e-8) {
          assertTrue(Math.abs(delta) >= threshold, tensor + "[" + i + "]");
        }
      }
    }
    assertTrue(onlyTwo > all.size() / 20, onlyTwo + " of " + all.size());
  }
}
