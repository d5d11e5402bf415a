package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SortedMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Fine-tuned models stored as differences to their source, in a run. */
class DeltaRunTest {
  private static final String EXPERIMENT =
      """
      version: 1
      name: deltas
      model: tiny-bert
      task: {train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}
      seeds: [1]
      draws: 2
      finetune: {epochs: 4, learning-rate: 5e-3, batch: 4, dropout: 0.0, freeze: []}
      variants:
        - {name: dense}
        - {name: exact, delta: {bits: 32}}
        - {name: dare-0.5, delta: {drop: 0.5, bits: 32}}
        - {name: dare-bitmap, delta: {drop: 0.5, bits: 32, positions: bitmap}}
        - {name: magnitude-0.75-int4, delta: {method: magnitude, drop: 0.75, bits: 4}}
        - {name: to-another, delta: {bits: 32, base: other-bert}}
        - {name: signs, delta: {bits: 1}}
        - {name: signs-fitted, delta: {bits: 1, examples: 8}}
      export: [safetensors, delta]
      """;

  private static final String NAME = "encoder.layer.0.output.dense.weight";

  @TempDir private static Path temporary;
  private static Tiny tiny;
  private static Path experiment;
  private static Path run;
  private static SortedMap<String, String> files;

  @BeforeAll
  static void runOnce() {
    tiny = Tiny.in(temporary);
    otherBert();
    experiment = tiny.write("deltas.yaml", EXPERIMENT);
    run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run, "--threads", 2).code(0);
    files = Folders.stable(run);
  }

  /** The model with one matrix doubled. */
  private static void otherBert() {
    final Path other = tiny.model().resolveSibling("other-bert");
    Folders.copy(tiny.model(), other);
    final SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    try (SafetensorsFile file = SafetensorsFile.open(tiny.model().resolve("model.safetensors"))) {
      for (String name : file.entries().keySet()) {
        final INDArray tensor = file.floats(name);
        writer.add(name, SafetensorsType.F32, name.equals(NAME) ? tensor.mul(2) : tensor);
      }
      writer.write(other.resolve("model.safetensors"));
    }
  }

  private static Path cell(String variant) {
    return run.resolve("cells")
        .resolve("tiny-bert.signs." + variant + (variant.equals("dense") ? ".s1" : ".s1d1"));
  }

  private static JsonNode result(String variant) {
    try {
      return new ObjectMapper().readTree(cell(variant).resolve("result.json").toFile());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static float[] tensor(Path file) {
    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
      return Floats.toArray(opened.floats(NAME));
    }
  }

  /** What the exported folder restores to, by the command that writes plain weights. */
  private static float[] restored(String variant) {
    final Path plain = temporary.resolve("plain-" + variant);
    Outcome.of(
            "export",
            besideItsBase(variant),
            "--format",
            "safetensors",
            "--dense",
            "-o",
            plain,
            "--force")
        .code(0);
    return tensor(plain.resolve("model.safetensors"));
  }

  private static Path besideItsBase(String variant) {
    final Path folder = tiny.model().resolveSibling("delta-" + variant);
    if (!Files.isDirectory(folder)) {
      Folders.copy(run.resolve("exports/tiny-bert.signs." + variant + "/delta"), folder);
    }
    return folder;
  }

  private static double accuracy(String variant) {
    return result(variant).path("metrics").path("accuracy").asDouble();
  }

  @Test
  void thirtyTwoBitsAreTheModel() {
    assertEquals(accuracy("dense"), accuracy("exact"));
    assertArrayEquals(tensor(cell("dense").resolve("model.safetensors")), restored("exact"));
  }

  /** The difference to another model gives the same model, from that one alone. */
  @Test
  void theBaseMayBeNamed() throws IOException {
    assertArrayEquals(tensor(cell("dense").resolve("model.safetensors")), restored("to-another"));
    final Path lonely = temporary.resolve("lonely").resolve("delta");
    Folders.copy(besideItsBase("to-another"), lonely);
    Folders.copy(tiny.model(), lonely.resolveSibling("other-bert"));
    Outcome.of("inspect", lonely).code(4).says("other-bert", "other weights");
  }

  @Test
  void dareKeepsHalfAndDoublesIt() {
    final float[] base = tensor(tiny.model().resolve("model.safetensors"));
    final float[] tuned = tensor(cell("dense").resolve("model.safetensors"));
    final float[] dare = restored("dare-0.5");
    int kept = 0;
    for (int i = 0; i < base.length; i++) {
      if (dare[i] != base[i]) {
        kept++;
        assertEquals(base[i] + 2.0 * (tuned[i] - base[i]), dare[i], 1e-6);
      }
    }
    assertEquals(0.5 * base.length, kept, 4 * Math.sqrt(0.25 * base.length));
    assertArrayEquals(dare, restored("dare-bitmap"));
    assertTrue(length("dare-0.5") < length("dare-bitmap"));
    assertNotEquals(
        files.get("cells/tiny-bert.signs.dare-0.5.s1d1/delta.safetensors"),
        files.get("cells/tiny-bert.signs.dare-0.5.s1d2/delta.safetensors"));
    assertFalse(Files.exists(run.resolve("cells/tiny-bert.signs.signs.s1d2")));
  }

  private static long length(String variant) {
    try {
      return Files.size(cell(variant).resolve("delta.safetensors"));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void bytesAreThoseOfTheFile() {
    for (String variant : new String[] {"exact", "dare-0.5", "magnitude-0.75-int4", "signs"}) {
      final JsonNode size = result(variant);
      assertEquals(length(variant), size.path("bytes").asLong());
      long sum = 0;
      for (JsonNode part : size.path("sizes")) {
        sum += part.path("bytes").asLong();
      }
      assertEquals(length(variant), sum, variant);
    }
    // a matrix of n signs: n / 8 bytes and one scale
    final int n = tensor(cell("dense").resolve("model.safetensors")).length;
    for (JsonNode tensor : result("signs").path("steps").get(0).path("tensors")) {
      if (tensor.path("name").asText().equals(NAME)) {
        assertEquals((n + 7) / 8 + 4, tensor.path("stored_bytes").asLong());
      }
    }
  }

  /** The folder that is exported scores what the run says, from a base found beside it. */
  @Test
  void theExportedFolderIsTheModel() {
    final Path task =
        tiny.write(
            "task.yaml", "{train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}\n");
    Outcome.of("evaluate", besideItsBase("magnitude-0.75-int4"), "--task", task)
        .code(0)
        .prints(String.format(Locale.ROOT, "accuracy %.6f", accuracy("magnitude-0.75-int4")));
    assertFalse(Files.exists(run.resolve("exports/tiny-bert.signs.exact/safetensors")));
    assertTrue(Files.exists(run.resolve("exports/tiny-bert.signs.dense/safetensors")));
  }

  /** Fitting changes the scale of every matrix, and nothing else of the signs. */
  @Test
  void scalesOfSignsAreFitted() {
    final float[] base = tensor(tiny.model().resolve("model.safetensors"));
    final float[] mean = restored("signs");
    final float[] fitted = restored("signs-fitted");
    final double ratio = (fitted[0] - base[0]) / (mean[0] - base[0]);
    assertNotEquals(1, ratio, 1e-3);
    for (int i = 0; i < base.length; i++) {
      assertEquals(ratio * ((double) mean[i] - base[i]), fitted[i] - base[i], 1e-6);
    }
  }

  @Test
  void aSecondRunHasNothingToDo() {
    Outcome.of("run", experiment, "-o", run, "--threads", 1).code(0).prints("(10 reused)");
    assertEquals(files, Folders.stable(run));
  }

  @Test
  void refusals() {
    refused("examples: 8", "examples: 1000000", "asks for 1000000 examples");
    refused("delta: {bits: 32}", "delta: {bits: 9}", "1 to 8, 16 or 32");
    refused("delta: {bits: 32}", "delta: {method: magnitude, bits: 32}", "delta.drop is missing");
    refused(
        "method: magnitude, drop: 0.75", "method: magnitude, positions: seed, drop: 0.75", "seed");
    refused("delta: {bits: 32}", "delta: {bits: 32, examples: 8}", "unknown key 'examples'");
    refused(
        "delta: {bits: 32}",
        "delta: {bits: 32}, steps: [{quantize: {bits: 8}}]",
        "both steps and delta");
    refused(
        "task: {train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}",
        "task: {embed: texts.txt}",
        "there is none");
  }

  private static void refused(String from, String to, String... says) {
    assertTrue(EXPERIMENT.contains(from), from);
    tiny.write("texts.txt", "one text\nanother text\na third\n");
    Outcome.of("plan", tiny.write("wrong.yaml", EXPERIMENT.replace(from, to))).code(3).says(says);
  }
}
