package dev.bantam.report;

import dev.bantam.report.RunFolder.Cell;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** What the steps of a variant did to each tensor, in the replicate that comes first. */
final class PageTreatment {
  private PageTreatment() {}

  /** Empty if no step ran. */
  static Optional<Map<String, Object>> of(String name, VariantGroup group) {
    for (Cell cell : group.cells()) {
      if (cell.record().result().isPresent()) {
        final List<StepRecord> steps = cell.record().result().get().steps();
        if (steps.isEmpty()) {
          return Optional.empty();
        }
        final Map<String, Object> values = new LinkedHashMap<>();
        values.put("name", name);
        values.put("seed", cell.record().cell().seed());
        values.put("draw", cell.record().cell().draw());
        values.put("steps", steps.stream().map(PageTreatment::step).toList());
        return Optional.of(values);
      }
    }
    return Optional.empty();
  }

  private static Map<String, Object> step(StepRecord step) {
    final Map<String, Object> values = new LinkedHashMap<>();
    values.put("step", step.step());
    values.put("method", step.method());
    values.put("settings", step.settings().toString());
    final List<List<String>> rows = new ArrayList<>();
    for (TensorRecord tensor : step.tensors()) {
      rows.add(
          List.of(
              tensor.name(),
              tensor.treatment(),
              tensor.bits().isPresent() ? Integer.toString(tensor.bits().getAsInt()) : "-",
              Numbers.fixed(tensor.sparsity(), 4),
              Numbers.grouped(tensor.storedBytes()),
              Numbers.scientific(tensor.relativeError())));
    }
    values.put("rows", rows);
    values.put("events", step.events().stream().map(PageTreatment::event).toList());
    return values;
  }

  private static List<String> event(EventRecord event) {
    return List.of(
        Integer.toString(event.number()),
        Numbers.fixed(event.sparsity(), 4),
        loss(event.predictedLoss()),
        loss(event.measuredLoss()),
        loss(event.lossBefore()),
        loss(event.lossAfter()));
  }

  private static String loss(OptionalDouble value) {
    return value.isPresent() ? Numbers.fixed(value.getAsDouble(), 4) : "-";
  }
}
