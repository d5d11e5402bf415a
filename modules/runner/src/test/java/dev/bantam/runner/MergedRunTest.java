package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.export.PackedFile;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models of two tasks, with heads of two and three labels, merged in a run. */
class MergedRunTest {
  private static final String EXPERIMENT =
      """
      version: 1
      name: merged
      model: tiny-bert
      task:
        - {train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}
        - {train: words.tsv, dev: words-dev.tsv, text: sentence, label: label}
      seeds: [1]
      draws: 2
      finetune: {epochs: 4, learning-rate: 5e-3, batch: 4, dropout: 0.0, freeze: []}
      variants:
        - {name: dense}
        - {name: base-head, merge: {method: base-head}}
        - {name: dare-0.9, merge: {method: dare, drop: 0.9, dense: LayerNorm}}
        - {name: drop-only-0.9, merge: {method: dare, drop: 0.9, rescale: none, dense: LayerNorm}}
        - {name: average, merge: {method: average, inputs: [signs, words]}}
        - {name: task-arithmetic, merge: {method: task-arithmetic, inputs: [signs, words], lambda: [0, 0.4, 0.8]}}
        - {name: ties, merge: {method: ties, inputs: [signs, words], density: 0.5}}
        - {name: slerp, merge: {method: slerp, inputs: [signs, words], t: 0.5}}
        - {name: dare-ties-0.5, merge: {method: dare-ties, inputs: [signs, words], drop: 0.5}}
        - {name: model-stock, merge: {method: model-stock, inputs: [words, signs]}}
        - {name: fisher-one, merge: {method: fisher, inputs: [signs], examples: 4}}
        - {name: fisher, merge: {method: fisher, inputs: [signs, words], examples: 4}}
        - {name: regmean, merge: {method: regmean, inputs: [signs, words], off-diagonal: 0, examples: 8}}
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
    for (String split : new String[] {"", "-dev"}) {
      tiny.write("words" + split + ".tsv", byFirstWord("signs" + split + ".tsv"));
    }
    experiment = tiny.write("merged.yaml", EXPERIMENT);
    run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run, "--threads", 2).code(0);
    files = Folders.stable(run);
  }

  /** The same sentences with three labels: the length of the first word. */
  private static String byFirstWord(String file) {
    final StringBuilder text = new StringBuilder("sentence\tlabel\n");
    Tiny.read(tiny.folder().resolve(file))
        .lines()
        .skip(1)
        .map(line -> line.split("\t")[0])
        .forEach(
            s -> {
              final int length = s.split(" ")[0].length();
              text.append(s).append('\t');
              text.append(length < 3 ? "short" : length < 4 ? "middle" : "long").append('\n');
            });
    return text.toString();
  }

  private static Path cell(String task, String variant, String rest) {
    return run.resolve("cells").resolve("tiny-bert." + task + "." + variant + ".s1" + rest);
  }

  private static Map<String, float[]> weights(String task, String variant, String rest) {
    final Map<String, float[]> weights = new TreeMap<>();
    PackedFile.read(cell(task, variant, rest).resolve("model.safetensors"))
        .tensors()
        .forEach((name, form) -> weights.put(name, Floats.toArray(form.dense())));
    return weights;
  }

  private static Map<String, float[]> source() {
    final Map<String, float[]> weights = new TreeMap<>();
    try (SafetensorsFile file = SafetensorsFile.open(tiny.model().resolve("model.safetensors"))) {
      file.entries()
          .keySet()
          .forEach(
              name ->
                  weights.put(
                      name.replaceFirst("^bert\\.", ""), Floats.toArray(file.floats(name))));
    }
    return weights;
  }

  private static JsonNode record(String task, String variant, String rest) {
    try {
      return new ObjectMapper()
          .readTree(Files.readAllBytes(cell(task, variant, rest).resolve("result.json")))
          .path("steps")
          .get(0);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void everyTaskKeepsItsHead() {
    for (String task : new String[] {"signs", "words"}) {
      final Map<String, float[]> dense = weights(task, "dense", "");
      for (String variant : new String[] {"base-head", "average", "ties", "slerp"}) {
        assertArrayEquals(
            dense.get("classifier.weight"), weights(task, variant, "d1").get("classifier.weight"));
      }
    }
    assertArrayEquals(source().get(NAME), weights("words", "base-head", "d1").get(NAME));
  }

  @Test
  void theAverageIsOne() {
    final Map<String, float[]> a = weights("signs", "dense", "");
    final Map<String, float[]> b = weights("words", "dense", "");
    final Map<String, float[]> merged = weights("words", "average", "d1");
    final Map<String, float[]> other = weights("signs", "average", "d1");
    for (Map.Entry<String, float[]> tensor : merged.entrySet()) {
      if (!tensor.getKey().startsWith("classifier.")) {
        assertArrayEquals(tensor.getValue(), other.get(tensor.getKey()), tensor.getKey());
        final float[] x = a.get(tensor.getKey());
        final float[] y = b.get(tensor.getKey());
        for (int i = 0; i < x.length; i++) {
          assertEquals((x[i] + y[i]) / 2.0, tensor.getValue()[i], 1e-6, tensor.getKey());
        }
      }
    }
  }

  /** About nine in ten elements go back to the source's, the others move ten times as far. */
  @Test
  void dareDropsAndRescales() {
    final float[] before = source().get(NAME);
    final float[] tuned = weights("signs", "dense", "").get(NAME);
    final float[] dare = weights("signs", "dare-0.9", "d1").get(NAME);
    final float[] only = weights("signs", "drop-only-0.9", "d1").get(NAME);
    int kept = 0;
    for (int i = 0; i < before.length; i++) {
      if (dare[i] != before[i]) {
        kept++;
        assertEquals(before[i] + 10.0 * (tuned[i] - before[i]), dare[i], 1e-5);
        assertEquals(tuned[i], only[i], 1e-6);
      } else {
        assertEquals(before[i], only[i]);
      }
    }
    final double deviation = Math.sqrt(0.09 * before.length);
    assertEquals(0.1 * before.length, kept, 4 * deviation);
    assertArrayEquals(
        weights("signs", "dense", "").get("embeddings.LayerNorm.weight"),
        weights("signs", "dare-0.9", "d1").get("embeddings.LayerNorm.weight"),
        1e-6f);
    assertNotEquals(
        files.get("cells/tiny-bert.signs.dare-0.9.s1d1/model.safetensors"),
        files.get("cells/tiny-bert.signs.dare-0.9.s1d2/model.safetensors"));
  }

  /** The factor is the one of the best mean on tune, for both tasks the same. */
  @Test
  void theFactorIsChosenOnTune() {
    final JsonNode settings = record("signs", "task-arithmetic", "d1").path("settings");
    assertEquals(settings, record("words", "task-arithmetic", "d1").path("settings"));
    final double chosen = settings.path("chosen_lambda").asDouble();
    final Map<Double, Double> means = new TreeMap<>();
    settings
        .path("mean_on_tune")
        .properties()
        .forEach(e -> means.put(Double.valueOf(e.getKey()), e.getValue().asDouble()));
    assertEquals(3, means.size());
    assertTrue(means.values().stream().allMatch(mean -> mean <= means.get(chosen)), "" + means);
    final float[] before = source().get(NAME);
    final float[] a = weights("signs", "dense", "").get(NAME);
    final float[] b = weights("words", "dense", "").get(NAME);
    final float[] merged = weights("signs", "task-arithmetic", "d1").get(NAME);
    for (int i = 0; i < before.length; i++) {
      assertEquals(
          before[i] + chosen * ((double) a[i] - before[i] + b[i] - before[i]), merged[i], 1e-5);
    }
  }

  /** The mean that is recorded is that of two models written by hand and scored from outside. */
  @Test
  void meansAreThoseOfTheTasks() {
    final JsonNode means = record("signs", "task-arithmetic", "d1").path("settings");
    double sum = 0;
    for (String task : new String[] {"signs", "words"}) {
      final Path yaml =
          tiny.write(
              task + "-one.yaml",
              EXPERIMENT
                      .substring(0, EXPERIMENT.indexOf("variants:"))
                      .replace("name: merged", "name: " + task + "-one")
                  + """
              variants:
                - {name: dense}
                - {name: fixed, merge: {method: task-arithmetic, inputs: [signs, words], lambda: 0.4}}
              evaluate: {split: tune}
              """);
      final Path folder = temporary.resolve(task + "-one");
      Outcome.of("run", yaml, "-o", folder).code(0);
      try {
        sum +=
            new ObjectMapper()
                .readTree(
                    folder.resolve("cells/tiny-bert." + task + ".fixed.s1d1/result.json").toFile())
                .path("metrics")
                .path("accuracy")
                .asDouble();
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
    assertEquals(sum / 2, means.path("mean_on_tune").path("0.4").asDouble(), 1e-9);
  }

  /** With a diagonal of second moments, an input weighs the models alike in every row. */
  @Test
  void regmeanWeighsInputs() {
    final float[] a = weights("signs", "dense", "").get(NAME);
    final float[] b = weights("words", "dense", "").get(NAME);
    final float[] merged = weights("signs", "regmean", "d1").get(NAME);
    final int columns =
        (int)
            PackedFile.read(cell("signs", "dense", "").resolve("model.safetensors"))
                .tensors()
                .get(NAME)
                .shape()[1];
    boolean uneven = false;
    for (int j = 0; j < columns; j++) {
      double top = 0;
      double bottom = 0;
      for (int i = j; i < a.length; i += columns) { // least squares for the share of a
        top += ((double) merged[i] - b[i]) * ((double) a[i] - b[i]);
        bottom += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
      }
      final double share = top / bottom;
      uneven |= Math.abs(share - 0.5) > 0.01;
      assertTrue(share > 0 && share < 1, "share " + share);
      for (int i = j; i < a.length; i += columns) {
        assertEquals(b[i] + share * ((double) a[i] - b[i]), merged[i], 1e-5);
      }
    }
    assertTrue(uneven);
    assertArrayEquals(
        weights("signs", "average", "d1").get("encoder.layer.0.output.dense.bias"),
        weights("signs", "regmean", "d1").get("encoder.layer.0.output.dense.bias"),
        1e-6f);
  }

  /** One model is merged to itself; what was measured for that is not taken for another merge. */
  @Test
  void oneModelStays() {
    weights("signs", "dense", "")
        .forEach((name, w) -> assertArrayEquals(w, weights("signs", "fisher-one", "d1").get(name)));
  }

  /** A mean of the models in every element, and not the plain one; heads are not merged. */
  @Test
  void fisherWeighsElements() {
    final Map<String, float[]> a = weights("signs", "dense", "");
    final Map<String, float[]> b = weights("words", "dense", "");
    final Map<String, float[]> merged = weights("signs", "fisher", "d1");
    int uneven = 0;
    for (Map.Entry<String, float[]> tensor : merged.entrySet()) {
      final float[] x = a.get(tensor.getKey());
      final float[] y = b.get(tensor.getKey());
      if (tensor.getKey().startsWith("classifier.")) {
        assertArrayEquals(x, tensor.getValue());
        continue;
      }
      for (int i = 0; i < x.length; i++) {
        final float value = tensor.getValue()[i];
        assertTrue(value >= Math.min(x[i], y[i]) - 1e-6f && value <= Math.max(x[i], y[i]) + 1e-6f);
        uneven += Math.abs(value - (x[i] + y[i]) / 2) > 1e-4 ? 1 : 0;
      }
    }
    assertTrue(uneven > merged.get(NAME).length / 10, uneven + " elements");
  }

  /** Only what is drawn is drawn twice; a second run has nothing to do. */
  @Test
  void drawsAndReuse() {
    assertTrue(Files.isDirectory(cell("words", "dare-ties-0.5", "d2")));
    assertFalse(Files.isDirectory(cell("words", "ties", "d2")));
    Outcome.of("run", experiment, "-o", run, "--threads", 1).code(0).prints("(31 reused)");
    assertEquals(files, Folders.stable(run));
  }

  @Test
  void refusals() {
    refused("method: ties", "method: tise", "'ties'");
    refused(
        "inputs: [signs, words], density",
        "inputs: [signs, word], density",
        "unknown task",
        "'words'");
    refused("inputs: [signs, words], t: 0.5", "inputs: [signs], t: 0.5", "does not merge 1 models");
    refused("method: dare, drop: 0.9, dense", "method: dare, dense", "merge.drop is missing");
    refused("density: 0.5", "drop: 0.5", "unknown key 'drop'");
    refused("method: average,", "method: average, normalize: true,", "unknown key 'normalize'");
    refused(
        "method: ties, inputs: [signs, words], density: 0.5",
        "method: della, inputs: [signs, words], density: 0.1",
        "smaller epsilon");
    refused("lambda: [0, 0.4, 0.8]", "lambda: [0, 0]", "twice");
    refused(
        "{method: model-stock, inputs: [words, signs]}",
        "{method: model-stock}",
        "with its source");
  }

  private static void refused(String from, String to, String... says) {
    assertTrue(EXPERIMENT.contains(from), from);
    Outcome.of("plan", tiny.write("wrong.yaml", EXPERIMENT.replace(from, to))).code(3).says(says);
  }
}
