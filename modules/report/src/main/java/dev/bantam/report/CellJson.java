package dev.bantam.report;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Cell records as JSON, keys in the documented order. */
final class CellJson {
  private static final String OK = "ok";
  private static final String FAILED = "failed";

  private CellJson() {}

  static ObjectNode toJson(CellRecord record) {
    final ObjectNode json = Json.object();
    json.put("version", CellRecord.VERSION);
    final CellId cell = record.cell();
    json.put("experiment", cell.experiment());
    json.put("model", cell.model());
    json.put("task", cell.task());
    json.put("variant", cell.variant());
    json.put("seed", cell.seed());
    json.put("draw", cell.draw());
    json.put("split", cell.split());
    json.put("key", record.key());
    json.put("status", record.result().isPresent() ? OK : FAILED);
    record.error().ifPresent(error -> json.put("error", error));
    record.result().ifPresent(result -> put(json, result));
    return json;
  }

  private static void put(ObjectNode json, CellResult result) {
    json.put("primary", result.primary());
    final ObjectNode metrics = json.putObject("metrics");
    result.metrics().forEach(metrics::put);
    json.put("examples", result.examples());
    final StoredSize size = result.size();
    json.put("dense_parameters", size.denseParameters());
    json.put("encoder_elements", size.encoderElements());
    json.put("encoder_bytes", size.encoderBytes());
    json.put("bytes", size.bytes());
    final ArrayNode sizes = json.putArray("sizes");
    for (SizePart part : size.parts()) {
      sizes
          .addObject()
          .put("group", part.group())
          .put("part", part.part())
          .put("bytes", part.bytes());
    }
    json.put("sha256", size.sha256());
    json.put("sparsity", result.sparsity());
    result.bits().ifPresent(bits -> putShort(json, "bits", bits));
    final ArrayNode steps = json.putArray("steps");
    result.steps().forEach(step -> put(steps.addObject(), step));
    final ArrayNode notes = json.putArray("notes");
    result.notes().forEach(notes::add);
  }

  /** Whole numbers without a decimal point. */
  private static void putShort(ObjectNode json, String key, double value) {
    if (value == Math.rint(value)) {
      json.put(key, (long) value);
    } else {
      json.put(key, value);
    }
  }

  private static void put(ObjectNode json, StepRecord step) {
    json.put("step", step.step());
    json.put("method", step.method());
    json.set("settings", step.settings());
    final ArrayNode tensors = json.putArray("tensors");
    for (TensorRecord tensor : step.tensors()) {
      final ObjectNode entry = tensors.addObject();
      entry.put("name", tensor.name());
      entry.put("treatment", tensor.treatment());
      entry.put("sparsity", tensor.sparsity());
      entry.put("stored_bytes", tensor.storedBytes());
      entry.put("relative_error", tensor.relativeError());
      tensor.bits().ifPresent(bits -> entry.put("bits", bits));
      tensor.predictedLoss().ifPresent(loss -> entry.put("predicted_loss", loss));
      tensor.sensitivity().ifPresent(value -> entry.put("sensitivity", value));
      tensor.sensitivityError().ifPresent(error -> entry.put("sensitivity_error", error));
    }
    if (!step.events().isEmpty()) {
      final ArrayNode events = json.putArray("events");
      step.events().forEach(event -> put(events.addObject(), event));
    }
  }

  private static void put(ObjectNode json, EventRecord event) {
    json.put("number", event.number());
    json.put("sparsity", event.sparsity());
    event.predictedLoss().ifPresent(loss -> json.put("predicted_loss", loss));
    event.lossBefore().ifPresent(loss -> json.put("loss_before", loss));
    event.lossAfter().ifPresent(loss -> json.put("loss_after", loss));
  }

  static CellRecord read(Path file) {
    return Json.read(file, CellJson::fromJson);
  }

  private static CellRecord fromJson(Json json) {
    if (json.integer("version") != CellRecord.VERSION) {
      throw json.problem(
          "version",
          "this version of Bantam reads " + CellRecord.VERSION + "; use the one that wrote it");
    }
    final CellId cell =
        new CellId(
            json.text("experiment"),
            json.text("model"),
            json.text("task"),
            json.text("variant"),
            json.whole("seed"),
            json.integer("draw"),
            json.text("split"));
    final String key = json.text("key");
    return switch (json.text("status")) {
      case OK -> CellRecord.ok(cell, key, result(json));
      case FAILED -> CellRecord.failed(cell, key, json.text("error"));
      default -> throw json.problem("status", "'" + OK + "' or '" + FAILED + "' is needed");
    };
  }

  private static CellResult result(Json json) {
    final Map<String, Double> metrics = new LinkedHashMap<>();
    final Json values = json.child("metrics");
    values.keys().forEach(metric -> metrics.put(metric, values.number(metric)));
    final List<SizePart> parts =
        json.list("sizes", e -> new SizePart(e.text("group"), e.text("part"), e.whole("bytes")));
    final StoredSize size =
        new StoredSize(
            json.whole("dense_parameters"),
            json.whole("encoder_elements"),
            json.whole("encoder_bytes"),
            json.whole("bytes"),
            parts,
            json.text("sha256"));
    return new CellResult(
        json.text("primary"),
        metrics,
        json.integer("examples"),
        size,
        json.number("sparsity"),
        json.optionalNumber("bits"),
        json.list("steps", CellJson::step),
        json.texts("notes"));
  }

  private static StepRecord step(Json json) {
    return new StepRecord(
        json.text("step"),
        json.text("method"),
        json.child("settings").node(),
        json.list("tensors", CellJson::tensor),
        json.has("events") ? json.list("events", CellJson::event) : List.of());
  }

  private static EventRecord event(Json json) {
    return new EventRecord(
        json.integer("number"),
        json.number("sparsity"),
        json.optionalNumber("predicted_loss"),
        json.optionalNumber("loss_before"),
        json.optionalNumber("loss_after"));
  }

  private static TensorRecord tensor(Json json) {
    return new TensorRecord(
        json.text("name"),
        json.text("treatment"),
        json.number("sparsity"),
        json.whole("stored_bytes"),
        json.number("relative_error"),
        json.optionalInteger("bits"),
        json.optionalNumber("predicted_loss"),
        json.optionalNumber("sensitivity"),
        json.optionalNumber("sensitivity_error"));
  }
}
