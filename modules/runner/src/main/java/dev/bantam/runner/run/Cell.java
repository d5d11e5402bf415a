package dev.bantam.runner.run;

import dev.bantam.compression.Step;
import dev.bantam.deltamerging.DeltaFile;
import dev.bantam.export.ModelFolder;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.runner.experiment.Variant;
import java.util.Locale;

/**
 * One result of an experiment: a variant of a subject for one seed and draw.
 *
 * @param subject model and task
 * @param variant how the model is compressed; {@code dense} is the fine-tuned model itself
 * @param seed the run's seed, as written
 * @param draw replicate of random samples within the seed, from 1
 * @param name name of its folder, unique within the experiment
 */
record Cell(Subject subject, Variant<Step> variant, long seed, int draw, String name) {
  static Cell of(Subject subject, Variant<Step> variant, long seed, int draw, int draws) {
    final String name =
        String.join(
            ".",
            folderName(subject.model().name()),
            folderName(subject.task().name()),
            variant.name(),
            "s" + seed + (draws > 1 && !variant.isFineTuned() ? "d" + draw : ""));
    return new Cell(subject, variant, seed, draw, name);
  }

  boolean isDense() {
    return variant.name().equals(Variant.DENSE);
  }

  /** Whether it is merged from models of several tasks, or from one and its source. */
  boolean isMerged() {
    return variant.merge().isPresent();
  }

  /** Whether it is stored as differences to another model. */
  boolean isDelta() {
    return variant.delta().isPresent();
  }

  /** Name of the file with its weights. */
  String file() {
    return isDelta() ? DeltaFile.NAME : ModelFolder.WEIGHTS;
  }

  /** Whether its weights can be written in a format: deltas as such, all else in the others. */
  boolean goesInto(ExportFormat format) {
    return isDelta() == (format == ExportFormat.DELTA);
  }

  /** Whether it is a fine-tuned model itself, without steps. */
  boolean isFineTuned() {
    return variant.isFineTuned();
  }

  /** Cells of one experiment are equal if their names are; comparing models would be dear. */
  @Override
  public boolean equals(Object other) {
    return other instanceof Cell cell && cell.name.equals(name);
  }

  @Override
  public int hashCode() {
    return name.hashCode();
  }

  /** Models and tasks may be named after files; keeps what is harmless in a folder's name. */
  private static String folderName(String text) {
    return text.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9_+-]+", "-");
  }
}
