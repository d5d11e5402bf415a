package dev.bantam.runner.run;

import dev.bantam.data.Metric;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import java.util.Locale;
import java.util.Map;

/**
 * What a model scored on dev before it was compressed, and what was read back scores.
 *
 * @param before of the source
 * @param after of the file
 */
record BeforeAndAfter(Task task, Map<Metric, Double> before, Map<Metric, Double> after) {
  /** For a model card, Markdown. */
  String table() {
    final StringBuilder table =
        new StringBuilder("| on dev of " + task.name() + " | source | this |");
    table.append("\n|---|---|---|\n");
    after.forEach(
        (metric, value) ->
            table.append(
                String.format(
                    Locale.ROOT,
                    "| %s | %.4f | %.4f |\n",
                    metric.id(),
                    before.get(metric),
                    value)));
    return table
        + "\n"
        + task.examples(Split.DEV).size()
        + (task.features() > 0 ? " rows" : " texts")
        + ", read back from the file.";
  }

  /** For the console. */
  String lines() {
    final StringBuilder lines = new StringBuilder();
    after.forEach(
        (metric, value) ->
            lines.append(
                String.format(
                    Locale.ROOT,
                    "dev %s %.6f, source %.6f\n",
                    metric.id(),
                    value,
                    before.get(metric))));
    return lines.toString().stripTrailing();
  }
}
