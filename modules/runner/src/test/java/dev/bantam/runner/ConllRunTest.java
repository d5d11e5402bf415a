package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tagging of words from an experiment file to exported models: two words are animals, a third goes
 * on with one, and nothing else says anything.
 */
class ConllRunTest {
  private static final List<String> WORDS = List.of("dog", "cat", "very", "sky", "good", "film");
  private static final String TASK =
      "{conll: {train: animals.conll, dev: animals-dev.conll}, columns: {token: 0, tag: 2}}";

  @TempDir private Path temporary;
  private Tiny tiny;

  @BeforeEach
  void write() {
    tiny = Tiny.in(temporary);
    tiny.write("animals.conll", sentences(1, 90));
    tiny.write("animals-dev.conll", sentences(2, 30));
    tiny.edit("{train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}", TASK);
    tiny.edit("seeds: [1, 2]", "seeds: 1");
    tiny.edit("epochs: 8", "epochs: 20");
  }

  private static String sentences(long seed, int count) {
    final Random random = new Random(seed);
    final StringBuilder text = new StringBuilder("-DOCSTART- X O\n\n");
    for (int s = 0; s < count; s++) {
      boolean animal = false;
      for (int w = 0; w < 3 + random.nextInt(5); w++) {
        final String word = WORDS.get(random.nextInt(WORDS.size()));
        final boolean begins = word.equals("dog") || word.equals("cat");
        text.append(word).append(" X ");
        text.append(begins ? "B-animal" : animal && word.equals("very") ? "I-animal" : "O");
        text.append('\n');
        animal = begins || (animal && word.equals("very"));
      }
      text.append('\n');
    }
    return text.toString();
  }

  private static double value(Path run, String variant, String metric) {
    return Double.parseDouble(Tiny.result(run, variant, 1, metric).orElseThrow());
  }

  @Test
  void anExperimentTrainsCompressesAndExports() throws IOException {
    tiny.edit("export: [safetensors]", "export: [safetensors, onnx, onnx-int8]");
    final Path run = temporary.resolve("run");
    Outcome.of("run", tiny.experiment(), "-o", run).code(0);
    assertTrue(value(run, "dense", "span_f1") > 0.9, "dense: " + value(run, "dense", "span_f1"));
    assertTrue(value(run, "dense", "accuracy") > 0.9);
    assertTrue(value(run, "dense", "loss") < 0.5);
    assertTrue(value(run, "rtn-int4", "span_f1") > 0.5);
    assertTrue(
        Tiny.read(run.resolve("summary.csv")).contains(",animals,dense,span_f1,"),
        Tiny.read(run.resolve("summary.csv")));

    final Path exports = run.resolve("exports").resolve(Tiny.MODEL + ".animals.dense");
    final Path packed = exports.resolve("safetensors");
    final String config = Tiny.read(packed.resolve("config.json"));
    assertTrue(config.contains("BertForTokenClassification"), config);
    assertTrue(config.contains("I-animal") && !config.contains("problem_type"), config);
    assertTrue(
        Tiny.read(packed.resolve("README.md")).contains("the tag of a word is that of its first"));
    assertTrue(
        Tiny.read(exports.resolve("onnx").resolve("README.md"))
            .contains("float32 [batch, sequence, 3]: O, B-animal, I-animal;"));

    final Path task = tiny.write("animals.yaml", TASK + "\n");
    final String expected =
        Outcome.of("evaluate", packed, "--task", task).code(0).prints("span_f1 ").out();
    assertTrue(
        expected.contains(
            String.format(java.util.Locale.ROOT, "span_f1 %.6f", value(run, "dense", "span_f1"))),
        expected);
    // an ONNX file is read again, its head too, and rounds otherwise than the product
    final String again =
        Outcome.of("evaluate", exports.resolve("onnx/model.onnx"), "--task", task).code(0).out();
    assertEquals(
        expected.lines().filter(l -> !l.startsWith("loss")).toList(),
        again.lines().filter(l -> !l.startsWith("loss")).toList());
  }

  /** Distillation of every tagged word, and gradients of labels. */
  @Test
  void methodsThatLearnWorkOnTags() {
    tiny.edit(
        "{name: rtn-int4, steps: [{quantize: {bits: 4}}]}",
        "{name: taught, steps: [{prune: {schedule: {to: 0.5}, train: {epochs: 2}}}]}\n"
            + "  - {name: obert, steps: [{prune: {method: obert, sparsity: 0.5, gradients: 16}}]}");
    final Path run = temporary.resolve("run");
    Outcome.of("run", tiny.experiment(), "-o", run).code(0);
    for (String variant : List.of("taught", "obert")) {
      assertTrue(value(run, variant, "span_f1") > 0.5, variant + value(run, variant, "span_f1"));
    }
  }

  @Test
  void aSavedModelKeepsItsHeadAndOthersAreRefused() throws IOException {
    final Path task = tiny.write("animals.yaml", TASK + "\n");
    final Path model = temporary.resolve("tuned");
    Outcome.of("finetune", tiny.model(), "--task", task, "-o", model, "--epochs", 1).code(0);
    Outcome.of("evaluate", model, "--task", task).code(0).prints("span_f1 ", "accuracy ");
    Outcome.of("evaluate", model, "--task", tiny.task()).code(4).says("[O, B-animal, I-animal]");
    Outcome.of("evaluate", tiny.model(), "--task", task).code(4).says("no head");
  }

  @Test
  void mistakesInFilesAreToldWithTheirLine() throws IOException {
    final Path train = tiny.folder().resolve("animals.conll");
    Files.writeString(train, "dog X animal\n" + Tiny.read(train));
    Outcome.of("plan", tiny.experiment())
        .code(4)
        .says("animals.conll, line 1: 'animal' in column 2 is no tag");
    final Path same = tiny.write("same.yaml", TASK.replace("tag: 2", "tag: 0") + "\n");
    Outcome.of("evaluate", tiny.model(), "--task", same).code(3).says("two different ones");
  }
}
