package dev.bantam.runner.run;

import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Model;
import java.util.Arrays;

/** The time of a forward pass of Bantam's own float32 encoder. */
final class Latency {
  private static final int WARM_UP = 20;
  private static final int TIMED = 50;

  private Latency() {}

  /**
   * Median milliseconds of one forward pass, from tokens to the outputs of the head, or to the
   * sentence vectors of a model without one, after {@value #WARM_UP} untimed ones.
   *
   * @param batch sentences in a pass
   * @param length tokens of each
   */
  @SuppressWarnings("try") // the scope is what counts, not the variable
  static double medianMilliseconds(EncoderModel model, int batch, int length) {
    final int tokens = Math.multiplyExact(batch, length);
    final int[] ids = new int[tokens];
    final int[] positions = new int[tokens];
    final int[] offsets = new int[batch + 1];
    for (int i = 0; i < tokens; i++) {
      ids[i] = (int) (i * 7919L % model.architecture().vocabularySize());
      positions[i] = i % length;
    }
    for (int i = 0; i <= batch; i++) {
      offsets[i] = i * length;
    }
    final Batch input = new Batch(ids, new int[tokens], positions, offsets);
    final double[] milliseconds = new double[TIMED];
    try (Model.Frozen frozen = model.freeze()) {
      for (int i = -WARM_UP; i < TIMED; i++) {
        final long start = System.nanoTime();
        if (model.head().isPresent()) {
          model.outputs(input);
        } else {
          model.embed(input, false);
        }
        if (i >= 0) {
          milliseconds[i] = (System.nanoTime() - start) / 1e6;
        }
      }
    }
    Arrays.sort(milliseconds);
    return (milliseconds[TIMED / 2 - 1] + milliseconds[TIMED / 2]) / 2;
  }
}
