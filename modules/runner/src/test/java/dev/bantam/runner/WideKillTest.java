package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two models, two tasks, six variants, two seeds: killed three times on the way to the same bytes.
 */
class WideKillTest {
  @TempDir private Path temporary;

  @Test
  void fortyEightCellsSurviveThreeKills() {
    final Tiny tiny = Tiny.in(temporary);
    Folders.copy(tiny.model(), tiny.folder().resolve("other-bert"));
    tiny.weight("embeddings.LayerNorm.bias", 0.25f); // so that the two models differ
    tiny.write("marks.tsv", Tiny.read(tiny.folder().resolve("signs.tsv")).replace("good", "fine"));
    tiny.edit("model: tiny-bert", "model: [tiny-bert, other-bert]");
    tiny.edit(
        "task: {train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}",
        """
        task:
          - {train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}
          - {train: marks.tsv, dev: signs-dev.tsv, text: sentence, label: label}""");
    tiny.edit("epochs: 8", "epochs: 2");
    tiny.edit(
        "export: [safetensors]",
        """
          - {name: rtn-int8, steps: [{quantize: {bits: 8}}]}
          - {name: obert-0.5, steps: [{prune: {method: obert, sparsity: 0.5, gradients: 8, batch: 2}}]}
          - {name: sparse-int4, steps: [{prune: {sparsity: 0.3}}, {quantize: {bits: 4}}]}
        """);
    final Path calm = temporary.resolve("calm");
    Outcome.of("run", tiny.experiment(), "-o", calm).code(0).prints("48 cells (0 reused)");

    final Path run = temporary.resolve("run");
    for (String moment : List.of("[7/48]", "[23/48]", "[40/48]")) {
      try (Child child = Child.start(temporary, "run", tiny.experiment(), "-o", run)) {
        child.until(moment).kill();
      }
    }
    Outcome.of("run", tiny.experiment(), "-o", run).code(0).prints("48 cells (");
    assertEquals(
        List.of(), Folders.differences(Folders.stable(calm), Folders.stable(run)), "files differ");
    assertEquals(List.of(), Folders.leftovers(run));
  }
}
