package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.EmpiricalFisher;
import dev.bantam.compression.Settings;
import dev.bantam.data.LabelledBatch;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Training examples whose layer inputs are looked at; their labels are not.
 *
 * @param batches number of batches, at least 1
 * @param batch examples of one, at least 1
 * @param inputs whether a layer sees what the pruned layers before it give, or the dense ones
 */
record Calibration(int batches, int batch, Inputs inputs) {
  private static final int SMOKE_BATCH = 16;

  /** What the layers before a layer are when its inputs are looked at. */
  enum Inputs {
    /** Pruned already; the matrices of the layer itself are as they were. */
    PRUNED,
    /** As they were. */
    DENSE
  }

  /**
   * Reads {@code batches:}, {@code batch:} and {@code inputs:}.
   *
   * @param inputs default
   */
  static Calibration read(Settings settings, Inputs inputs) {
    return new Calibration(
        settings.integer("batches", 1, 1 << 20, 16),
        settings.integer("batch", 1, 1 << 12, 32),
        settings.choice("inputs", Inputs.class, inputs));
  }

  /** The batches of an event, which has its own. */
  List<LabelledBatch> sample(CompressionState state, int event) {
    return new EmpiricalFisher.Sample(batches, batch, state.seed("sample", "event " + event))
        .batches(state.resources().train());
  }

  /** Examples that one layer takes. */
  long examples() {
    return (long) batches * batch;
  }

  Calibration smoke() {
    return new Calibration(1, Math.min(batch, SMOKE_BATCH), inputs);
  }

  Map<String, Integer> settings() {
    return Map.of("batches", batches, "batch", batch);
  }

  String describe() {
    return String.format(
        Locale.ROOT,
        "%d batches of %d examples, inputs of %s layers",
        batches,
        batch,
        inputs.name().toLowerCase(Locale.ROOT));
  }
}
