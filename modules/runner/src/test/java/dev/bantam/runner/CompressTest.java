package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.reader.PackedModel;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code bantam compress}: one recipe on one model. */
class CompressTest {
  private static final String MATRIX = "encoder.layer.0.attention.self.query.weight";

  @TempDir private Path temporary;
  private Tiny tiny;
  private Path recipe;
  private Path output;

  @BeforeEach
  void copy() {
    tiny = Tiny.in(temporary);
    recipe = tiny.write("int8.yaml", "- quantize: {bits: 8, scale-type: float32}\n");
    output = temporary.resolve("small");
  }

  private Outcome compress(Path model, Object... more) {
    final Object[] command = new Object[6 + more.length];
    System.arraycopy(
        new Object[] {"compress", model, "--recipe", recipe, "-o", output}, 0, command, 0, 6);
    System.arraycopy(more, 0, command, 6, more.length);
    return Outcome.of(command);
  }

  private static double number(String text, String regex) {
    final List<MatchResult> found =
        Pattern.compile("(?m)" + regex).matcher(text).results().toList();
    assertEquals(1, found.size(), regex + " in " + text);
    return Double.parseDouble(found.get(0).group(1));
  }

  /** By the definition of the step: no value moves by more than half of its row's step. */
  @Test
  void withoutATaskTheModelIsWrittenAndReadBack() throws IOException {
    final Outcome outcome =
        compress(tiny.model())
            .code(0)
            .prints(" x smaller than float32. Read back on 12 texts: ", "Written: " + output);
    assertFalse(outcome.out().contains("predictions"), "there is no head: " + outcome.out());
    assertEquals(
        List.of(
            "1_Pooling/config.json",
            "README.md",
            "config.json",
            "manifest.json",
            "model.safetensors",
            "modules.json",
            "sentence_bert_config.json",
            "tokenizer.json"),
        Folders.files(output));
    int moved = 0;
    try (SafetensorsFile source = SafetensorsFile.open(tiny.model().resolve("model.safetensors"));
        PackedModel packed = PackedModel.open(output)) {
      final float[] before = Floats.toArray(source.floats(MATRIX));
      final float[] after = packed.floats(MATRIX);
      for (int row = 0; row < 15; row++) {
        float peak = 0;
        for (int i = 15 * row; i < 15 * row + 15; i++) {
          peak = Math.max(peak, Math.abs(before[i]));
        }
        for (int i = 15 * row; i < 15 * row + 15; i++) {
          assertEquals(before[i], after[i], 0.501 * peak / 127, "element " + i);
          moved += before[i] == after[i] ? 0 : 1;
        }
      }
      final String table = "embeddings.word_embeddings.weight";
      assertArrayEquals(Floats.toArray(source.floats(table)), packed.floats(table), table);
    }
    assertTrue(moved > 100, "rounded: " + moved);
    final JsonNode manifest = new ObjectMapper().readTree(output.resolve("manifest.json").toFile());
    assertEquals(12, manifest.path("check").path("inputs").intValue());
    assertTrue(manifest.path("check").path("relative_difference").doubleValue() > 0);
    assertEquals(
        Folders.hashes(output).get("model.safetensors"), manifest.path("file_sha256").textValue());
    assertTrue(manifest.path("recipe").textValue().contains("bits: 8"), manifest.toString());
    final String card = Tiny.read(output.resolve("README.md"));
    assertTrue(card.contains("bits: 8") && card.contains("`bantam-reader`"), card);
    assertTrue(card.contains("was not measured here"), card);
  }

  @Test
  void withALabelledTaskSourceAndResultAreScored() {
    final Path tuned = temporary.resolve("tuned");
    Outcome.of("finetune", tiny.model(), "--task", tiny.task(), "-o", tuned, "--epochs", 1).code(0);
    recipe = tiny.write("int2.yaml", "- quantize: {bits: 2}\n");
    final String out = compress(tuned, "--task", tiny.task()).code(0).prints("predictions").out();
    final String evaluated = Outcome.of("evaluate", output, "--task", tiny.task()).code(0).out();
    final String source = Outcome.of("evaluate", tuned, "--task", tiny.task()).code(0).out();
    for (String metric : List.of("accuracy", "f1", "mcc")) {
      final double here = number(out, "^dev " + metric + " (\\S+), source");
      assertEquals(number(evaluated, "^" + metric + " (\\S+)"), here);
      final double there = number(out, "^dev " + metric + " .*, source (\\S+)");
      assertEquals(number(source, "^" + metric + " (\\S+)"), there);
      final String row = String.format(Locale.ROOT, "| %s | %.4f | %.4f |", metric, there, here);
      final String card = Tiny.read(output.resolve("README.md"));
      assertTrue(card.contains(row) && card.contains("| on dev of signs |"), row + " in " + card);
    }
    Outcome.of("inspect", output).code(0).prints("head: [no, yes]", "grouped");
  }

  @Test
  void withTextsTheVectorsAreCompared() {
    tiny.write(
        "texts.txt",
        Tiny.read(tiny.folder().resolve("signs.tsv"))
            .lines()
            .skip(1)
            .map(row -> row.split("\t", -1)[0])
            .collect(Collectors.joining("\n")));
    final Path task = tiny.write("texts.yaml", "{embed: texts.txt}\n");
    recipe = tiny.write("int3.yaml", "- quantize: {bits: 3}\n");
    final String out =
        compress(tiny.model(), "--task", task).code(0).prints(", source 1.000000").out();
    final String evaluated =
        Outcome.of("evaluate", output, "--task", task, "--reference", tiny.model()).code(0).out();
    final double cosine = number(out, "^dev cosine (\\S+), source");
    assertTrue(cosine < 1 && cosine > 0.5, "" + cosine);
    assertEquals(number(evaluated, "^cosine (\\S+)"), cosine);
  }

  @Test
  void aTaskThatTheModelHasNoHeadForIsRefused() {
    compress(tiny.model(), "--task", tiny.task()).code(4).says("no head", "[no, yes]");
    assertFalse(Files.exists(output));
  }

  /** What is compressed already stays as it is where the recipe does not go. */
  @Test
  void formsOfAPackedModelStay() throws IOException {
    compress(tiny.model()).code(0);
    final Path first = output;
    output = temporary.resolve("smaller");
    recipe = tiny.write("words.yaml", "- quantize: {bits: 4, targets: embeddings.word*}\n");
    compress(first).code(0);
    try (SafetensorsFile before = SafetensorsFile.open(first.resolve("model.safetensors"));
        SafetensorsFile after = SafetensorsFile.open(output.resolve("model.safetensors"))) {
      for (String part : List.of(".codes", ".scales")) {
        assertArrayEquals(before.bytes(MATRIX + part), after.bytes(MATRIX + part), part);
      }
      assertTrue(after.entries().containsKey("embeddings.word_embeddings.weight.codes"));
      assertFalse(before.entries().containsKey("embeddings.word_embeddings.weight.codes"));
    }
  }

  @Test
  void threadsDoNotChangeABit() {
    compress(tiny.model(), "--threads", 1).code(0);
    final Path one = output;
    output = temporary.resolve("other");
    compress(tiny.model(), "--threads", 3).code(0);
    assertEquals(List.of(), Folders.differences(Folders.hashes(one), Folders.hashes(output)));
  }

  @Test
  void aDryRunShowsWhatWouldHappen() {
    compress(tiny.model(), "--dry-run")
        .code(0)
        .prints(
            "quantize by rtn",
            "2 x encoder.layer.*.attention.self.key.weight -> 8 bit",
            "tiny-bert: about 13,384 bytes without its header, 1.60 x smaller");
    assertFalse(Files.exists(output));
  }

  @Test
  void whatExistsIsReplacedOnlyWhenForcedAndOnlyIfItIsAModel() throws IOException {
    Files.createDirectories(output);
    Files.writeString(output.resolve("thesis.txt"), "mine");
    compress(tiny.model()).code(2).says("exists already", "--force");
    compress(tiny.model(), "--force").code(2).says("not a model folder");
    assertEquals(List.of("thesis.txt"), Folders.files(output));
    Files.writeString(output.resolve("config.json"), "{}");
    Files.writeString(output.resolve("model.safetensors"), "old");
    compress(tiny.model(), "--force").code(0);
    assertFalse(Files.exists(output.resolve("thesis.txt")));
    compress(output, "--force").code(0); // onto itself
    Outcome.of("inspect", output).code(0).prints("grouped");
    assertEquals(List.of(), Folders.leftovers(temporary));
  }

  /** Nothing of a refused run stays, and what was there is still there. */
  @Test
  void aFailureLeavesTheOldFolder() throws IOException {
    compress(tiny.model()).code(0);
    final var before = Folders.hashes(output);
    tiny.weight("encoder.layer.0.output.dense.weight", 1e38f);
    recipe = tiny.write("half.yaml", "- quantize: {bits: 8}\n"); // no float16 scale is so large
    compress(tiny.model(), "--force").code(4);
    assertEquals(before, Folders.hashes(output));
    assertEquals(List.of(), Folders.leftovers(temporary));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          - quantise: {bits: 8}                           | :1:3: | Did you mean 'quantize'
          - quantize: {bits: 9}                           | :1:20: | must be between 2 and 8
          - quantize: {bit: 8}                            | :1:14: | unknown key 'bit'
          - quantize: {bits: 8, group-size: 7}            | :1:35: | leave 1 over
          - quantize: {bits: 8, targets: encoder.layr.*}  | :1:32: | encoder.layr.*
          - quantize: {bits: $bits}                       | :1:20: | a whole number, but is the text '$bits'
          - prune: {sparsity: 1}                          | :1:21: | sparsity
          steps: []                                       | :1:1: | must be
          []                                              | :1:1: | empty
          - quantize: {bits: 8                            | :2:1: | ,
          """)
  void mistakesInTheRecipeAreShownWithTheirPlace(String text, String place, String what) {
    recipe = tiny.write("wrong.yaml", text + "\n");
    compress(tiny.model()).code(3).says("wrong.yaml" + place, what);
    compress(tiny.model(), "--dry-run").code(3).says("wrong.yaml" + place);
    assertFalse(Files.exists(output));
  }

  @Test
  void severalMistakesAreShownAtOnce() {
    recipe =
        tiny.write("wrong.yaml", "- prune: {sparsity: 2}\n- quantize: {bits: 8, scope: global}\n");
    compress(tiny.model()).code(3).says("wrong.yaml:1:21: ", "wrong.yaml:2:23: ", "'scope'");
  }

  @Test
  void filesThatAreNoRecipesAreRefused() throws IOException {
    Files.write(recipe, "- quantize: {bits: 8} # für alle".getBytes(StandardCharsets.ISO_8859_1));
    compress(tiny.model()).code(3).says("UTF-8");
    recipe = temporary.resolve("none.yaml");
    compress(tiny.model()).code(4).says("none.yaml");
    Outcome.of("compress", tiny.model(), "-o", output).code(2).says("--recipe");
    compress(temporary.resolve("no-model")).code(4);
  }
}
