package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.DenseTensor;
import dev.bantam.export.ExportCheck;
import dev.bantam.export.ModelFolder;
import dev.bantam.export.onnx.OnnxFormat;
import dev.bantam.export.onnx.OnnxOutput;
import dev.bantam.model.EncoderModel;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.NativeRuntime;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Writes a model in a format, outside of an experiment. */
public final class ModelExport {
  private static final String MANIFEST = "manifest.json";
  private static final String NOT_MEASURED = "What it scores was not measured here.";

  private final Checkpoint model;
  private final CompressedModel weights;
  private final String recipe;
  private final Options options;
  private final Workers workers;
  private final Progress progress;

  /**
   * How to export.
   *
   * @param format one that can be written
   * @param output of an ONNX file; empty for logits if there is a head, else token vectors
   * @param bits of the matrices of an int8 file, if not 8
   * @param dense whether safetensors are plain float32
   */
  public record Options(
      ExportFormat format, Optional<OnnxOutput> output, Optional<Integer> bits, boolean dense) {
    private OnnxExport onnx() {
      final OnnxExport usual = OnnxExport.of(ExportFormats.onnx(format));
      return new OnnxExport(usual.format(), output, bits.orElse(usual.bits()));
    }
  }

  /**
   * What was written.
   *
   * @param bytes length of the weights' file
   * @param denseBytes four bytes for each parameter
   * @param check the file read back against the model
   */
  public record Written(long bytes, long denseBytes, ExportCheck check) {
    /** One line for the console. */
    public String summary() {
      return String.format(
          Locale.ROOT,
          "%,d bytes, %.2f x smaller than float32. Read back on %d texts: largest difference %.3g,"
              + " relative %.3g, %d predictions changed.",
          bytes,
          (double) denseBytes / bytes,
          check.inputs(),
          check.largest(),
          check.relative(),
          check.flips());
    }
  }

  /**
   * @param model architecture, head, tokenizer, source, and the weights that the written ones are
   *     compared with
   * @param weights what is written
   * @param recipe the steps that made the weights from the model's, YAML; empty if they are the
   *     same
   */
  public ModelExport(
      Checkpoint model,
      CompressedModel weights,
      String recipe,
      Options options,
      Workers workers,
      Progress progress) {
    this.model = model;
    this.weights = weights;
    this.recipe = recipe;
    this.options = options;
    this.workers = workers;
    this.progress = progress;
  }

  /**
   * Refuses what a model cannot give.
   *
   * @throws BantamException (usage) if logits are asked of a model without a head
   */
  public static void check(Checkpoint model, Options options) {
    if (options.output().equals(Optional.of(OnnxOutput.LOGITS)) && model.head().isEmpty()) {
      throw new BantamException(
          ExitCode.USAGE,
          "'"
              + model.name()
              + "' has no head, so it gives no logits. Ask for --result tokens or sentence, or"
              + " fine-tune it first.");
    }
  }

  /**
   * Writes a folder.
   *
   * @param folder exists and is empty
   * @param onnxName name of the file if it is an ONNX one
   */
  public Written write(Path folder, String onnxName) {
    final ObjectNode manifest = Json.object();
    manifest.put("bantam", Version.TEXT).put("format", ExportFormats.id(options.format()));
    manifest
        .putObject("model")
        .put("source", model.provenance().source())
        .put("licence", model.provenance().licence())
        .put("sha256", model.provenance().sha256());
    if (!recipe.isEmpty()) {
      manifest.put("recipe", recipe);
    }
    final boolean packed = options.format() == ExportFormat.SAFETENSORS;
    final Path file = folder.resolve(packed ? ModelFolder.WEIGHTS : onnxName);
    final ExportCheck check = packed ? safetensors(folder, manifest) : onnx(folder, file, manifest);
    manifest.put("file", file.getFileName().toString());
    manifest.put("file_sha256", SafetensorsFile.sha256(file));
    Json.write(folder.resolve(MANIFEST), manifest);
    return new Written(length(file), Float.BYTES * weights.parameters(), check);
  }

  private ExportCheck onnx(Path folder, Path file, ObjectNode manifest) {
    final OnnxExport export = options.onnx();
    final String usage = OnnxCard.usage(model, export, file.getFileName().toString());
    ModelFolder.describe(folder, model, card(usage, NOT_MEASURED));
    final OnnxExport.Written written = export.write(model, weights, file, workers);
    warn(export, written);
    written.describe(manifest);
    return written.check();
  }

  private ExportCheck safetensors(Path folder, ObjectNode manifest) {
    final CompressedModel stored = options.dense() ? denseWeights() : weights;
    ModelFolder.write(folder, model, stored, card(reader(stored), NOT_MEASURED));
    final Checkpoint readBack = ModelFolder.read(folder, progress);
    requireSame(stored, readBack.parameters());
    try (EncoderModel one = encoder(model, model.parameters());
        EncoderModel other = encoder(readBack, readBack.parameters())) {
      final ExportCheck check = ExportCheck.compare(one, other, readBack);
      OnnxExport.describe(check, manifest);
      return check;
    } finally {
      Bench.free(readBack.parameters());
    }
  }

  private CompressedModel denseWeights() {
    final Map<String, INDArray> dense = weights.dense();
    try {
      return ModelFolder.dense(dense);
    } finally {
      Bench.free(dense);
    }
  }

  private static void requireSame(CompressedModel written, Map<String, INDArray> read) {
    written
        .tensors()
        .forEach(
            (name, form) -> {
              final Floats expected = Floats.of(form.dense());
              if (!Arrays.equals(
                  Floats.toArray(expected.array()), Floats.toArray(read.get(name)))) {
                throw new IllegalStateException(
                    "'" + name + "' read back differs from what was written");
              }
              expected.close();
            });
  }

  /** Writes the card of a safetensors folder again, with what was measured on it. */
  void measured(Path folder, String results) {
    AtomicFiles.write(folder.resolve(ModelFolder.CARD), card(reader(weights), results));
  }

  private static String reader(CompressedModel stored) {
    return stored.tensors().values().stream().allMatch(DenseTensor.class::isInstance)
        ? "The weights are plain safetensors, which every tool for them reads.\n\n"
        : "The weights are packed: Bantam reads them, and so does its library `bantam-reader`,"
            + " which needs nothing but Java. The byte layout is in Bantam's docs/formats.md.\n\n";
  }

  private EncoderModel encoder(Checkpoint like, Map<String, INDArray> parameters) {
    return new EncoderModel(like.architecture(), like.head(), like.pooling(), parameters, workers);
  }

  private String card(String usage, String results) {
    return "# "
        + model.name()
        + ", "
        + ExportFormats.id(options.format())
        + "\n\nWritten by Bantam from `"
        + model.provenance().source()
        + "`.\n\n## Measured\n\n"
        + results
        + " `manifest.json` says how far its outputs are from the source's on fixed texts. Speed was"
        + " not measured.\n\n"
        + (recipe.isEmpty() ? "" : "## How it was compressed\n\n```yaml\n" + recipe + "```\n\n")
        + "## How to use it\n\n"
        + usage
        + ModelCard.sources(model.provenance());
  }

  /** Sums of 8-bit products are cut off by x86 processors without dot products of bytes. */
  private void warn(OnnxExport export, OnnxExport.Written written) {
    final String flags = NativeRuntime.cpuInfo().getOrDefault("flags", "");
    if (export.format() == OnnxFormat.INT8
        && written.saturates()
        && !flags.isEmpty()
        && !flags.contains("vnni")) {
      progress.message(
          "This processor has no VNNI: ONNX Runtime adds its products of bytes in 16 bits, which"
              + " cuts off sums of large codes. Export with --bits 7 for such processors.");
    }
  }

  private static long length(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read the length of " + file + ": " + e + ".", e);
    }
  }
}
