package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Gates that are not met, and cells that fail: the rest of the run and the report are there. */
class FailureTest {
  /**
   * Whatever part of it the codes cover, the scale is beyond float16; as a frozen weight it comes
   * through training.
   */
  private static final float TOO_LARGE = 1e12f;

  private static final String TENSOR = "encoder.layer.1.output.dense.weight";

  @TempDir private Path temporary;

  private Tiny tiny;
  private Path run;

  @BeforeEach
  void copy() {
    tiny = Tiny.in(temporary);
    run = temporary.resolve("run");
  }

  private Outcome run() {
    return Outcome.of("run", tiny.experiment(), "-o", run);
  }

  @Test
  void aGateThatIsNotMetLeavesTheReport() {
    tiny.edit("seeds: [1, 2]", "seeds: [1]");
    tiny.edit("sparsity: 0.5", "sparsity: 0.99");
    tiny.edit("export: [safetensors]", "gate: {recovery: 0.95}");
    run()
        .code(5)
        .says("Gate not met", "'magnitude-0.5' on signs with tiny-bert keeps 0.", "0.9500 is asked")
        .prints("magnitude-0.5", "report.html");
    assertTrue(Files.isRegularFile(run.resolve("report.html")));
    assertTrue(Tiny.read(run.resolve("summary.csv")).contains("magnitude-0.5"));
    assertEquals(List.of(), Folders.leftovers(run));

    tiny.edit("recovery: 0.95", "at-least: 0.9, loss-at-most: 0.01");
    run()
        .code(5)
        .says("'magnitude-0.5' on signs with tiny-bert has 0.", "at least 0.9000 is asked")
        .says("'magnitude-0.5' on signs with tiny-bert is at -0.", "at least -0.0100 is asked");

    tiny.edit("at-least: 0.9, loss-at-most: 0.01", "recovery: 0.1, at-least: 0.1, loss-at-most: 1");
    run().code(0).prints("(3 reused)");
  }

  /** A variant of some seeds is compared with the dense model of those. */
  @Test
  void lossesArePairedBySeed() {
    tiny.edit(
        "{name: magnitude-0.5, steps: [{prune: {sparsity: 0.5}}]}",
        "{name: magnitude-0.5, seeds: [SEED], steps: [{prune: {sparsity: 0.99}}]}");
    tiny.edit("export: [safetensors]", "gate: {loss-at-most: 0.001}");
    tiny.edit("SEED", "2");
    run().code(5);
    final double dense = Double.parseDouble(Tiny.result(run, "dense", 2, "accuracy").orElseThrow());
    final double pruned =
        Double.parseDouble(Tiny.result(run, "magnitude-0.5", 2, "accuracy").orElseThrow());
    run()
        .code(5)
        .says(
            String.format(
                Locale.ROOT, "with tiny-bert is at %.4f from the dense model", pruned - dense));
  }

  @Test
  void aFailedCellIsRecordedAndTheOthersGoOn() {
    tiny.weight(TENSOR, TOO_LARGE);
    tiny.edit("freeze: []", "freeze: [encoder.*]");
    tiny.edit("epochs: 8", "epochs: 1");
    for (int attempt = 1; attempt <= 2; attempt++) {
      final Outcome outcome =
          run()
              .code(4)
              .says(
                  "2 cells failed; the report shows the others",
                  Tiny.CELL + "rtn-int4.s1: The weights of '" + TENSOR + "' are too large",
                  Tiny.CELL + "rtn-int4.s2",
                  "scale-type: float32")
              .prints(attempt == 1 ? "6 cells (0 reused)" : "6 cells (4 reused)");
      assertTrue(outcome.err().contains("rtn-int4.s1: quantize by rtn"), "it was not tried");
      assertTrue(
          Tiny.read(run.resolve("cells/" + Tiny.CELL + "rtn-int4.s1/result.json"))
              .contains("too large"));
      assertTrue(Tiny.read(run.resolve("report.md")).contains("too large"));
      assertTrue(Tiny.result(run, "magnitude-0.5", 2, "accuracy").isPresent());
      assertTrue(Tiny.result(run, "rtn-int4", 1, "accuracy").isEmpty());
      assertTrue(Files.isDirectory(run.resolve("exports/" + Tiny.CELL + "dense")));
      assertFalse(Files.exists(run.resolve("exports/" + Tiny.CELL + "rtn-int4")));
      assertEquals(List.of(), Folders.leftovers(run));
    }
    tiny.edit("bits: 4", "bits: 4, scale-type: float32"); // what the message advises
    run().code(0).prints("6 cells (4 reused)");
  }

  /** Products with such a weight overflow, so the loss is no number from the first step on. */
  @Test
  void trainingThatDivergesFailsTheCellsThatBuildOnIt() {
    tiny.weight("encoder.layer.0.attention.self.query.weight", Float.MAX_VALUE);
    tiny.edit("seeds: [1, 2]", "seeds: [1]");
    run()
        .code(3)
        .says(
            "3 cells failed",
            Tiny.CELL + "dense.s1: Training diverged at step 1",
            "lower learning-rate than 0.005",
            Tiny.CELL + "rtn-int4.s1: not tried, because " + Tiny.CELL + "dense.s1 failed");
    assertTrue(Tiny.read(run.resolve("report.md")).contains("diverged"));
    assertEquals(List.of(), Folders.leftovers(run));
  }
}
