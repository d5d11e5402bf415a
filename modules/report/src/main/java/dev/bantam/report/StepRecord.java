package dev.bantam.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/**
 * One step of a variant as it was carried out.
 *
 * @param step kind of the step, e.g. {@code prune} or {@code quantize}
 * @param method name of the method
 * @param settings a JSON object: the step's settings with all defaults; copied, and numbers in the
 *     type that reading them from a file gives
 * @param tensors in the order of the model's parameters
 * @param events in order; empty for most steps
 */
public record StepRecord(
    String step,
    String method,
    JsonNode settings,
    List<TensorRecord> tensors,
    List<EventRecord> events) {
  static final String PRUNE = "prune";
  static final String QUANTIZE = "quantize";

  public StepRecord {
    CellId.requireText("step", step);
    CellId.requireText("method", method);
    tensors = List.copyOf(tensors);
    events = List.copyOf(events);
    if (!settings.isObject()) {
      throw new IllegalArgumentException("settings of step " + step + " is not a JSON object");
    }
    settings = Json.canonical(settings);
  }

  /** Without events. */
  public StepRecord(String step, String method, JsonNode settings, List<TensorRecord> tensors) {
    this(step, method, settings, tensors, List.of());
  }

  /** A copy. */
  @Override
  public JsonNode settings() {
    return settings.deepCopy();
  }
}
