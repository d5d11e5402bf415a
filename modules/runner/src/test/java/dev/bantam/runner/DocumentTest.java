package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.compression.Step;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.ExperimentReader;
import dev.bantam.runner.experiment.ResolvedExperiment;
import dev.bantam.runner.experiment.Variant;
import dev.bantam.runner.run.StepCatalogue;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code docs/experiment-file.md} says what the reader does. */
class DocumentTest {
  private static final String BASE =
      """
      version: 1
      name: example
      model: all-minilm-l6-v2
      task: wordnet-supersense
      variants: [{name: dense}]
      """;

  static List<Document.Example> right() {
    return Document.examples("");
  }

  static List<Document.Example> wrong() {
    return Document.examples("wrong");
  }

  private static Experiment<Step> read(String yaml) {
    return new ExperimentReader<>(new StepCatalogue())
        .parse("experiment.yaml", yaml.getBytes(StandardCharsets.UTF_8))
        .experiment();
  }

  @ParameterizedTest
  @MethodSource("right")
  void anExampleIsRight(Document.Example example) {
    final Experiment<Step> experiment = read(example.experiment(BASE));
    final Experiment<Step> again =
        read(new String(ResolvedExperiment.write(experiment), StandardCharsets.UTF_8));
    assertEquals(
        new String(ResolvedExperiment.write(experiment), StandardCharsets.UTF_8),
        new String(ResolvedExperiment.write(again), StandardCharsets.UTF_8));
  }

  @ParameterizedTest
  @MethodSource("wrong")
  void aWrongExampleGivesTheMessagesShown(Document.Example example) {
    final BantamException refusal =
        assertThrows(BantamException.class, () -> read(example.experiment(BASE)));
    assertEquals(ExitCode.BAD_FILE, refusal.exitCode());
    assertEquals(example.message(), refusal.getMessage() + "\n");
  }

  @Test
  void theGridGivesTheVariantsNamed() {
    final Document.Example grid =
        right().stream().filter(e -> e.text().contains("sparse-{sparsity}")).findFirst().get();
    final List<String> names =
        read(grid.experiment(BASE)).variants().stream().map(Variant::name).toList();
    final String document = document();
    assertEquals(5, names.size());
    names.forEach(name -> assertTrue(document.contains("`" + name + "`"), name));
  }

  @Test
  void everyKeyOfTheGrammarIsThere() {
    final Experiment<Step> everything =
        read(
            """
            version: 1
            name: everything
            model: m
            task:
              - {train: a.tsv, dev: b.tsv, text: t, label: l, metric: f1}
              - {conll: {train: c.txt, dev: d.txt}}
              - {glue: sst2, path: p}
              - {embed: e.txt}
            variants:
              - {name: dense}
              - {name: other, finetune: {epochs: 2}}
              - {name: both, start: other, steps: [{prune: {schedule: {to: 0.5}, train: {}}}, {quantize: {bits: 4}}]}
              - {name: cap, steps: [{prune: {method: cap, sparsity: 0.5}}, {prune: {method: obd, sparsity: 0.5}}]}
              - {name: layers, steps: [{prune: {method: sparsegpt, sparsity: 0.5}}, {prune: {method: exactobs, sparsity: 0.5}}]}
              - {name: movement, steps: [{prune: {method: movement, schedule: {to: 0.5}, train: {}}}]}
              - {name: soft, steps: [{prune: {method: movement-soft, train: {}}}]}
              - {name: hessian, steps: [{quantize: {allocate: {average: 3}}}]}
              - {name: fisher, steps: [{quantize: {allocate: {average: 3, sensitivity: fisher-trace}}}]}
              - {name: qbert, steps: [{quantize: {allocate: {average: 3, sensitivity: q-bert}}}]}
              - {name: random, steps: [{quantize: {allocate: {average: 3, sensitivity: random}}}]}
              - {name: gptq, steps: [{quantize: {method: gptq, bits: 4, groups: 2, act-order: true}}]}
              - {name: static, steps: [{quantize: {method: gptq, bits: 4, group-size: 2}}]}
              - {name: bytes, steps: [{quantize: {allocate: {megabytes: 3}, range: percentile}}]}
              - {name: lsq, steps: [{quantize: {bits: 2, range: lsq, train: {}}}]}
              - {name: bit, steps: [{binarize: {train: {}}}]}
              - {name: bibert, steps: [{binarize: {method: bibert, train: {}}}]}
              - {name: suppressed, steps: [{suppress-outliers: {observer: moving-average}}, {quantize-activations: {observer: percentile}}]}
              - {name: paper, steps: [{suppress-outliers: {method: os-plus-vo, grid: paper}}, {quantize-activations: {method: grouped}}]}
              - {name: smooth, steps: [{suppress-outliers: {method: smoothquant, alpha: search}}, {quantize-activations: {method: token-clipping}}]}
              - {name: merged, merge: {method: ties, inputs: [a, c]}}
            evaluate: {latency: {}}
            export: [safetensors]
            gate: {recovery: 0.9}
            """);
    final List<String> missing = new ArrayList<>();
    final String document = document();
    Pattern.compile("(?m)^[ -]*([a-z][a-z-]*):")
        .matcher(new String(ResolvedExperiment.write(everything), StandardCharsets.UTF_8))
        .results()
        .map(m -> m.group(1))
        .distinct()
        .filter(key -> !Pattern.compile("\\b" + key + "\\b").matcher(document).find())
        .forEach(missing::add);
    assertEquals(List.of(), missing);
    for (String step : new StepCatalogue().steps()) {
      for (String method : new StepCatalogue().methods(step)) {
        assertTrue(document.contains("#### " + step + ", method " + method + "\n"), method);
      }
    }
  }

  /** A default that the document states is the one that is filled in. */
  @Test
  void defaultsAreThoseOfTheTables() {
    final String resolved =
        new String(
            ResolvedExperiment.write(
                read(
                    BASE.replace(
                        "[{name: dense}]",
                        "[{name: dense}, {name: a, steps: [{prune: {sparsity: 0.5}},"
                            + " {prune: {method: obert, sparsity: 0.5}}, {prune: {schedule: {to:"
                            + " 0.8}, train: {}}}, {prune: {method: sparsegpt, sparsity: 0.5}},"
                            + " {prune: {method: movement, schedule: {to: 0.8}, train: {}}}, {prune:"
                            + " {method: movement-soft, train: {}}}, {quantize: {bits: 8}}, {quantize: {allocate:"
                            + " {average: 3}}}, {quantize: {allocate: {average: 3, sensitivity:"
                            + " fisher-trace}}}, {quantize: {allocate: {average: 3, sensitivity:"
                            + " random}}}, {quantize: {bits: 8, range: percentile}}, {quantize:"
                            + " {method: gptq, bits: 4, group-size: 64}}, {binarize: {train:"
                            + " {}}}, {binarize: {method: bibert, train:"
                            + " {}}}, {suppress-outliers: {}}, {suppress-outliers: {grid:"
                            + " paper}}, {suppress-outliers: {method: smoothquant}},"
                            + " {quantize-activations: {}}, {quantize-activations: {observer:"
                            + " percentile}}, {quantize-activations: {observer: moving-average}},"
                            + " {quantize-activations: {method: grouped}},"
                            + " {quantize-activations: {method: token-clipping}}]}]"))),
            StandardCharsets.UTF_8);
    int compared = 0;
    for (String row : document().lines().filter(l -> l.startsWith("| `")).toList()) {
      final String[] cells = row.split(" \\| ");
      final String key = cells[0].replaceAll("[|` ]", "");
      final boolean plain = cells[2].matches("`[a-z0-9.*-]+`") && !key.contains(",");
      if (plain && !key.equals("metric")) {
        final String value = Pattern.quote(cells[2].replace("`", ""));
        assertTrue(
            Pattern.compile("(?m)^[ -]*" + key + ": \\[?" + value + "]?$").matcher(resolved).find(),
            key + " is not " + cells[2] + " in\n" + resolved);
        compared++;
      }
    }
    assertTrue(compared >= 12, "defaults compared: " + compared);
  }

  private static String document() {
    final String document = Tiny.read(Repository.root().resolve("docs/experiment-file.md"));
    assertFalse(document.isBlank());
    return document;
  }
}
