package dev.bantam.runner.experiment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What a user gets to read for each kind of mistake: where, what, and what to do about it. */
class BadFilesTest {
  /** Five correct lines; what a case adds begins on line 6. */
  private static final String BASE =
      """
      version: 1
      name: q
      model: all-minilm-l6-v2
      task: wordnet-supersense
      variants: [{name: dense}]
      """;

  /** Correct up to the variants, whose list begins on line 6. */
  private static final String HEAD =
      """
      version: 1
      name: q
      model: all-minilm-l6-v2
      task: wordnet-supersense
      variants:
      """;

  /**
   * A file and what must be reported, in order: {@code line:column|fragment|fragment...}; a
   * fragment is a part of the message or of the advice.
   */
  private record Case(String title, String yaml, List<String> expected) {}

  private static Case bad(String title, String yaml, String... expected) {
    return new Case(title, yaml, List.of(expected));
  }

  private static Case line(int number, String replacement, String... expected) {
    final List<String> lines = new ArrayList<>(BASE.lines().toList());
    lines.set(number - 1, replacement);
    return bad(replacement, String.join("\n", lines) + "\n", expected);
  }

  private static Case more(String added, String... expected) {
    return bad(added, BASE + added + "\n", expected);
  }

  private static Case variants(String title, String variants, String... expected) {
    return bad(title, HEAD + variants, expected);
  }

  private static List<Case> topLevel() {
    return List.of(
        line(1, "version: 2", "1:10|version is 2|reads version 1|Write 'version: 1'"),
        line(1, "version: one", "1:10|version must be a whole number|the text 'one'|version: 1"),
        line(
            1,
            "versoin: 1",
            "1:1|version is missing|'version: 1'",
            "1:1|unknown key 'versoin'|'version'?"),
        line(2, "name: Quick Start", "2:7|name is 'Quick Start'|[a-z0-9.+-]{1,64}|lower-case"),
        line(2, "name: ..", "2:7|name is '..'|does not match"),
        line(2, "name: 7", "2:7|name must be a text|the number 7|in quotes|\"7\""),
        line(2, "name: ''", "2:7|name is empty|Write a text"),
        line(3, "model:", "3:7|model must be a text|nothing"),
        line(3, "model: []", "3:8|model is an empty list|all-minilm-l6-v2"),
        line(3, "model: [a, b, a]", "3:8|model lists 'a' twice|Delete"),
        line(3, "model: {a: b}", "3:8|model must be a text|a mapping"),
        line(4, "task: wordnet-supersens", "4:7|'wordnet-supersens'|'wordnet-supersense'?|Known"),
        line(4, "task: glue:sst2=DIR", "4:7|'glue:sst2=DIR'|{glue: sst2, path: DIR}"),
        line(4, "task: {}", "4:7|what kind|'train', 'glue', 'conll' or 'embed'"),
        line(4, "task: 3", "4:7|task is the number 3|named task"),
        line(4, "task: []", "4:7|task is an empty list|named task"),
        line(
            4,
            "task: [wordnet-kind-of, wordnet-kind-of]",
            "4:25|task lists 'wordnet-kind-of' twice|Delete"),
        line(4, "task: {glue: sst3, path: d}", "4:14|task.glue is 'sst3'|'sst2'?|Possible: sst2"),
        line(4, "task: {glue: rte}", "4:7|task.path is missing|'path: <text>'"),
        line(
            4,
            "task: {train: a.tsv, dev: b.tsv, text: [a, b, c], label: l}",
            "4:40|3 columns|one or two|[premise, hypothesis]"),
        line(
            4,
            "task: {train: a.tsv, dev: b.tsv, text: s, label: l, metric: acuracy}",
            "4:61|task.metric is 'acuracy'|'accuracy'?|Possible"),
        line(
            4,
            "task: {train: a.tsv, text: s, lable: l}",
            "4:7|task.dev is missing|'dev: <text>'",
            "4:7|task.label is missing|'label: <text>'",
            "4:31|unknown key 'lable' in task|'label'?|Known here: glue, conll, embed, train"),
        line(
            4,
            "task: {conll: a.conll}",
            "4:15|task.conll must be a mapping|\'a.conll\'|{key: value}"),
        bad(
            "nothing but a version",
            "version: 1\n",
            "1:1|name is missing|name: quickstart",
            "1:1|model is missing|model: all-minilm-l6-v2",
            "1:1|task is missing|task: wordnet-supersense",
            "1:1|variants is missing|{name: dense}"),
        more("seeds: [1, 2, 1]", "6:15|seeds lists 1 twice|Delete"),
        more("seeds: []", "6:8|seeds is an empty list|[1, 2, 3]"),
        more("seeds: [-1]", "6:9|seeds is -1|at least 0|[1, 2, 3]"),
        more("seeds: [2147483648]", "6:9|seeds is 2147483648|between 0 and 2147483647"),
        more("seeds: [1.5]", "6:9|seeds must be a whole number|1.5"),
        more("draws: 0", "6:8|draws is 0|between 1 and 1000|draws: 1"),
        more("draws: 99999999999999999999", "6:8|99999999999999999999|between 1 and 1000"),
        more("finetun: {}", "6:1|unknown key 'finetun'|'finetune'?|Known here: version, name"),
        more("zebra: 1", "6:1|unknown key 'zebra'|Known here: version"),
        more("finetune: 3", "6:11|finetune must be a mapping|the number 3|{key: value}"),
        more("finetune: {epoch: 3}", "6:12|'epoch' in finetune|'epochs'?|learning-rate"),
        more("finetune: {learning_rate: 1e-4}", "6:12|'learning_rate'|'learning-rate'?"),
        more("finetune: {epochs: three}", "6:20|finetune.epochs|whole number|'three'|'epochs: 1'"),
        more("finetune: {epochs: 1.5}", "6:20|finetune.epochs|whole number|the number 1.5"),
        more("finetune: {learning-rate: .nan}", "6:27|finetune.learning-rate is .nan|finite|1e-4"),
        more("finetune: {learning-rate: .inf}", "6:27|.inf|finite"),
        more("finetune: {learning-rate: 1e999}", "6:27|1e999|finite"),
        more("finetune: {dropout: 1.5}", "6:21|dropout is 1.5|between 0.0 and 0.99|dropout: 0.1"),
        more("finetune: {clip: '1'}", "6:18|clip must be a number|the text '1'|clip: 1.0"),
        more("finetune: {examples: most}", "6:22|examples|whole number|'most'|'examples: all'"),
        more("finetune: {when: allways}", "6:18|when is 'allways'|'always'?|needed, always"),
        more("finetune: {freeze: ['re:(']}", "6:20|'re:('|regular expression|glob"),
        more("finetune: {freeze: [a, 3]}", "6:24|freeze must be a text|the number 3|\"3\""),
        more("evaluate: {split: tets}", "6:19|evaluate.split is 'tets'|'test'?|dev, tune, test"),
        more("evaluate: {latency: {batsh: 1}}", "6:22|'batsh' in evaluate.latency|'batch'?"),
        more("export: [onnx, onxx-int8]", "6:16|export is 'onxx-int8'|'onnx-int8'?|safetensors"),
        more("export: [onnx, onnx]", "6:16|export lists 'onnx' twice|Delete"),
        more("gate: {}", "6:7|gate.recovery: is missing|at-least|recovery: 0.95"),
        more("gate: {at-least: 2}", "6:18|gate.at-least is 2|between -1.0 and 1.0"),
        more("gate: {recovery: 95}", "6:18|gate.recovery is 95|between 0.0 and 2.0"),
        more("gate: 0.95", "6:7|gate must be a mapping|the number 0.95"),
        more("derived-seeds: []", "6:16|derived-seeds do not follow|Delete"));
  }

  private static List<Case> variants() {
    return List.of(
        line(5, "variants: {name: dense}", "5:11|variants must be a list|a mapping|{name: dense}"),
        line(5, "variants: []", "5:11|no variant is named 'dense'|Add '- {name: dense}'"),
        line(5, "variants: [dense]", "5:11|no variant is named", "5:12|mapping|the text 'dense'"),
        line(
            5,
            "variants: [{nam: dense}]",
            "5:11|no variant is named",
            "5:12|variant.name is missing|name: <text>",
            "5:13|unknown key 'nam' in variant|'name'?"),
        variants(
            "no dense",
            "  - {name: a, steps: [{prune: {sparsity: 0.5}}]}\n",
            "6:3|no variant is named 'dense'|Add '- {name: dense}' as the first"),
        variants(
            "dense with steps",
            "  - {name: dense, steps: [{prune: {sparsity: 0.5}}]}\n",
            "6:26|'dense' is the uncompressed model|another name"),
        variants(
            "nothing to do",
            "  - {name: dense}\n  - {name: b}\n",
            "7:5|variant 'b' has no steps|equal 'dense'|Add 'steps"),
        variants(
            "bad name",
            "  - {name: dense}\n  - {name: A_b, steps: [{quantize: {}}]}\n",
            "7:12|'A_b'|[a-z0-9.+-]{1,64}|lower-case"),
        variants(
            "long name",
            "  - {name: dense}\n  - {name: " + "x".repeat(65) + ", steps: [{quantize: {}}]}\n",
            "7:12|xxxxx|{1,64}"),
        variants(
            "two of one name",
            "  - {name: dense}\n  - {name: dense}\n",
            "7:12|'dense' is used twice, first at 6:12|Rename"),
        variants(
            "a grid collides with a name",
            """
              - {name: dense}
              - {name: p-0.5, steps: [{prune: {sparsity: 0.5}}]}
              - name: p-{s}
                grid: {s: [0.4, 0.5]}
                steps: [{prune: {sparsity: $s}}]
            """,
            "8:11|'p-0.5' is used twice, first at 7:12|Rename"),
        variants(
            "both kinds of work",
            """
              - {name: dense}
              - name: b
                steps: [{quantize: {}}]
                merge: {method: ties, inputs: [wordnet-supersense, wordnet-kind-of]}
            """,
            "9:12|both steps and merge|Keep one"),
        variants(
            "seeds of no one",
            "  - {name: dense}\n  - {name: b, seeds: [1, 4], steps: [{quantize: {}}]}\n",
            "7:26|variant.seeds has 4|not a seed|[1]"),
        variants(
            "merges",
            """
              - {name: dense}
              - {name: b, merge: {method: slerp, inputs: [wordnet-kind-of], t: 0.5}}
              - {name: c, merge: {method: ties, inputs: [wordnet-kindof, wordnet-supersense]}}
              - {name: d, merge: {inputs: [wordnet-supersense, wordnet-kind-of]}}
              - {name: e, merge: ties}
            """,
            "7:46|'slerp' does not merge 1 models",
            "8:46|unknown task 'wordnet-kindof'|'wordnet-kind-of'?",
            "9:22|merge.method is missing|method: <text>",
            "10:22|variant.merge must be a mapping|'ties'|dare-ties"));
  }

  private static Case grid(String name, String grid, String sparsity, String... expected) {
    return variants(
        name + " " + grid + " " + sparsity,
        "  - {name: dense}\n  - name: "
            + name
            + "\n    grid: "
            + grid
            + "\n    steps: [{prune: {sparsity: "
            + sparsity
            + "}}]\n",
        expected);
  }

  private static List<Case> grids() {
    return List.of(
        grid("p-{s}", "3", "0.5", "8:11|variant.grid|the number 3|{sparsity: [0.6, 0.7]}"),
        grid("p-{s}", "{}", "0.5", "8:11|variant.grid|is empty|{sparsity: [0.6, 0.7]}"),
        grid("p-{s}", "{s: 0.5}", "$s", "8:15|grid.s|a list of values|the number 0.5"),
        grid("p-{s}", "{s: []}", "$s", "8:15|grid.s|an empty list"),
        grid("p-{s}", "{s: [[1]]}", "$s", "8:16|grid.s|a list where a single value"),
        grid("p-{s}", "{s: [0.1, 0.1]}", "$s", "8:21|grid.s lists 0.1 twice|Delete"),
        grid("p-{S}", "{S: [0.1]}", "0.5", "8:12|grid name 'S'|a-z"),
        grid(
            "p-{t}",
            "{s: [0.1]}",
            "$s",
            "7:11|'p-{t}' uses {t}|no grid|'s'?",
            "7:11|does not use {s}|-{s}"),
        grid("p", "{s: [0.1]}", "$s", "7:11|'p' does not use {s}|'name: p-{s}'"),
        grid("p-{s}", "{s: [0.1]}", "0.5", "8:12|grid's 's' is used in no step|Write $s"),
        grid(
            "p-{s}",
            "{s: [0.1]}",
            "$t",
            "8:12|used in no step",
            "9:32|$t stands for|'s'?|Add 'grid: {t",
            "9:32|prune.sparsity must be a number|'$t'"),
        grid(
            "p-{s}",
            "{s: [0.1, A]}",
            "$s",
            "7:11|'p-A' does not match",
            "8:21|prune.sparsity must be a number|'A'"),
        grid("p-{s}", "{s: [0.1, 1.5]}", "$s", "8:21|prune.sparsity is 1.5|between 0.0 and 1.0"),
        variants(
            "too many",
            "  - {name: dense}\n"
                + "  - name: p-{a}-{b}-{c}-{d}\n"
                + "    grid: {a: &v [0, 1, 2, 3, 4, 5], b: *v, c: *v, d: *v}\n"
                + "    steps: [{quantize: {}}]\n",
            "8:11|more than 1000 variants|fewer"));
  }

  private static Case steps(String steps, String... expected) {
    return variants(steps, "  - {name: dense}\n  - name: p\n    steps: " + steps + "\n", expected);
  }

  private static List<Case> steps() {
    return List.of(
        steps("prune", "8:12|variant.steps must be a list|the text 'prune'|magnitude"),
        steps("[]", "8:12|variant.steps|an empty list"),
        steps("[prune]", "8:13|one key|the text 'prune'|magnitude"),
        steps("[{prune: {}, quantize: {}}]", "8:13|one key|a mapping with 2 keys"),
        steps("[{prun: {}}]", "8:14|unknown step 'prun'|'prune'?|Possible: prune, quantize"),
        steps("[{prune: magnitude}]", "8:21|prune must be a mapping|{method: magnitude}"),
        steps("[{prune: }]", "8:20|prune must be a mapping|nothing"),
        steps("[{prune: {method: magnitud}}]", "8:30|prune.method is 'magnitud'|'magnitude'?"),
        steps("[{prune: {}}]", "8:21|prune.sparsity is missing|sparsity: 0.5"),
        steps("[{prune: {sparsity: 0}}]", "8:14|prune: sparsity 0.0"),
        steps("[{prune: {sparsity: 0.99}}]", "8:32|prune.sparsity: 0.99 leaves too little"),
        steps("[{prune: {sparsity: 1_000}}]", "8:32|must be a number|the text '1_000'"),
        steps("[{quantize: {bits: 9}}]", "8:31|quantize.bits is 9|between 2 and 8|bits: 8"),
        steps("[{quantize: {symmetric: yes}}]", "8:36|true or false|'yes'|symmetric: true"),
        steps("[{quantize: {group-size: 128}}]", "8:37|a text|the number 128|\"128\""),
        steps("[{quantize: {grupsize: row}}]", "8:25|'grupsize' in quantize|'group-size'?"),
        steps("[{prune: {method: gradual}}]", "8:21|prune.schedule: a gradual step needs"),
        steps(
            "[{prune: {method: gradual, sparsity: 0.5, schedule: {too: 0.9}}}]",
            "8:39|unknown key 'sparsity' in prune|Known here: method, schedule",
            "8:64|prune.schedule.to is missing|to: 0.5",
            "8:65|unknown key 'too' in prune.schedule|'to'?"));
  }

  private static List<Case> yaml() {
    return List.of(
        bad("empty", "", "1:1|the file is empty|version: 1"),
        bad("only a comment", "# nothing\n", "1:1|the file is empty|version: 1"),
        bad("a list", "- 1\n", "1:1|must be a mapping|a list|version: 1"),
        bad("two documents", BASE + "---\nversion: 1\n", "6:1|a second document|'---'"),
        more("finetune:\n\tepochs: 1", "7:1|not valid YAML|TAB|spaces, not with tabs"),
        more("draws: [1", "7:1|not valid YAML|flow sequence"),
        more("name: r", "6:1|the key 'name' is written twice, first at 2:1|Delete"),
        more("gate: {recovery: 1, recovery: 1}", "6:21|'recovery' is written twice|first at 6:8"),
        more("gate: !!java.io.File {recovery: 1}", "6:7|the tag '!!java.io.File'|Delete it"),
        more("draws: !secret 1", "6:8|the tag '!secret'|Delete it"),
        more("draws: !!int one", "6:8|'one' does not fit its tag"),
        more("export: !!set {onnx}", "6:9|the tag '!!set'"),
        more("draws: *d", "6:8|alias '*d' has no anchor"),
        more("gate: &g {recovery: *g}", "6:21|alias '*g' stands inside its own value"),
        more("gate: {<<: {recovery: 1}}", "6:8|merge key '<<'|Write the keys out"),
        more("[a, b]: 1", "6:1|a key must be a single word"),
        more("x: " + "[".repeat(60) + "]".repeat(60), "6:54|more than 50 levels|Flatten"),
        more("name: \"\u0007\"", "6:8|U+0007 is not allowed|Delete"));
  }

  @TestFactory
  Stream<DynamicTest> everyMistakeIsReportedWithItsPlaceAndARemedy() {
    final List<Case> all = new ArrayList<>();
    all.addAll(topLevel());
    all.addAll(variants());
    all.addAll(grids());
    all.addAll(steps());
    all.addAll(yaml());
    assertTrue(all.size() > 100, "cases: " + all.size());
    return all.stream().map(c -> DynamicTest.dynamicTest(c.title(), () -> check(c)));
  }

  private static void check(Case bad) {
    final BantamException error =
        assertThrows(BantamException.class, () -> TestCatalogue.parse(bad.yaml()));
    assertEquals(ExitCode.BAD_FILE, error.exitCode());
    final List<String> found = List.of(error.getMessage().split("\n(?=\\S)"));
    assertEquals(bad.expected().size(), found.size(), error.getMessage());
    for (int i = 0; i < found.size(); i++) {
      final String[] parts = bad.expected().get(i).split("\\|");
      assertTrue(
          found.get(i).startsWith("experiment.yaml:" + parts[0] + ": "),
          parts[0] + " expected: " + error.getMessage());
      for (String part : parts) {
        assertTrue(found.get(i).contains(part), "'" + part + "' expected: " + error.getMessage());
      }
    }
  }

  private static String messageFor(byte[] bytes) {
    return assertThrows(
            BantamException.class,
            () -> new ExperimentReader<>(new TestCatalogue()).parse("experiment.yaml", bytes))
        .getMessage();
  }

  @Test
  void bytesThatAreNotUtf8AreNamedByOffsetAndPlace() {
    final byte[] latin =
        "version: 1\nname: \u00e4 caf\u00e9\n".getBytes(StandardCharsets.ISO_8859_1);
    final String message = messageFor(latin);
    assertTrue(message.startsWith("experiment.yaml:2:7: "), message);
    assertTrue(message.contains("byte 0xE4 at offset 17"), message);
    assertTrue(message.contains("Save the file as UTF-8"), message);
    final String cut = messageFor(new byte[] {'a', (byte) 0xC3, (byte) 0xA4, (byte) 0xC3});
    assertTrue(cut.startsWith("experiment.yaml:1:3: "), cut);
    final String wide = messageFor("version: 1".getBytes(StandardCharsets.UTF_16));
    assertTrue(wide.startsWith("experiment.yaml:1:1: ") && wide.contains("UTF-16"), wide);
  }

  @Test
  void columnsCountCharactersAndNotTheirParts() {
    final String yaml = BASE + "gate: {\"\uD83D\uDE00\": 1, recovery: 1}\n";
    final String message = messageFor(yaml.getBytes(StandardCharsets.UTF_8));
    assertTrue(message.startsWith("experiment.yaml:6:8: "), message);
    final String later = BASE + "export: [\"\uD83D\uDE00\", onnx]\n";
    assertTrue(messageFor(later.getBytes(StandardCharsets.UTF_8)).contains(":6:10: "));
    final String beyond = BASE + "gate: {recovery: \"\uD83D\uDE00\", b: 1}\n";
    assertTrue(messageFor(beyond.getBytes(StandardCharsets.UTF_8)).contains(":6:23: unknown key"));
  }

  @Test
  void anAliasBombIsRefusedBeforeItGoesOff() {
    final StringBuilder bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i <= 12; i++) {
      bomb.append("a").append(i).append(": &a").append(i).append(" [");
      bomb.append(("*a" + (i - 1) + ", ").repeat(10)).append("x]\n");
    }
    final String message = messageFor(bomb.toString().getBytes(StandardCharsets.UTF_8));
    assertTrue(message.startsWith("experiment.yaml:5:"), message);
    assertTrue(message.contains("more than 100000 values once its aliases are expanded"), message);
  }

  @Test
  void aFileThatIsTooLargeIsRefused() {
    final byte[] large = new byte[(1 << 20) + 1];
    java.util.Arrays.fill(large, (byte) '#');
    assertTrue(messageFor(large).contains("1048577 bytes, but at most 1048576"));
  }
}
