package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import dev.bantam.compression.Step;
import dev.bantam.runner.experiment.ExperimentReader;
import dev.bantam.runner.experiment.ResolvedExperiment;
import dev.bantam.runner.run.StepCatalogue;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/** {@code docs/experiment.schema.json}, which editors check files with, agrees with the reader. */
class SchemaTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String BASE =
      """
      version: 1
      name: example
      model: all-minilm-l6-v2
      task: wordnet-supersense
      variants: [{name: dense}]
      """;

  private static JsonSchema schema;

  @BeforeAll
  static void readSchema() throws IOException {
    final JsonNode tree =
        JSON.readTree(Repository.root().resolve("docs/experiment.schema.json").toFile());
    assertEquals(
        "https://json-schema.org/draft/2020-12/schema", tree.path("$schema").asText(), "dialect");
    schema = JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012).getSchema(tree);
  }

  private static Set<ValidationMessage> problems(String yaml) {
    final LoadSettings settings = LoadSettings.builder().setSchema(new CoreSchema()).build();
    return schema.validate(JSON.valueToTree(new Load(settings).loadFromString(yaml)));
  }

  static Stream<Path> committed() throws IOException {
    try (Stream<Path> experiments = Files.list(Repository.root().resolve("experiments"))) {
      return experiments.filter(Files::isDirectory).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("committed")
  void committedExperimentsAreValid(Path experiment) {
    assertEquals(Set.of(), problems(Tiny.read(experiment.resolve("experiment.yaml"))));
  }

  @ParameterizedTest
  @MethodSource("committed")
  void resolvedFilesAreValid(Path experiment) {
    final byte[] resolved =
        ResolvedExperiment.write(
            new ExperimentReader<Step>(new StepCatalogue()).read(experiment).experiment());
    assertEquals(Set.of(), problems(new String(resolved, StandardCharsets.UTF_8)));
  }

  static List<Document.Example> examples() {
    return Document.examples().stream().filter(e -> !e.kind().equals("wrong")).toList();
  }

  @ParameterizedTest
  @MethodSource("examples")
  void documentedExamplesAreValid(Document.Example example) {
    assertEquals(Set.of(), problems(example.experiment(BASE)));
  }

  @Test
  void aWrongExampleIsNot() {
    Document.examples("wrong").forEach(e -> assertFalse(problems(e.experiment(BASE)).isEmpty()));
  }

  /** Mistakes that need no model to be seen; the reader refuses each of them, too. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "version: 2",
        "version: '1'",
        "name: Quick Start",
        "name: ..",
        "name: 7",
        "model: []",
        "model: [a, a]",
        "model: {a: b}",
        "task: wordnet-supersens",
        "task: {glue: sst3, path: d}",
        "task: {glue: rte}",
        "task: {train: a.tsv, dev: b.tsv, text: [a, b, c], label: l}",
        "task: {train: a.tsv, dev: b.tsv, text: s, lable: l}",
        "task: {train: a.tsv, dev: b.tsv, text: s, label: 1}",
        "task: {train: a.tsv, dev: b.tsv, text: s, label: l, metric: acuracy}",
        "task: {conll: a.conll}",
        "task: {embed: 7}",
        "task: {embed: a.txt, train: [b.txt]}",
        "task: {embed: a.txt, dev: b.txt}",
        "task: {}",
        "seeds: []",
        "seeds: [1, 1]",
        "seeds: [-1]",
        "seeds: 1.5",
        "draws: 0",
        "finetune: {epoch: 3}",
        "finetune: {learning_rate: 1e-4}",
        "finetune: {epochs: three}",
        "finetune: {epochs: 0}",
        "finetune: {dropout: 1}",
        "finetune: {clip: -1}",
        "finetune: {examples: most}",
        "finetune: {when: allways}",
        "finetune: 3",
        "variants: []",
        "variants: {name: dense}",
        "variants: [{name: a, steps: [{prune: {sparsity: 0.5}}]}]",
        "variants: [{name: dense}, {name: a}]",
        "variants: [{name: dense, steps: [{prune: {sparsity: 0.5}}]}]",
        "variants: [{name: dense}, {name: a, steps: []}]",
        "variants: [{name: dense}, {name: A, steps: [{prune: {sparsity: 0.5}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {sparsity: 1}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {sparsty: 0.5}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: taylor, sparsity: 0.5}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: movement, sparsity: 0.5}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: movement, train: {}}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: movement-soft}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: wanda}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: wanda, sparsity: 0.5, block:"
            + " 8}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: cap, sparsity: 0.5, update:"
            + " joint}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: sparsegpt, sparsity: 0.5,"
            + " scope: layer}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: obert}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {sparsity: 0.5, gradients: 8}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: obert, sparsity: 0.5, update:"
            + " best}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {method: obert, pattern: 2by4}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {sparsity: 0.5, scope: all}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {schedule: {to: 0.8}}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {train: {epochs: 1}}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {schedule: {to: 0.8, event: 3}, train:"
            + " {}}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{prune: {sparsity: 0.5, train: {teacher:"
            + " start}}}]}]",
        "variants: [{name: dense, finetune: {epochs: 2}}]",
        "variants: [{name: dense}, {name: a, finetune: {examples: 7}}]",
        "variants: [{name: dense}, {name: a, finetune: {}, start: dense}]",
        "variants: [{name: dense}, {name: a, steps: [{quantize: {bits: 1}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{quantize: {bits: 8, group-size: 0}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{quantize: {bits: 8, group_size: 8}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{quantise: {bits: 8}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{binarize: {method: bit}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{binarize: {weights: 3, train: {}}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{binarize: {train: {epoch: 3}}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{quantize: {allocate: {}}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{quantize: {bits: 4, allocate: {average:"
            + " 2.5}}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{quantize: {allocate: {bits: [2], average:"
            + " 2}}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{quantize: {allocate: {average: 2.5,"
            + " sensitivity: trace}}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{suppress-outliers: {method: os}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{suppress-outliers: {method: smoothquant,"
            + " alpha: auto}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{quantize-activations: {bits: 16}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{quantize-activations: {observer: max}}]}]",
        "variants: [{name: dense}, {name: a, steps: [{quantize: {bits: 8}, prune: {sparsity:"
            + " 0}}]}]",
        "variants: [{name: dense}, {name: 'a-{b}', grid: {b: []}, steps: [{quantize: {bits:"
            + " $b}}]}]",
        "evaluate: {split: tets}",
        "evaluate: {latency: {batsh: 1}}",
        "export: [onnx, onnx]",
        "export: [onxx]",
        "gate: {}",
        "gate: {recovery: 95}",
        "zebra: 1"
      })
  void mistakesAreNot(String mistake) {
    final String key = mistake.substring(0, mistake.indexOf(':'));
    final String yaml =
        String.join(
                "", BASE.lines().filter(l -> !l.startsWith(key + ":")).map(l -> l + "\n").toList())
            + mistake
            + "\n";
    assertFalse(problems(yaml).isEmpty(), "the schema accepts it");
    final ExperimentReader<Step> reader = new ExperimentReader<>(new StepCatalogue());
    final BantamException refusal =
        org.junit.jupiter.api.Assertions.assertThrows(
            BantamException.class,
            () -> reader.parse("e.yaml", yaml.getBytes(StandardCharsets.UTF_8)),
            "the reader accepts it");
    assertTrue(refusal.getMessage().startsWith("e.yaml:"), refusal.getMessage());
  }
}
