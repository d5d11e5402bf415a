package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.export.ExportCheck;
import dev.bantam.export.ModelFolder;
import dev.bantam.export.PackedFile;
import dev.bantam.model.EncoderModel;
import dev.bantam.report.CellRecord;
import dev.bantam.runner.experiment.ResolvedExperiment;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Exported models of a run: {@code exports/MODEL.TASK.VARIANT/safetensors}, of the first seed and
 * draw. Each is written under another name, read back, compared with the model of its cell on fixed
 * inputs, and renamed.
 */
final class Exports {
  static final String FOLDER = "exports";
  private static final String MANIFEST = "manifest.json";

  private final Prepared prepared;
  private final Path run;
  private final Progress progress;

  Exports(Prepared prepared, Path run, Progress progress) {
    this.prepared = prepared;
    this.run = run;
    this.progress = progress;
  }

  /**
   * Exports a finished cell, unless the same bytes have been exported already.
   *
   * @param weights packed weights of the cell
   */
  void safetensors(Cell cell, CellRecord dense, CellRecord record, Path weights, Workers workers) {
    final String sha256 = record.result().orElseThrow().size().sha256();
    final Path target =
        run.resolve(FOLDER)
            .resolve(cell.name().replaceAll("\\.s" + cell.seed() + "(d[0-9]+)?$", ""))
            .resolve("safetensors");
    final String card =
        ModelCard.text(cell.subject(), dense, record, ResolvedExperiment.steps(cell.variant()));
    if (holds(target, sha256, card)) {
      return;
    }
    AtomicFiles.createFolders(target.getParent());
    final Path temporary = AtomicFiles.temporary(target);
    AtomicFiles.createFolders(temporary);
    try {
      final Checkpoint source = cell.subject().withTaskHead();
      ModelFolder.copy(temporary, source, weights, card);
      final ExportCheck check = check(cell, source, weights, temporary, workers);
      Json.write(temporary.resolve(MANIFEST), manifest(cell, sha256, check));
      AtomicFiles.discard(target);
      AtomicFiles.move(temporary, target);
    } finally {
      AtomicFiles.delete(temporary);
    }
  }

  /** Whether a folder is a finished export of these weights with this card. */
  private static boolean holds(Path target, String sha256, String card) {
    final Path weights = target.resolve(ModelFolder.WEIGHTS);
    try {
      return Files.isRegularFile(target.resolve(MANIFEST))
          && Files.isRegularFile(weights)
          && Files.isRegularFile(target.resolve(ModelFolder.CARD))
          && Files.readString(target.resolve(ModelFolder.CARD)).equals(card)
          && SafetensorsFile.sha256(weights).equals(sha256);
    } catch (IOException e) {
      return false; // unreadable, or no text: written again
    }
  }

  private ExportCheck check(
      Cell cell, Checkpoint source, Path weights, Path exported, Workers workers) {
    final Map<String, INDArray> before = PackedFile.read(weights).dense();
    final Checkpoint readBack = ModelFolder.read(exported, progress);
    final ExportCheck check;
    try (EncoderModel one = encoder(source, before, workers);
        EncoderModel other = encoder(readBack, readBack.parameters(), workers)) {
      check =
          ExportCheck.compare(one, other, readBack.tokenizer().orElseThrow(), readBack.maxLength());
    }
    Bench.free(before);
    Bench.free(readBack.parameters());
    if (check.largest() != 0) {
      throw new IllegalStateException(
          cell.name()
              + ": the exported model's outputs differ by "
              + check.largest()
              + " after reading it back, and packed weights must give the same bits");
    }
    return check;
  }

  private static EncoderModel encoder(
      Checkpoint like, Map<String, INDArray> weights, Workers workers) {
    return new EncoderModel(like.architecture(), like.head(), like.pooling(), weights, workers);
  }

  private ObjectNode manifest(Cell cell, String sha256, ExportCheck check) {
    final ObjectNode manifest = Json.object();
    manifest.put("bantam", Version.TEXT).put("experiment", prepared.experiment().name());
    manifest.put("cell", cell.name()).put("format", "safetensors").put("weights_sha256", sha256);
    manifest
        .putObject("check")
        .put("inputs", check.inputs())
        .put("largest_difference", check.largest())
        .put("mean_difference", check.mean())
        .put("flips", check.flips());
    final ObjectNode model = manifest.putObject("model");
    model.put("source", cell.subject().model().provenance().source());
    model.put("licence", cell.subject().model().provenance().licence());
    model.put("sha256", cell.subject().model().provenance().sha256());
    final ObjectNode data = manifest.putObject("data");
    data.put("source", cell.subject().task().provenance().source());
    data.put("licence", cell.subject().task().provenance().licence());
    return manifest;
  }
}
