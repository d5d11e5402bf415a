package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.ModelSource;
import dev.bantam.data.Provenance;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.data.Tasks;
import dev.bantam.report.CellId;
import dev.bantam.report.CellRecord;
import dev.bantam.report.CellResult;
import dev.bantam.runner.experiment.ExportFormat;
import java.util.Locale;
import java.util.Map;

/** The README.md of an exported model: what it is, what was measured, where it comes from. */
final class ModelCard {
  static final String PACKED =
      "The weights are packed: Bantam reads them, and so does its library `bantam-reader`, which"
          + " needs nothing but Java. The byte layout is in Bantam's docs/formats.md.";

  private ModelCard() {}

  /**
   * What a folder holds.
   *
   * @param id the format
   * @param ranges whether activations are rounded by fixed ranges
   */
  record Format(ExportFormat id, boolean ranges) {}

  /**
   * Writes the card. Holds no time, path or machine, so that equal exports are equal.
   *
   * @param subject model and task
   * @param denseRecord the uncompressed model's record of the same seed
   * @param cellRecord this model's record
   * @param treatment the resolved steps or merge as YAML; empty for a fine-tuned model
   */
  static String text(
      Subject subject,
      CellRecord denseRecord,
      CellRecord cellRecord,
      String treatment,
      Format format) {
    final ModelSource source = subject.model();
    final CellResult dense = denseRecord.result().orElseThrow();
    final CellResult record = cellRecord.result().orElseThrow();
    final CellId cell = cellRecord.cell();
    final boolean labels = subject.task().kind().hasLabels();
    final StringBuilder card = new StringBuilder();
    card.append("# ").append(source.name()).append(", ").append(cell.variant()).append("\n\n");
    card.append(
        String.format(
            Locale.ROOT,
            subject.network().isPresent()
                ? "A DL4J network for the task `%s`, made by Bantam from `%s`.\n\n"
                : labels
                    ? "A text encoder with a head for the task `%s`, made by Bantam from `%s`.\n\n"
                    : "A text encoder, measured on the task `%s`, made by Bantam from `%s`.\n\n",
            cell.task(),
            source.provenance().source()));
    card.append("## Measured\n\n");
    card.append("| | dense | this model |\n|---|---|---|\n");
    for (Map.Entry<String, Double> metric : record.metrics().entrySet()) {
      row(
          card,
          metric.getKey() + " on " + cell.split(),
          "%.4f",
          dense.metrics().get(metric.getKey()),
          metric.getValue());
    }
    row(
        card,
        "share of the dense " + record.primary() + " kept",
        "%.4f",
        1.0,
        record.value() / dense.value());
    row(
        card,
        "bytes of model.safetensors",
        "%.0f",
        (double) dense.size().bytes(),
        (double) record.size().bytes());
    card.append(
        String.format(
            Locale.ROOT,
            "\nOne seed (%d), %d examples, measured on the weights of the file read back."
                + " Speed was not measured.\n\n",
            cell.seed(),
            record.examples()));
    if (!treatment.isEmpty()) {
      card.append("## How it was made\n\n```yaml\n").append(treatment).append("```\n\n");
    }
    card.append("## How to use it\n\n");
    if (format.id() == ExportFormat.DELTA) {
      card.append(
          "`delta.safetensors` holds the differences to the model that its metadata names. Bantam"
              + " opens this folder like any model folder when that one stands beside it under its"
              + " name, or is a named model.\n\n");
    } else if (subject.network().isPresent()) {
      card.append(NetworkFolder.usage(subject.network().get()));
    } else if (format.id() == ExportFormat.COMPRESSED_TENSORS) {
      card.append(QuantizedFolder.USAGE);
    } else if (format.id() == ExportFormat.SAFETENSORS) {
      card.append(packed(subject, treatment));
    } else {
      final OnnxExport export = OnnxExport.of(ExportFormats.onnx(format.id()));
      card.append("The table above is of the packed weights that the file was made from.\n\n");
      card.append(OnnxCard.usage(subject.withTaskHead(), export, format.ranges(), OnnxExport.FILE));
    }
    card.append(sources(subject));
    return card.toString();
  }

  private static String packed(Subject subject, String treatment) {
    final Checkpoint source = subject.encoder();
    final boolean labels = subject.task().kind().hasLabels();
    return (treatment.isEmpty()
            ? "The weights are plain float32 safetensors. "
            : PACKED
                + " `./bantam evaluate FOLDER --task "
                + taskArgument(subject.task())
                + "` scores them. ")
        + (subject.task().kind() == TaskKind.TAGGING
            ? String.format(
                Locale.ROOT,
                "The classifier reads the vector of each token of the last layer; the tag of a word"
                    + " is that of its first token. Inputs are cut at %d tokens.\n\n",
                source.maxLength())
            : String.format(
                Locale.ROOT,
                (labels ? "The classifier reads" : "A text's vector is")
                    + " the %s vector of the last layer (`bantam_pooling` in config.json), cut at"
                    + " %d tokens.\n\n",
                source.pooling().name().toLowerCase(Locale.ROOT),
                source.maxLength()));
  }

  /** Where model and data come from, and what their licences ask to be named. */
  static String sources(Subject subject) {
    final Checkpoint.Provenance model = subject.model().provenance();
    final Provenance data = subject.task().provenance();
    return "## Sources and licences\n\n"
        + line("Model", model.source(), model.licence(), model.attribution())
        + line("Data", data.source(), data.licence(), data.attribution());
  }

  /**
   * What {@code --task} takes: the name of a named task, else a file that describes it; embeddings
   * need the model to compare with.
   */
  private static String taskArgument(Task task) {
    final String argument =
        Tasks.all().stream().anyMatch(t -> t.name().equals(task.name()))
            ? task.name()
            : "TASK.yaml";
    return task.kind() == TaskKind.EMBED ? argument + " --reference MODEL" : argument;
  }

  private static void row(
      StringBuilder card, String name, String format, double dense, double here) {
    card.append(
        String.format(
            Locale.ROOT, "| %s | " + format + " | " + format + " |\n", name, dense, here));
  }

  /** Where a model comes from, and what its licence asks to be named. */
  static String sources(Checkpoint.Provenance model) {
    return "## Source and licence\n\n"
        + line("Model", model.source(), model.licence(), model.attribution());
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
