package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bantam.compression.Step;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.ExperimentReader;
import dev.bantam.runner.experiment.ResolvedExperiment;
import dev.bantam.runner.experiment.Variant;
import dev.bantam.runner.run.StepCatalogue;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Included files and recipes of experiments. */
class SharedPartsTest {
  private static final String EXPERIMENT =
      """
      version: 1
      name: parts
      include: [first.yaml, second.yaml]
      draws: 2
      variants:
        - {name: own, recipe: recipe.yaml}
      """;

  @TempDir private Path folder;

  @BeforeEach
  void writeParts() throws IOException {
    write("experiment.yaml", EXPERIMENT);
    write(
        "first.yaml",
        "model: bge-small-en\ntask: wordnet-supersense\ndraws: 3\nfinetune: {epochs: 7}\n"
            + "variants: [{name: dense}]\n");
    write(
        "second.yaml",
        "model: e5-small-v2\ndraws: 4\n"
            + "variants: [{name: rtn-int8, steps: [{quantize: {bits: 8}}]}]\n");
    write("recipe.yaml", "- quantize: {bits: 4}\n");
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(folder.resolve(name), text);
  }

  private Experiment<Step> read() {
    return new ExperimentReader<>(new StepCatalogue()).read(folder).experiment();
  }

  private String refused() {
    return Assertions.assertThrows(BantamException.class, this::read).getMessage();
  }

  private static List<String> names(Experiment<Step> experiment) {
    return experiment.variants().stream().map(Variant::name).toList();
  }

  @Test
  void theFileThenTheLastIncludedOneCounts() {
    final Experiment<Step> read = read();
    assertEquals(2, read.draws());
    assertEquals(List.of("e5-small-v2"), read.models());
    assertEquals(7, read.finetune().epochs());
    assertEquals(List.of("dense", "rtn-int8", "own"), names(read));
  }

  /** What is resolved reads as the same experiment without any other file. */
  @Test
  void aResolvedFileHoldsEverything() throws IOException {
    final byte[] resolved = ResolvedExperiment.write(read());
    final Path alone = Files.createDirectory(folder.resolve("alone"));
    Files.write(alone.resolve("experiment.yaml"), resolved);
    final Experiment<Step> again =
        new ExperimentReader<>(new StepCatalogue()).read(alone).experiment();
    assertEquals(
        new String(resolved, StandardCharsets.UTF_8),
        new String(ResolvedExperiment.write(again), StandardCharsets.UTF_8));
  }

  @Test
  void mistakesAreShownWhereTheyAre() throws IOException {
    write("first.yaml", "modle: x\nname: other\nvariants: [{name: dense}]\n");
    write("recipe.yaml", "- quantize: {bits: 40}\n");
    final String message = refused();
    for (String part :
        List.of(
            "first.yaml:1:1: unknown key 'modle'",
            "first.yaml:2:1: an included file has no 'name'",
            "recipe.yaml:1:20: quantize.bits is 40",
            "experiment.yaml:1:1: task is missing")) {
      Assertions.assertTrue(message.contains(part), message);
    }
  }

  @Test
  void stepsAndRecipeTogetherAreRefused() throws IOException {
    write(
        "experiment.yaml",
        EXPERIMENT.replace("{name: own,", "{name: own, steps: [{quantize: {bits: 8}}],"));
    Assertions.assertTrue(refused().contains("both steps and recipe"), refused());
  }

  /** Beside everything else that is wrong. */
  @Test
  void missingFilesAreNamedAtTheirPlace() throws IOException {
    Files.delete(folder.resolve("second.yaml"));
    write(
        "experiment.yaml",
        EXPERIMENT
            .replace("recipe: recipe.yaml", "recipe: \"a\\0b\"")
            .replace("draws: 2", "draws: 0"));
    final String message = refused();
    for (String part :
        List.of(
            "experiment.yaml:3:23: include names 'second.yaml', and there is no such file",
            "experiment.yaml:6:25: recipe names 'a\0b', and there is no such file",
            "experiment.yaml:4:8: draws is 0")) {
      Assertions.assertTrue(message.contains(part), message);
    }
    Assertions.assertFalse(message.contains("has no steps"), message);
  }

  @Test
  void includedVariantsAreAList() throws IOException {
    write("second.yaml", "variants: {name: rtn-int8, steps: [{quantize: {bits: 8}}]}\n");
    Assertions.assertTrue(
        refused().contains("second.yaml:1:11: variants must be a list, but is a mapping"),
        refused());
  }

  @Test
  void aCircleCannotBe() throws IOException {
    write("second.yaml", "include: experiment.yaml\n");
    Assertions.assertTrue(
        refused().contains("second.yaml:1:1: an included file has no 'include'"), refused());
  }

  /** The document's example with the files that stand below it. */
  @Test
  void theDocumentedExample() throws IOException {
    write("experiment.yaml", Document.examples("shared").get(0).text());
    final String document = Tiny.read(Repository.root().resolve("docs/experiment-file.md"));
    for (String name : List.of("common.yaml", "sparse.yaml")) {
      final Matcher block =
          Pattern.compile("(?ms)a file `" + name + "`[^\n]*\n\n```text\n(.*?)^```$")
              .matcher(document);
      Assertions.assertTrue(block.find(), name);
      write(name, block.group(1));
    }
    final Experiment<Step> read = read();
    assertEquals(List.of(1L), read.seeds());
    assertEquals(List.of("dense", "sparse-int4", "sparse-int8"), names(read));
    assertEquals(2, read.variants().get(2).steps().size());
  }
}
