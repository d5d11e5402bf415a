package dev.bantam.report;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.OptionalDouble;

/**
 * The {@code timings.json} of one cell, beside its record because times differ from run to run.
 *
 * @param compressSeconds compressing with the training it needs, 0 or more
 * @param evaluateSeconds evaluating, 0 or more
 * @param finetuneSeconds fine-tuning of the model that the cell started from, if it was fine-tuned
 * @param latencyMsP50 median milliseconds of one forward pass, if measured
 */
public record CellTimings(
    double compressSeconds,
    double evaluateSeconds,
    OptionalDouble finetuneSeconds,
    OptionalDouble latencyMsP50) {
  public CellTimings {
    require("compress_seconds", compressSeconds);
    require("evaluate_seconds", evaluateSeconds);
    finetuneSeconds.ifPresent(s -> require("finetune_seconds", s));
    latencyMsP50.ifPresent(ms -> require("latency_ms_p50", ms));
  }

  /**
   * Reads a {@code timings.json}.
   *
   * @throws BantamException (bad input) naming the file and the key if it is missing or damaged
   */
  public static CellTimings read(Path file) {
    return Json.read(
        file,
        json ->
            new CellTimings(
                json.number("compress_seconds"),
                json.number("evaluate_seconds"),
                json.optionalNumber("finetune_seconds"),
                json.optionalNumber("latency_ms_p50")));
  }

  /** Writes a {@code timings.json}. Replaces what is there, whole or not at all. */
  public void write(Path file) {
    final ObjectNode json = Json.object();
    json.put("compress_seconds", compressSeconds);
    json.put("evaluate_seconds", evaluateSeconds);
    finetuneSeconds.ifPresent(s -> json.put("finetune_seconds", s));
    latencyMsP50.ifPresent(ms -> json.put("latency_ms_p50", ms));
    Json.write(file, json);
  }

  private static void require(String name, double value) {
    if (!(value >= 0 && Double.isFinite(value))) {
      throw new IllegalArgumentException(name + " must be 0 or more, not " + value);
    }
  }
}
