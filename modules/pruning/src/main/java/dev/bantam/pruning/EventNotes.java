package dev.bantam.pruning;

import dev.bantam.compression.StepLog;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Events as text, to be kept with a training's state: a line for each, with its number, sparsity,
 * losses before and after, and the predicted loss of each tensor, separated by tabs. Numbers come
 * back bit by bit.
 */
final class EventNotes {
  private static final String FIELD = "\t";
  private static final String LINE = "\n";
  private static final String NONE = "-";
  private static final int LEADING = 4;

  private EventNotes() {}

  static String write(List<StepLog.Event> events) {
    final List<String> lines = new ArrayList<>();
    for (StepLog.Event event : events) {
      final List<String> fields = new ArrayList<>();
      fields.add(Integer.toString(event.number()));
      fields.add(Double.toString(event.sparsity()));
      fields.add(text(event.lossBefore()));
      fields.add(text(event.lossAfter()));
      event.predicted().forEach((name, loss) -> fields.add(name + "=" + loss));
      lines.add(String.join(FIELD, fields));
    }
    return String.join(LINE, lines);
  }

  static List<StepLog.Event> read(String notes) {
    final List<StepLog.Event> events = new ArrayList<>();
    for (String line : notes.isEmpty() ? new String[0] : notes.split(LINE)) {
      final String[] fields = line.split(FIELD);
      final Map<String, Double> predicted = new LinkedHashMap<>();
      for (int i = LEADING; i < fields.length; i++) {
        final int equals = fields[i].lastIndexOf('=');
        predicted.put(
            fields[i].substring(0, equals), Double.valueOf(fields[i].substring(equals + 1)));
      }
      events.add(
          new StepLog.Event(
              Integer.parseInt(fields[0]),
              Double.parseDouble(fields[1]),
              number(fields[2]),
              number(fields[3]),
              predicted));
    }
    return events;
  }

  private static String text(OptionalDouble value) {
    return value.isPresent() ? Double.toString(value.getAsDouble()) : NONE;
  }

  private static OptionalDouble number(String text) {
    return text.equals(NONE) ? OptionalDouble.empty() : OptionalDouble.of(Double.parseDouble(text));
  }
}
