package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.model.Batch;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Rows that a model is scored on are never measured. */
class CalibrationTest {
  private static int texts(List<Batch> batches) {
    return batches.stream().mapToInt(Batch::sequences).sum();
  }

  @Test
  void scoredRowsAreNotDrawn() {
    try (TinyBench bench = new TinyBench(1)) {
      final Calibration all = new Calibration(40, 7);
      assertEquals(40, texts(all.batches(bench.state(1L))));
      for (int i = 0; i < 39; i++) {
        bench.score("text " + i);
      }
      final List<Batch> left = all.batches(bench.state(1L));
      assertEquals(1, texts(left));
      assertEquals(
          bench.train().get(39).length(), left.get(0).offsets()[1], "the one that is not scored");
    }
  }

  @Test
  void scoredRowsAloneAreRefused() {
    try (TinyBench bench = new TinyBench(1)) {
      for (int i = 0; i < 40; i++) {
        bench.score("text " + i);
      }
      final BantamException refused =
          assertThrows(BantamException.class, () -> new Calibration(8, 4).batches(bench.state(1L)));
      assertEquals(ExitCode.BAD_FILE, refused.exitCode());
      assertTrue(
          refused.getMessage().contains("All 40 training rows of 'texts' are rows of its dev"),
          refused.getMessage());
    }
  }
}
