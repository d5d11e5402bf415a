package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.export.PackedFile;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bantam sensitivity}: its numbers by other commands, its folder, its refusals. */
class SensitivityTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<Object> LESS =
      List.of(
          "--bits",
          2,
          "--probes",
          4,
          "--batch",
          8,
          "--slices",
          2,
          "--products",
          3,
          "--examples",
          10,
          "--rows",
          50);

  @TempDir private static Path temporary;
  private static Tiny tiny;
  private static Path tuned;
  private static Path folder;
  private static JsonNode found;

  @BeforeAll
  static void measureOnce() {
    tiny = Tiny.in(temporary);
    tuned = temporary.resolve("tuned");
    folder = temporary.resolve("sensitivity");
    Outcome.of("finetune", tiny.model(), "--task", tiny.task(), "-o", tuned).code(0);
    measure(folder, 2)
        .code(0)
        .prints(
            "As it is, on ",
            "0.attention.self.query ",
            "Rank correlation with the increase of the loss:",
            "hessian-trace",
            "Written: " + folder);
    found = read(folder.resolve("sensitivity.json"));
  }

  private static Outcome measure(Path output, int threads, Object... more) {
    final List<Object> command =
        new ArrayList<>(
            List.of(
                "sensitivity", tuned, "--task", tiny.task(), "-o", output, "--threads", threads));
    for (int i = 0; i < LESS.size(); i += 2) {
      if (!List.of(more).contains(LESS.get(i))) {
        command.addAll(LESS.subList(i, i + 2));
      }
    }
    command.addAll(List.of(more));
    return Outcome.of(command.toArray());
  }

  private static JsonNode read(Path file) {
    try {
      return JSON.readTree(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static Map<String, JsonNode> matrices() {
    final Map<String, JsonNode> matrices = new TreeMap<>();
    found.path("matrices").forEach(m -> matrices.put(m.path("name").asText(), m));
    assertEquals(12, matrices.size());
    return matrices;
  }

  /** Error, loss and metric of one matrix, by compressing it alone and scoring that model. */
  @Test
  void roundedAloneIsWhatCompressAndEvaluateSay() {
    final Map<String, Double> before = scores(tuned);
    assertEquals(before.get("loss"), found.path("loss").asDouble(), 1e-6);
    assertEquals(before.get("accuracy"), found.path("value").asDouble(), 1e-6);
    for (String name :
        List.of(
            "encoder.layer.0.attention.self.query.weight", "encoder.layer.1.output.dense.weight")) {
      final Path rounded = temporary.resolve(name);
      final Path recipe =
          tiny.write("one.yaml", "- quantize: {bits: 2, targets: '" + name + "'}\n");
      Outcome.of("compress", tuned, "--recipe", recipe, "-o", rounded).code(0);
      final Map<String, Double> after = scores(rounded);
      final JsonNode matrix = matrices().get(name);
      assertEquals(
          after.get("loss") - before.get("loss"),
          matrix.path("loss_increase").asDouble(),
          2e-6,
          name);
      assertEquals(
          after.get("accuracy") - before.get("accuracy"),
          matrix.path("metric_change").asDouble(),
          2e-6,
          name);
      final float[] w = weights(tuned, name);
      final float[] q = weights(rounded, name);
      double error = 0;
      for (int i = 0; i < w.length; i++) {
        error += Math.pow((double) q[i] - w[i], 2);
      }
      assertEquals(error, matrix.path("squared_error").asDouble(), 1e-9 * error);
    }
  }

  private static Map<String, Double> scores(Path model) {
    final String out =
        Outcome.of(
                "evaluate",
                model,
                "--task",
                tiny.task(),
                "--split",
                "tune",
                "--limit",
                found.path("rows").asInt())
            .code(0)
            .out();
    final Map<String, Double> scores = new TreeMap<>();
    for (MatchResult line :
        Pattern.compile("(?m)^(\\S+) (\\S+)$").matcher(out).results().toList()) {
      scores.put(line.group(1), Double.valueOf(line.group(2)));
    }
    return scores;
  }

  private static float[] weights(Path model, String name) {
    final CompressedTensor form =
        PackedFile.read(model.resolve("model.safetensors")).tensors().get(name);
    return Floats.toArray(form.dense());
  }

  /**
   * The curvature is what a choice of widths would have gone by: the same seed, the same figures.
   */
  @Test
  void curvatureIsThatOfAllocate() throws IOException {
    final Map<String, String> keys =
        Map.of(
            "hessian_trace", "probes: 4, batch: 8",
            "fisher_trace", "sensitivity: fisher-trace, examples: 10",
            "top_eigenvalue", "sensitivity: q-bert, slices: 2, products: 3");
    for (Map.Entry<String, String> key : keys.entrySet()) {
      final String name = "mp-" + key.getKey().replace('_', '-');
      final Path file =
          tiny.write(
              name + ".yaml",
              tiny.text()
                      .substring(0, tiny.text().indexOf("variants:"))
                      .replaceAll("(?m)^seeds:.*$", "seeds: [1]")
                      .replaceAll("(?m)^model:.*$", "model: " + tuned)
                      .replaceAll("(?m)^finetune:.*$", "finetune: {when: needed}")
                  + "variants:\n  - {name: dense}\n  - name: "
                  + name
                  + "\n    steps: [{quantize: {allocate: {average: 2.5, "
                  + key.getValue()
                  + "}}}]\n");
      final Path run = temporary.resolve(name);
      Outcome.of("run", file, "-o", run).code(0);
      final Path cell;
      try (var cells = Files.list(run.resolve("cells"))) {
        cell =
            cells.filter(p -> p.getFileName().toString().contains(name)).findFirst().orElseThrow();
      }
      int compared = 0;
      for (JsonNode tensor :
          read(cell.resolve("result.json")).path("steps").get(0).path("tensors")) {
        final JsonNode matrix = matrices().get(tensor.path("name").asText());
        final double expected = tensor.path("sensitivity").asDouble();
        assertEquals(expected, matrix.path(key.getKey()).asDouble(), 1e-9 * Math.abs(expected));
        assertEquals(
            tensor.path("sensitivity_error").asDouble(),
            matrix.path(key.getKey() + "_error").asDouble(),
            1e-9);
        compared++;
      }
      assertEquals(12, compared, name);
    }
  }

  /** Spearman's rank correlation by its textbook formula; losses and errors have no ties here. */
  @Test
  void correlationsAreThoseOfRanks() {
    final List<JsonNode> all = new ArrayList<>(matrices().values());
    double squares = 0;
    for (JsonNode one : all) {
      int byLoss = 0;
      int byError = 0;
      for (JsonNode other : all) {
        byLoss += less(other, one, "loss_increase") ? 1 : 0;
        byError += less(other, one, "squared_error") ? 1 : 0;
      }
      squares += Math.pow(byLoss - byError, 2);
    }
    final double rho = 1 - 6 * squares / (12 * (144 - 1));
    assertEquals(rho, found.path("rank_correlations").path("error").asDouble(), 1e-9);
    for (String name : List.of("hessian-trace", "fisher-trace", "q-bert")) {
      assertTrue(Math.abs(found.path("rank_correlations").path(name).asDouble(9)) <= 1, name);
    }
  }

  private static boolean less(JsonNode a, JsonNode b, String key) {
    return a.path(key).asDouble() < b.path(key).asDouble();
  }

  /** The table of the CSV is that of the JSON file. */
  @Test
  void bothFilesSayTheSame() {
    final List<String> lines = Tiny.read(folder.resolve("sensitivity.csv")).lines().toList();
    assertEquals(13, lines.size());
    final List<String> heads = List.of(lines.get(0).split(","));
    for (String line : lines.subList(1, lines.size())) {
      final String[] values = line.split(",");
      final JsonNode matrix = matrices().get(values[0]);
      for (int c = 1; c < values.length; c++) {
        final String key = heads.get(c);
        assertTrue(matrix.has(key), key);
        assertEquals(matrix.path(key).asDouble(), Double.parseDouble(values[c]), key);
      }
    }
  }

  /** Stopped between any two pieces, it goes on and ends with the same bytes. */
  @Test
  void goesOnWhereItWasStopped() throws IOException {
    final String csv = Tiny.read(folder.resolve("sensitivity.csv"));
    final Path half = temporary.resolve("half");
    Files.createDirectories(half);
    final ObjectNode measured = (ObjectNode) read(folder.resolve("measured.json"));
    final ObjectNode pieces = (ObjectNode) measured.path("pieces");
    final List<String> names = new ArrayList<>();
    pieces.fieldNames().forEachRemaining(names::add);
    assertEquals(2 + 2 + 1 + 12, names.size(), names.toString());
    for (int i = 0; i < names.size(); i += 2) {
      pieces.remove(names.get(i));
    }
    Files.write(half.resolve("measured.json"), JSON.writeValueAsBytes(measured));
    measure(half, 1).code(0).says("8 pieces are there already");
    assertEquals(csv, Tiny.read(half.resolve("sensitivity.csv")));
    assertEquals(
        Tiny.read(folder.resolve("measured.json")).length(),
        Tiny.read(half.resolve("measured.json")).length());
    measure(half, 2).code(0).says("17 pieces are there already");
    assertFalse(Files.exists(half.resolve(".lock")));
  }

  @Test
  void folders() throws IOException {
    final Path other = temporary.resolve("other");
    Files.createDirectories(other);
    Files.writeString(other.resolve("notes.txt"), "mine");
    measure(other, 1).code(7).says("holds something else");
    measure(folder, 1, "--seed", 2).code(7).says("another model, task or settings", "--force");
    final Path copy = temporary.resolve("copy");
    Folders.copy(folder, copy);
    measure(copy, 1, "--seed", 2, "--rows", 5, "--force").code(0);
    assertEquals(5, read(copy.resolve("sensitivity.json")).path("rows").asInt());
  }

  @Test
  void refusalsAndPlan() {
    measure(temporary.resolve("none"), 1, "--bits", 9).code(2).says("--bits is 9");
    measure(temporary.resolve("none"), 1, "--probes", 1).code(2).says("at least 2");
    measure(temporary.resolve("none"), 1, "--group-size", 4)
        .code(2)
        .says("--group-size is 4", "15 inputs");
    Outcome.of("sensitivity", tuned, "--task", tiny.task(), "--force")
        .code(2)
        .says("without a folder");
    Outcome.of("sensitivity", tiny.model(), "--task", tiny.task()).code(4).says("head");
    Outcome.of("sensitivity", tuned, "--task", "wordnet-retrieval").code(2).says("loss");
    Outcome.of("sensitivity", temporary.resolve("no-model"), "--task", tiny.task()).code(4);
    measure(temporary.resolve("none"), 1, "--dry-run")
        .code(0)
        .prints("12 matrices in 2 layers", "4 probes of 8 examples", "13 times");
    assertFalse(Files.exists(temporary.resolve("none")));
  }
}
