package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Progress;
import dev.bantam.export.ModelFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import onnx.Onnx;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Exports of models that round their activations or were shifted and scaled: what ONNX Runtime, or
 * plain weights, make of the texts of dev against what the run measured on them.
 */
class StaticExportTest {
  private static final String VARIANTS =
      """
      variants:
        - {name: dense}
        - name: os-plus
          steps:
            - suppress-outliers: {method: os-plus, lowest-threshold: 0.1, rows: 16}
        - name: os-plus-w8a8
          steps:
            - suppress-outliers: {method: os-plus, lowest-threshold: 0.1, rows: 16}
            - quantize: {bits: 8, group-size: row, targets: [encoder.layer.*.dense.weight, encoder.layer.*.self.*.weight, embeddings.word_embeddings.weight, embeddings.position_embeddings.weight]}
            - quantize-activations: {bits: 8, observer: percentile, percentile: 99.9, rows: 16}
      export: [safetensors, onnx-int8]
      """;

  private static final Pattern LOSS = Pattern.compile("(?m)^loss ([0-9.]+)");

  @TempDir private static Path temporary;
  private static Tiny tiny;
  private static Path run;

  @BeforeAll
  static void runOnce() {
    tiny = Tiny.in(temporary);
    final Path experiment = tiny.write("static.yaml", withVariants(VARIANTS));
    run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run, "--threads", 2).code(0);
  }

  private static String withVariants(String variants) {
    return tiny.text()
            .substring(0, tiny.text().indexOf("variants:"))
            .replaceAll("(?m)^seeds:.*$", "seeds: [1]")
        + variants;
  }

  private static Path exported(String variant, String format) {
    return run.resolve("exports/" + Tiny.CELL + variant + "/" + format);
  }

  private static JsonNode json(Path file) {
    try {
      return new ObjectMapper().readTree(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** The loss that the run measured. */
  private static double measured(String variant) {
    return json(run.resolve("cells/" + Tiny.CELL + variant + ".s1/result.json"))
        .path("metrics")
        .path("loss")
        .asDouble();
  }

  /** The loss of a file's logits in ONNX Runtime, text by text. */
  private static double loss(Path onnx) {
    final Checkpoint model = ModelFolder.read(exported("dense", "safetensors"), Progress.NONE);
    final List<String> labels = model.head().orElseThrow().labels();
    final String[] rows = Tiny.read(tiny.folder().resolve("signs-dev.tsv")).split("\n");
    double loss = 0;
    try (OrtFile file = new OrtFile(onnx)) {
      for (int i = 1; i < rows.length; i++) {
        final String[] cells = rows[i].split("\t");
        final Encoding text = model.tokenizer().orElseThrow().encode(cells[0], model.maxLength());
        final float[] logits = file.run(List.of(text));
        assertEquals(labels.size(), logits.length);
        double sum = 0;
        for (float logit : logits) {
          sum += Math.exp(logit);
        }
        loss += Math.log(sum) - logits[labels.indexOf(cells[1].strip())];
      }
    }
    return loss / (rows.length - 1);
  }

  private static double evaluated(Path folder) {
    final String printed = Outcome.of("evaluate", folder, "--task", tiny.task()).code(0).out();
    final Matcher found = LOSS.matcher(printed);
    assertTrue(found.find(), printed);
    return Double.parseDouble(found.group(1));
  }

  /** Rounding alone moves the loss by more than the file differs. */
  @Test
  void aRoundedModelScoresTheSameInTheRuntime() {
    final double expected = measured("os-plus-w8a8");
    assertTrue(Math.abs(expected - measured("os-plus")) > 1e-4, "rounding changes nothing");
    final Path folder = exported("os-plus-w8a8", "onnx-int8");
    assertEquals(expected, loss(folder.resolve("model.onnx")), 2e-5);
    final String card = Tiny.read(folder.resolve("README.md"));
    assertTrue(card.contains("by fixed ranges (static)"), card);
    assertTrue(
        Tiny.read(exported("os-plus", "onnx-int8").resolve("README.md")).contains("(dynamic"));
  }

  @Test
  void residualsTravelAlong() {
    final Path float32 = temporary.resolve("os-plus.onnx");
    final Path model = exported("os-plus", "safetensors");
    Outcome.of("export", model, "--format", "onnx", "-o", float32).code(0);
    assertEquals(measured("os-plus"), loss(float32), 2e-6);
    assertEquals(measured("dense"), loss(float32), 2e-5);
    final Path int4 = temporary.resolve("os-plus-int4.onnx");
    Outcome.of("export", model, "--format", "onnx-int4", "-o", int4).code(0);
    assertEquals(measured("dense"), loss(int4), 0.1);
  }

  @Test
  void denseWeightsHaveThemFoldedIn() {
    final Path dense = temporary.resolve("folded");
    Outcome.of(
            "export",
            exported("os-plus", "safetensors"),
            "--format",
            "safetensors",
            "--dense",
            "-o",
            dense)
        .code(0);
    assertEquals(measured("os-plus"), evaluated(dense), 2e-6);
    final String listed = Outcome.of("inspect", dense).code(0).out();
    assertTrue(!listed.contains("affine"), listed);
  }

  @Test
  void anyModelIsCalibrated() throws IOException {
    final Path folder = temporary.resolve("calibrated");
    Outcome.of(
            "export",
            exported("os-plus", "safetensors"),
            "--format",
            "onnx-int8",
            "--calibrate",
            tiny.task(),
            "--rows",
            16,
            "-o",
            folder)
        .code(0);
    assertEquals(measured("dense"), loss(folder.resolve("model.onnx")), 0.02);
    final JsonNode manifest = json(folder.resolve("manifest.json"));
    assertTrue(
        manifest
            .path("quantized_by")
            .asText()
            .contains("quantize-activations: {bits: 8, observer: percentile, rows: 16}"));
    assertEquals("signs", manifest.path("calibration").path("task").asText());
    final Onnx.ModelProto model =
        Onnx.ModelProto.parseFrom(Files.readAllBytes(folder.resolve("model.onnx")));
    assertEquals(
        2 * 8,
        model.getGraph().getNodeList().stream()
            .filter(n -> n.getOpType().equals("QuantizeLinear"))
            .count());
    assertTrue(Tiny.read(folder.resolve("README.md")).contains("(static)"));
  }

  @Test
  void equalBytesOnAnyNumberOfThreads() {
    final List<Path> folders = new ArrayList<>();
    for (int threads : new int[] {1, 3}) {
      folders.add(temporary.resolve("threads-" + threads));
      Outcome.of(
              "export",
              exported("dense", "safetensors"),
              "--format",
              "onnx-int8",
              "--calibrate",
              tiny.task(),
              "--observer",
              "mse",
              "--threads",
              threads,
              "-o",
              folders.get(folders.size() - 1))
          .code(0);
    }
    assertEquals(
        List.of(),
        Folders.differences(Folders.hashes(folders.get(0)), Folders.hashes(folders.get(1))));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          dense        | onnx      | --calibrate TASK                  | 2 | --calibrate is for --format onnx-int8 alone
          dense        | onnx-int8 | --rows 3                          | 2 | have no meaning without --calibrate
          dense        | onnx-int8 | --calibrate TASK --rows 0         | 2 | --rows is 0
          dense        | onnx-int8 | --calibrate TASK --rows 2000000   | 2 | --rows is 2000000 and must be from 1 to 1048576
          dense        | onnx-int8 | --calibrate TASK --observer mes   | 2 | Did you mean 'mse'
          os-plus-w8a8 | onnx-int8 | --calibrate TASK                  | 2 | by ranges of its own
          os-plus-w8a8 | onnx      |                                   | 2 | 'fake-quantize' at layer.0.attention.input
          os-plus-w8a8 | safetensors | --dense                         | 2 | [fake-quantize], which plain float32 weights
          dense        | onnx-int8 | --calibrate SAME                  | 3 | training rows of 'signs-dev' are rows of its dev or test too
          """)
  void whatHasNoMeaningIsRefused(
      String variant, String format, String options, int code, String message) {
    final String same =
        tiny.write(
                "same.yaml",
                "{train: signs-dev.tsv, dev: signs-dev.tsv, text: sentence, label:" + " label}\n")
            .toString();
    final List<Object> command =
        new ArrayList<>(List.of("export", exported(variant, "safetensors"), "--format", format));
    command.addAll(List.of("-o", temporary.resolve("refused")));
    if (options != null) {
      for (String option : options.split(" ")) {
        command.add(option.replace("TASK", tiny.task()).replace("SAME", same));
      }
    }
    Outcome.of(command.toArray()).code(code).says(message);
    assertTrue(!Files.exists(temporary.resolve("refused")));
  }

  @ParameterizedTest
  @CsvSource({
    "onnx, '{bits: 8, rows: 4}', 3",
    "onnx-int4, '{bits: 8, rows: 4}', 3",
    "onnx-int8, '{bits: 8, rows: 4}', 0",
    "onnx-int8, '{bits: 6, method: token-clipping}', 0",
    "onnx-int8, '{method: dynamic}', 3",
    "onnx-int8, '{method: grouped}', 3"
  })
  void plansKnowWhatAFormatHolds(String format, String ranges, int code) {
    final Path file =
        tiny.write(
            "plan.yaml",
            withVariants(
                "variants:\n  - {name: dense}\n  - {name: a, steps: [{quantize-activations: "
                    + ranges
                    + "}]}\nexport: ["
                    + format
                    + "]\n"));
    final Outcome planned = Outcome.of("plan", file).code(code);
    if (code != 0) {
      planned.says("'" + format + "' cannot hold what the variant 'a' does beside its weights");
    }
  }
}
