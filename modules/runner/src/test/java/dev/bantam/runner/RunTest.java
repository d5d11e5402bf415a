package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One whole run: what it writes, that it can be repeated, and that its models can be used. */
class RunTest {
  private static final List<String> VARIANTS = List.of("dense", "magnitude-0.5", "rtn-int4");
  private static final List<String> CHARTS =
      List.of("bytes", "score-by-bits", "score-by-size", "score-by-sparsity", "sparsity-by-layer");

  @TempDir private static Path temporary;

  private static Tiny tiny;
  private static Path run;
  private static Outcome first;

  @BeforeAll
  static void runOnce() {
    tiny = Tiny.in(temporary);
    run = temporary.resolve("run");
    first = Outcome.of("run", tiny.experiment(), "-o", run, "--threads", 1).code(0);
  }

  @Test
  void writesWhatIsPromisedAndNothingElse() {
    final Set<String> expected =
        new TreeSet<>(
            List.of(
                "experiment.resolved.yaml",
                "manifest.json",
                "report.html",
                "report.md",
                "results.csv",
                "run.log",
                "summary.csv"));
    for (String chart : CHARTS) {
      expected.add("charts/" + chart + ".svg");
      expected.add("charts/" + chart + ".png");
    }
    for (String variant : VARIANTS) {
      for (int seed = 1; seed <= 2; seed++) {
        final String cell = "cells/" + Tiny.CELL + variant + ".s" + seed + "/";
        for (String file : List.of("key.json", "model.safetensors", "result.json")) {
          expected.add(cell + file);
        }
        expected.add(cell + "timings.json");
        if (variant.equals("dense")) {
          expected.add(cell + "finetune.json");
        }
      }
      final String export = "exports/" + Tiny.CELL + variant + "/safetensors/";
      for (String file : List.of("README.md", "config.json", "manifest.json")) {
        expected.add(export + file);
      }
      expected.add(export + "model.safetensors");
      expected.add(export + "tokenizer.json");
    }
    assertEquals(List.copyOf(expected), Folders.files(run));
    assertEquals(List.of(), Folders.leftovers(run));
  }

  @Test
  void tellsResultsOnStandardOutputAndProgressOnStandardError() {
    first
        .prints("tiny-bert on signs", "dense", "rtn-int4", "6 cells (0 reused)", "report.html")
        .says("6 cells into", "epoch 8/8", "[1/6] dense, seed 1", "[6/6] rtn-int4, seed 2");
    assertFalse(first.out().contains("epoch"), first.out());
  }

  @Test
  void theModelHasLearntAndIsNotFlattered() {
    for (int seed = 1; seed <= 2; seed++) {
      final double dense =
          Double.parseDouble(Tiny.result(run, "dense", seed, "accuracy").orElseThrow());
      assertTrue(dense >= 0.75, "chance is 0.5, seed " + seed + " reaches " + dense);
    }
    final double correct =
        32 * Double.parseDouble(Tiny.result(run, "rtn-int4", 1, "accuracy").orElseThrow());
    assertEquals(Math.rint(correct), correct, 1e-9, "accuracy on 32 rows");
  }

  @Test
  void resultsHaveOneRowPerCellAndMetricAndTheSummaryOnePerVariant() {
    final List<String> results = Tiny.read(run.resolve("results.csv")).lines().toList();
    assertEquals("experiment,model,task,variant,seed,draw,split,metric,value", results.get(0));
    assertEquals(1 + 6 * 4, results.size(), "accuracy, f1, mcc and loss of six cells");
    final List<String> summary = Tiny.read(run.resolve("summary.csv")).lines().toList();
    assertTrue(
        summary
            .get(0)
            .startsWith(
                "experiment,model,task,variant,metric,n,mean,std,recovery,bytes,ratio_fp32,"
                    + "ratio_fp16,bits_per_weight,bits_per_weight_encoder,seconds,latency_ms_p50"),
        summary.get(0));
    assertEquals(
        VARIANTS, summary.stream().skip(1).map(row -> row.split(",", -1)[3]).toList(), "variants");
  }

  @Test
  void bytesAreTheLengthOfTheFile() throws IOException {
    for (String row : Tiny.read(run.resolve("summary.csv")).lines().skip(1).toList()) {
      final String[] cells = row.split(",", -1);
      for (String place : List.of("cells/%s%s.s1", "exports/%s%s/safetensors")) {
        final Path file =
            run.resolve(String.format(java.util.Locale.ROOT, place, Tiny.CELL, cells[3]))
                .resolve("model.safetensors");
        assertEquals(Files.size(file), Long.parseLong(cells[9]), file.toString());
      }
    }
  }

  @Test
  void namesNeitherFoldersNorTheMachineNorThreads() throws IOException {
    final List<String> secrets = new ArrayList<>(List.of(temporary.toString()));
    secrets.add(System.getProperty("user.home") + "/");
    secrets.add(Path.of("").toAbsolutePath().toString());
    final String host = InetAddress.getLocalHost().getHostName();
    if (host.length() > 3 && !host.equals("localhost")) {
      secrets.add(host);
    }
    int looked = 0;
    for (String name : Folders.files(run)) {
      if (name.endsWith(".png") || name.endsWith(".log")) {
        continue;
      }
      final String text =
          Files.readString(run.resolve(name), StandardCharsets.ISO_8859_1); // weights included
      for (String secret : secrets) {
        assertFalse(text.contains(secret), name + " holds " + secret);
      }
      looked++;
    }
    assertTrue(looked > 30, "files looked into: " + looked);
    for (String name : Folders.stable(run).keySet()) {
      assertFalse(Tiny.read(run, name).contains("threads"), name);
    }
  }

  @Test
  void theManifestTellsWhatWentIn() throws IOException {
    final JsonNode manifest = new ObjectMapper().readTree(run.resolve("manifest.json").toFile());
    for (String key : List.of("bantam", "started", "finished", "java", "os", "cpu", "command")) {
      assertFalse(manifest.path(key).asText().isEmpty(), key);
    }
    assertEquals(1, manifest.path("threads").asInt());
    assertEquals("./bantam run experiment.yaml", manifest.path("command").asText());
    assertEquals(64, manifest.path("models").path(0).path("sha256").asText().length());
    final JsonNode splits = manifest.path("tasks").path(0).path("splits");
    assertEquals(
        110, splits.path("train").path("rows").asInt() + splits.path("tune").path("rows").asInt());
    assertEquals(32, splits.path("dev").path("rows").asInt());
    assertEquals(6, manifest.path("cells").size());
    assertEquals("[1,2]", manifest.path("seeds").toString());
  }

  @Test
  void theResolvedFileGivesTheSameExperiment() {
    final String resolved = Tiny.read(run.resolve("experiment.resolved.yaml"));
    tiny.write("again.yaml", resolved);
    Outcome.of("plan", tiny.folder().resolve("again.yaml")).code(0).prints("6 cells");
  }

  @Test
  void modelCardsShowWhatWasMeasured() {
    for (String variant : VARIANTS) {
      final String card =
          Tiny.read(run.resolve("exports/" + Tiny.CELL + variant + "/safetensors/README.md"));
      final double accuracy =
          Double.parseDouble(Tiny.result(run, variant, 1, "accuracy").orElseThrow());
      assertTrue(card.contains(String.format(java.util.Locale.ROOT, "| %.4f |\n", accuracy)), card);
      assertTrue(card.contains("licence") && card.contains("signs.tsv"), card);
      assertEquals(!variant.equals("dense"), card.contains("```yaml"), card);
      assertFalse(card.contains("--task signs"), "that is no named task:\n" + card);
    }
  }

  /** The bytes are the same on one thread, two and three, and in another folder. */
  @Test
  void threadsDoNotChangeABit() {
    for (int threads = 2; threads <= 3; threads++) {
      final Path other = temporary.resolve("threads-" + threads);
      Outcome.of("run", tiny.experiment(), "-o", other, "--threads", threads).code(0);
      assertEquals(
          List.of(),
          Folders.differences(Folders.stable(run), Folders.stable(other)),
          "files that differ between 1 and " + threads + " threads");
    }
  }

  @Test
  void aSecondRunReusesEveryCell() {
    final Path again = temporary.resolve("again");
    Folders.copy(run, again);
    Outcome.of("run", tiny.experiment(), "-o", again)
        .code(0)
        .prints("6 cells (6 reused)")
        .says("[1/6] dense, seed 1", "reused");
    assertEquals(List.of(), Folders.differences(Folders.stable(run), Folders.stable(again)));
    assertEquals(Folders.files(run), Folders.files(again));
  }

  @Test
  void anExportedModelScoresAsReported() {
    for (String variant : VARIANTS) {
      final Path model = run.resolve("exports/" + Tiny.CELL + variant + "/safetensors");
      final Outcome outcome =
          Outcome.of("evaluate", model, "--task", tiny.task(), "--quiet").code(0);
      for (String metric : List.of("accuracy", "f1", "loss")) {
        final double reported =
            Double.parseDouble(Tiny.result(run, variant, 1, metric).orElseThrow());
        outcome.prints(String.format(java.util.Locale.ROOT, "%s %.6f", metric, reported));
      }
    }
  }

  /** Its head fits the task, so it is not trained again unless the experiment asks for it. */
  @Test
  void aPackedFolderIsAModelOfAnotherExperiment() {
    final Path packed = run.resolve("exports/" + Tiny.CELL + "rtn-int4/safetensors");
    final Path experiment =
        tiny.write(
            "packed.yaml",
            "version: 1\nname: packed\nmodel: "
                + packed
                + "\ntask: {train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}\n"
                + "variants:\n  - {name: dense}\n"
                + "  - {name: rtn-int8, steps: [{quantize: {bits: 8}}]}\n");
    final Path second = temporary.resolve("packed");
    final Outcome outcome = Outcome.of("run", experiment, "-o", second).code(0);
    assertFalse(outcome.err().contains("epoch"), outcome.err());
    assertEquals(
        Tiny.result(run, "rtn-int4", 1, "accuracy"), Tiny.result(second, "dense", 1, "accuracy"));
    assertEquals(Tiny.result(run, "rtn-int4", 1, "loss"), Tiny.result(second, "dense", 1, "loss"));
  }
}
