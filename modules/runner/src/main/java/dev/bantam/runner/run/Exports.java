package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.HuggingFaceFolder;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Operations;
import dev.bantam.deltamerging.DeltaFile;
import dev.bantam.deltamerging.DeltaWeights;
import dev.bantam.dl4j.Dl4jNetwork.UpdaterState;
import dev.bantam.export.ExportCheck;
import dev.bantam.export.ModelFolder;
import dev.bantam.export.PackedFile;
import dev.bantam.model.EncoderModel;
import dev.bantam.report.CellRecord;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.runner.experiment.ResolvedExperiment;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.UnwritableException;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Exported models of a run: {@code exports/MODEL.TASK.VARIANT/FORMAT}, of the first seed and draw.
 * Each is written under another name, read back, compared with the model of its cell on fixed
 * inputs, and renamed.
 */
final class Exports {
  static final String FOLDER = "exports";
  private static final String MANIFEST = "manifest.json";
  private static final String WEIGHTS_HASH = "weights_sha256";
  private static final String FILE_HASH = "file_sha256";

  private final Prepared prepared;
  private final Path run;
  private final Progress progress;

  Exports(Prepared prepared, Path run, Progress progress) {
    this.prepared = prepared;
    this.run = run;
    this.progress = progress;
  }

  /**
   * Exports a finished cell, unless the same has been exported already.
   *
   * @param weights packed weights of the cell
   */
  void export(
      Cell cell,
      CellRecord dense,
      CellRecord record,
      Path weights,
      ExportFormat format,
      Workers workers) {
    final String sha256 = record.result().orElseThrow().size().sha256();
    final Path target =
        run.resolve(FOLDER)
            .resolve(cell.name().replaceAll("\\.s" + cell.seed() + "(d[0-9]+)?$", ""))
            .resolve(ExportFormats.id(format));
    final String treatment =
        ResolvedExperiment.steps(cell.variant())
            + ResolvedExperiment.merge(cell.variant())
            + ResolvedExperiment.delta(cell.variant());
    final String card =
        ModelCard.text(
            cell.subject(), dense, record, treatment, new ModelCard.Format(format, rounds(cell)));
    if (holds(target, sha256, card)) {
      return;
    }
    AtomicFiles.createFolders(target.getParent());
    final Path temporary = AtomicFiles.temporary(target);
    AtomicFiles.createFolders(temporary);
    try {
      final ObjectNode manifest = manifest(cell, sha256, format);
      if (cell.subject().network().isPresent()) {
        network(cell.subject().network().get(), weights, temporary, card, manifest);
        publish(temporary, target, manifest);
        return;
      }
      final Checkpoint source = cell.subject().withTaskHead();
      if (format == ExportFormat.SAFETENSORS) {
        ModelFolder.copy(temporary, source, weights, card);
        OnnxExport.describe(check(cell, source, weights, temporary, workers), manifest);
        manifest.put(FILE_HASH, SafetensorsFile.sha256(temporary.resolve(ModelFolder.WEIGHTS)));
      } else if (format == ExportFormat.COMPRESSED_TENSORS) {
        QuantizedFolder.write(
                temporary,
                source,
                PackedFile.read(weights),
                QuantizedFolder.BITS,
                card,
                workers,
                progress)
            .describe(manifest);
        manifest.put(FILE_HASH, SafetensorsFile.sha256(temporary.resolve(ModelFolder.WEIGHTS)));
      } else if (format == ExportFormat.DELTA) {
        ModelFolder.describe(temporary, source, card);
        copy(weights, temporary.resolve(DeltaFile.NAME));
        OnnxExport.describe(deltaCheck(cell, source, weights, temporary, workers), manifest);
        manifest.put(FILE_HASH, sha256);
      } else {
        ModelFolder.describe(temporary, source, card);
        final Path file = temporary.resolve(OnnxExport.FILE);
        OnnxExport.of(ExportFormats.onnx(format))
            .write(source, PackedFile.read(weights), file, workers, progress)
            .describe(manifest);
        manifest.put(FILE_HASH, SafetensorsFile.sha256(file));
      }
      publish(temporary, target, manifest);
    } finally {
      AtomicFiles.delete(temporary);
    }
  }

  /** Whether the model of a cell rounds its activations by fixed ranges. */
  private static boolean rounds(Cell cell) {
    return Stream.concat(
            cell.variant().steps().stream().flatMap(s -> s.value().addsOperations().stream()),
            cell.subject().model().operations().values().stream()
                .map(o -> Operations.decode(o).effect()))
        .anyMatch(Operation.Effect.FIXED_ROUNDING::equals);
  }

  private static void publish(Path temporary, Path target, ObjectNode manifest) {
    Json.write(temporary.resolve(MANIFEST), manifest);
    AtomicFiles.discard(target);
    AtomicFiles.move(temporary, target);
  }

  private static void network(
      SavedNetwork network, Path weights, Path folder, String card, ObjectNode manifest) {
    NetworkFolder.write(folder, network, PackedFile.read(weights), UpdaterState.DROP);
    NetworkFolder.describe(folder, manifest);
    NetworkFolder.card(folder, card);
  }

  /** Whether a folder is a finished export of these weights with this card. */
  private static boolean holds(Path target, String sha256, String card) {
    final Path manifest = target.resolve(MANIFEST);
    try {
      if (!Files.isRegularFile(manifest)
          || !Files.isRegularFile(target.resolve(ModelFolder.CARD))
          || !Files.readString(target.resolve(ModelFolder.CARD)).equals(card)) {
        return false;
      }
      final JsonNode found = Json.read(manifest);
      final Path onnx = target.resolve(OnnxExport.FILE);
      final Path delta = target.resolve(DeltaFile.NAME);
      final Path file =
          Stream.of(onnx, delta)
              .filter(Files::isRegularFile)
              .findFirst()
              .orElse(target.resolve(ModelFolder.WEIGHTS));
      return found.path(WEIGHTS_HASH).asText().equals(sha256)
          && isOf(file, found.path(FILE_HASH).asText())
          && (!found.has(NetworkFolder.ZIP_HASH)
              || isOf(
                  target.resolve(SavedNetwork.ZIP), found.path(NetworkFolder.ZIP_HASH).asText()));
    } catch (IOException | BantamException e) {
      return false; // unreadable, or no text: written again
    }
  }

  private static boolean isOf(Path file, String sha256) {
    return Files.isRegularFile(file) && SafetensorsFile.sha256(file).equals(sha256);
  }

  private ExportCheck check(
      Cell cell, Checkpoint source, Path weights, Path exported, Workers workers) {
    final CompressedModel stored = PackedFile.read(weights);
    return check(
        cell,
        Encoders.of(source, stored.dense(), stored.operations(), workers),
        ModelFolder.read(exported, progress),
        workers);
  }

  private ExportCheck deltaCheck(
      Cell cell, Checkpoint source, Path weights, Path exported, Workers workers) {
    final Map<String, INDArray> base = prepared.base(cell).parameters();
    final Map<String, INDArray> before = new LinkedHashMap<>();
    try (DeltaFile file = DeltaFile.open(weights)) {
      file.names().forEach(name -> before.put(name, file.tensor(name, base)));
    }
    return check(
        cell,
        Encoders.of(source, before, Map.of(), workers),
        HuggingFaceFolder.read(
            exported, () -> new DeltaWeights(exported.resolve(DeltaFile.NAME), base), progress),
        workers);
  }

  /** Compares the model of a cell with what was read back; frees both. */
  private static ExportCheck check(
      Cell cell, EncoderModel before, Checkpoint readBack, Workers workers) {
    final ExportCheck check;
    try (before;
        EncoderModel other = Encoders.of(readBack, workers)) {
      check = ExportCheck.compare(before, other, readBack);
    }
    Bench.free(before.weights());
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

  private static void copy(Path from, Path to) {
    try {
      Files.copy(from, to);
    } catch (IOException e) {
      throw UnwritableException.of(to, e);
    }
  }

  private ObjectNode manifest(Cell cell, String sha256, ExportFormat format) {
    final ObjectNode manifest = Json.object();
    manifest.put("bantam", Version.TEXT).put("experiment", prepared.experiment().name());
    manifest.put("cell", cell.name()).put("format", ExportFormats.id(format));
    manifest.put(WEIGHTS_HASH, sha256);
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
