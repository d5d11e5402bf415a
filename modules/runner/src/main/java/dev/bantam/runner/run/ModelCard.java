package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.data.Provenance;
import dev.bantam.report.CellRecord;
import java.util.Locale;
import java.util.Map;

/** The README.md of an exported model: what it is, what was measured, where it comes from. */
final class ModelCard {
  private ModelCard() {}

  /**
   * Writes the card. Holds no time, path or machine, so that equal exports are equal.
   *
   * @param dense the uncompressed model's record of the same seed
   * @param record this model's record
   * @param treatment the resolved steps as YAML; empty for the dense model
   */
  static String text(
      Checkpoint source, Provenance data, CellRecord dense, CellRecord record, String treatment) {
    final double before = dense.metrics().get(record.primary());
    final double after = record.metrics().get(record.primary());
    final StringBuilder card = new StringBuilder();
    card.append("# ").append(source.name()).append(", ").append(record.variant()).append("\n\n");
    card.append(
        String.format(
            Locale.ROOT,
            "A text encoder with a head for the task `%s`, made by Bantam from `%s`.\n\n",
            record.task(),
            source.provenance().source()));
    card.append("## Measured\n\n");
    card.append("| | dense | this model |\n|---|---|---|\n");
    for (Map.Entry<String, Double> metric : record.metrics().entrySet()) {
      row(
          card,
          metric.getKey() + " on " + record.split(),
          "%.4f",
          dense.metrics().get(metric.getKey()),
          metric.getValue());
    }
    row(card, "share of the dense " + record.primary() + " kept", "%.4f", 1.0, after / before);
    row(
        card,
        "bytes of model.safetensors",
        "%.0f",
        (double) dense.bytes(),
        (double) record.bytes());
    card.append(
        String.format(
            Locale.ROOT,
            "\nOne seed (%d), %d examples, measured on the weights of the file read back."
                + " Speed was not measured.\n\n",
            record.seed(),
            record.examples()));
    if (!treatment.isEmpty()) {
      card.append("## How it was compressed\n\n```yaml\n").append(treatment).append("```\n\n");
    }
    card.append("## How to use it\n\n");
    card.append(
        treatment.isEmpty()
            ? "The weights are plain float32 safetensors. "
            : "The weights are packed; Bantam reads them: `./bantam evaluate FOLDER --task "
                + record.task()
                + "`. The byte layout is in Bantam's docs/formats.md. ");
    card.append(
        String.format(
            Locale.ROOT,
            "The classifier reads the %s vector of the last layer (`bantam_pooling` in"
                + " config.json), cut at %d tokens.\n\n",
            source.pooling().name().toLowerCase(Locale.ROOT),
            source.maxLength()));
    card.append("## Sources and licences\n\n");
    card.append(
        line(
            "Model",
            source.provenance().source(),
            source.provenance().licence(),
            source.provenance().attribution()));
    card.append(line("Data", data.source(), data.licence(), data.attribution()));
    return card.toString();
  }

  private static void row(
      StringBuilder card, String name, String format, double dense, double here) {
    card.append(
        String.format(
            Locale.ROOT, "| %s | " + format + " | " + format + " |\n", name, dense, here));
  }

  private static String line(String what, String source, String licence, String attribution) {
    return "- "
        + what
        + ": `"
        + source
        + "`, licence "
        + licence
        + (attribution.isEmpty() ? "" : ". " + attribution)
        + "\n";
  }
}
