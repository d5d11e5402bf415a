package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.reader.PackedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** DL4J networks on the command line: saved by plain DL4J, and what is written loaded by it. */
class NetworkTest {
  @TempDir private static Path shared;
  private static Blobs blobs;

  @TempDir private Path temporary;

  @BeforeAll
  static void train() {
    blobs = Blobs.in(shared);
    assertTrue(blobs.accuracy(blobs.network()) > 0.7, "the network learned its classes");
  }

  private Outcome compress(String steps, Object... more) {
    final Path recipe = blobs.text("recipe.yaml", steps);
    final Object[] command = new Object[6 + more.length];
    System.arraycopy(
        new Object[] {"compress", blobs.zip(), "--recipe", recipe, "-o", output()},
        0,
        command,
        0,
        6);
    System.arraycopy(more, 0, command, 6, more.length);
    return Outcome.of(command);
  }

  private Path output() {
    return temporary.resolve("small");
  }

  private static double number(String text, String regex) {
    final List<MatchResult> found =
        Pattern.compile("(?m)" + regex).matcher(text).results().toList();
    assertEquals(1, found.size(), regex + " in " + text);
    return Double.parseDouble(found.get(0).group(1));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "- prune: {method: magnitude, sparsity: 0.7}",
        "- prune: {method: obert, sparsity: 0.7, gradients: 64, batch: 8, block: 8}",
        "- quantize: {bits: 4}",
        "- quantize: {method: gptq, bits: 3, batches: 4, batch: 32}",
        "- quantize: {allocate: {bits: [2, 3, 4], average: 3, sensitivity: hessian-trace, probes: 4}}",
      })
  void dl4jPredictsWhatWasReported(String steps) {
    final String out = compress(steps + "\n", "--task", blobs.task()).code(0).out();
    final MultiLayerNetwork loaded = Blobs.restore(output().resolve("network.zip"));
    assertEquals(blobs.accuracy(loaded), number(out, "^dev accuracy (\\S+), source"), 1e-6);
    assertEquals(blobs.loss(loaded), number(out, "^dev loss (\\S+), source"), 1e-5);
    assertEquals(
        blobs.accuracy(blobs.network()), number(out, "^dev accuracy .*, source (\\S+)"), 1e-6);
    assertFalse(blobs.network().params().equals(loaded.params()), "it was compressed");
    final String again = Outcome.of("evaluate", output(), "--task", blobs.task()).code(0).out();
    assertEquals(blobs.accuracy(loaded), number(again, "^accuracy (\\S+)"), 1e-6);
  }

  /** The zip's hash stands for both files in the keys of cells. */
  @Test
  void weightsOfAnotherFolderAreRefused() throws IOException {
    compress("- quantize: {bits: 4}\n").code(0);
    final Path first = Files.move(output(), temporary.resolve("first"));
    compress("- quantize: {bits: 3}\n").code(0);
    Files.copy(
        first.resolve("model.safetensors"),
        output().resolve("model.safetensors"),
        StandardCopyOption.REPLACE_EXISTING);
    Outcome.of("evaluate", output(), "--task", blobs.task())
        .code(4)
        .says("model.safetensors and network.zip hold other values for 'network.");
  }

  /** The count of zeros by the definition of the step, and both files by readers of others. */
  @Test
  void prunedWeightsAreZeroInBothFiles() throws IOException {
    compress("- prune: {method: magnitude, sparsity: 0.75}\n").code(0).prints("equal to the bit");
    assertEquals(
        List.of("README.md", "manifest.json", "model.safetensors", "network.zip"),
        Folders.files(output()));
    final MultiLayerNetwork loaded = Blobs.restore(output().resolve("network.zip"));
    long zeros = 0;
    try (PackedModel packed = PackedModel.open(output())) {
      for (int layer = 0; layer < 3; layer++) {
        final INDArray w = loaded.getParam(layer + "_W");
        final float[] stored = packed.floats("network." + layer + ".W");
        for (int i = 0; i < w.rows(); i++) {
          for (int o = 0; o < w.columns(); o++) {
            assertEquals(w.getFloat(i, o), stored[o * w.rows() + i]);
            zeros += w.getFloat(i, o) == 0 ? 1 : 0;
          }
        }
        assertArrayEquals(
            loaded.getParam(layer + "_b").data().asFloat(),
            packed.floats("network." + layer + ".b"));
      }
    }
    assertEquals(Math.round(0.75 * (12 * 24 + 24 * 16 + 16 * 3)), zeros);
  }

  @Test
  void aFolderIsCompressedFurtherAndTheUpdaterIsKept() {
    compress("- prune: {method: magnitude, sparsity: 0.5}\n").code(0);
    final Path recipe = blobs.text("int8.yaml", "- quantize: {bits: 8}\n");
    final Path smaller = temporary.resolve("smaller");
    Outcome.of("compress", output(), "--recipe", recipe, "-o", smaller).code(0);
    final INDArray w = Blobs.restore(smaller.resolve("network.zip")).getParam("0_W");
    assertTrue(w.eq(0).castTo(w.dataType()).sumNumber().intValue() > 40, "zeros stayed");
    compress("- quantize: {bits: 8}\n", "--keep-updater", "--force").code(0);
    assertEquals(
        blobs.network().getUpdater().getStateViewArray(),
        Blobs.restore(output().resolve("network.zip")).getUpdater().getStateViewArray());
  }

  @Test
  void aPlanWritesNothing() {
    compress("- quantize: {bits: 4}\n", "--dry-run")
        .code(0)
        .prints("quantize by rtn", "3 x network.*.W", "x smaller than float32");
    assertFalse(output().toFile().exists());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "- prune: {method: magnitude, sparsity: 0.5, train: {epochs: 1}}",
        "- quantize: {bits: 4, train: {epochs: 1}}",
        "- suppress-outliers: {method: os-plus}",
        "- quantize-activations: {bits: 8}",
        "- binarize: {method: sign, weights: 1, activations: 1, train: {epochs: 1}}",
      })
  void stepsForEncodersAreRefusedBeforeAnyWork(String steps) {
    compress(steps + "\n", "--task", blobs.task(), "--dry-run").code(3).says("recipe.yaml:1:");
  }

  @Test
  void whatDoesNotFitIsSaid() {
    compress("- quantize: {bits: 4, targets: [network.9.W]}\n").code(3).says("network.9.W");
    compress("- prune: {method: magnitude, sparsity: 0.5, train: {epochs: 1}}\n")
        .code(3)
        .says("only the matrices of encoder layers");
    final Path narrow =
        blobs.text(
            "narrow.yaml", "{train: train.csv, dev: dev.csv, features: [x0, x1], label: kind}\n");
    compress("- quantize: {bits: 4}\n", "--task", narrow)
        .code(4)
        .says("reads 12 numbers, and the task 'train' has 2");
    final Path four =
        blobs.text(
            "four.yaml",
            "{train: train.csv, dev: dev.csv, features: \"x*\", label: kind, classes: [\"0\", \"1\","
                + " \"2\", \"3\"]}\n");
    compress("- quantize: {bits: 4}\n", "--task", four).code(4).says("has 3 outputs", "4 classes");
    Outcome.of("inspect", blobs.zip()).code(4).says("is a DL4J network");
    Outcome.of("evaluate", blobs.folder().resolve("none.zip"), "--task", blobs.task())
        .code(4)
        .says("none.zip does not exist");
  }

  private Path experiment(String more) {
    return blobs.text(
        "experiment.yaml",
        """
        version: 1
        name: blobs
        model: blobs.zip
        task: {train: train.csv, dev: dev.csv, features: "x*", label: kind}
        variants:
          - {name: dense}
          - name: obert-0.7
            steps: [{prune: {method: obert, sparsity: 0.7, gradients: 32, batch: 8, block: 8}}]
        """
            + more);
  }

  @Test
  void anExperimentReportsWhatDl4jPredicts() {
    final Path run = temporary.resolve("run");
    final Path file = experiment("export: [safetensors]\n");
    Outcome.of("plan", file).code(0).prints("obert-0.7", "3 x network.*.W");
    Outcome.of("run", file, "-o", run).code(0).prints("2 cells", "obert-0.7");
    final String summary = Tiny.read(run.resolve("summary.csv"));
    final MultiLayerNetwork dense = blobs.network();
    assertEquals(
        blobs.accuracy(dense),
        number(summary, "^blobs,blobs,train,dense,accuracy,1,([0-9.]+)"),
        1e-4);
    final MultiLayerNetwork loaded =
        Blobs.restore(run.resolve("exports/blobs.train.obert-0.7/safetensors/network.zip"));
    final String results = Tiny.read(run.resolve("results.csv"));
    assertEquals(
        blobs.accuracy(loaded),
        number(results, "^blobs,blobs,train,obert-0.7,1,1,dev,accuracy,([0-9.]+)"),
        1e-6);
  }

  @Test
  void whatANetworkCannotDoIsRefusedInOneGo() {
    Outcome.of(
            "plan",
            experiment(
                "finetune: {when: always}\nevaluate: {latency: {batch: 1, length: 8}}\n"
                    + "export: [onnx]\n"))
        .code(3)
        .says("which DL4J trains", "latency is that of", "'onnx' cannot hold");
    final Path texts =
        blobs.text(
            "texts.yaml",
            """
            version: 1
            name: texts
            model: blobs.zip
            task: {train: train.csv, dev: dev.csv, text: [id], label: kind}
            variants: [{name: dense}]
            """);
    Outcome.of("plan", texts).code(3).says("reads rows of numbers");
  }
}
