package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.DenseTensor;
import dev.bantam.export.ExportCheck;
import dev.bantam.export.ModelFolder;
import dev.bantam.export.onnx.OnnxFormat;
import dev.bantam.export.onnx.OnnxOutput;
import dev.bantam.export.onnx.OnnxWriter;
import dev.bantam.model.EncoderModel;
import dev.bantam.outliersuppression.FoldedResiduals;
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
   * @param ranges how activations get fixed ranges, of an int8 file alone
   */
  public record Options(
      ExportFormat format,
      Optional<OnnxOutput> output,
      Optional<Integer> bits,
      boolean dense,
      Optional<Calibrating> ranges) {
    /** A format as it usually is. */
    public static Options of(ExportFormat format, Optional<OnnxOutput> output) {
      return new Options(format, output, Optional.empty(), false, Optional.empty());
    }

    private OnnxExport onnx() {
      final OnnxExport usual = OnnxExport.of(ExportFormats.onnx(format));
      return new OnnxExport(usual.format(), output, bits.orElse(usual.bits()), ranges);
    }
  }

  /**
   * What files are called.
   *
   * @param onnx the model if it is an ONNX file
   * @param card what it is and how to use it, Markdown
   * @param manifest what it was made from and how it was checked, JSON
   */
  public record Names(String onnx, String card, String manifest) {
    /** In a folder of one model. */
    public static final Names OF_FOLDER =
        new Names(OnnxExport.FILE, ModelFolder.CARD, "manifest.json");
  }

  /**
   * What was written.
   *
   * @param bytes length of the weights' file
   * @param denseBytes four bytes for each parameter
   * @param check the file read back against the model
   * @param predicts whether predictions were compared
   */
  public record Written(long bytes, long denseBytes, ExportCheck check, boolean predicts) {
    /** One line for the console. */
    public String summary() {
      return String.format(
              Locale.ROOT,
              "%,d bytes, %.2f x smaller than float32. Read back on %d texts: largest difference"
                  + " %.3g, relative %.3g",
              bytes,
              (double) denseBytes / bytes,
              check.inputs(),
              check.largest(),
              check.relative())
          + (predicts ? ", " + check.flips() + " predictions changed." : ".");
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
   * @param weights the model's
   * @throws BantamException (usage) if the format has no place for the model's operations, logits
   *     are asked of a model without a head, or a number of bits where every matrix has its codes
   *     already
   */
  public static void check(Checkpoint model, CompressedModel weights, Options options) {
    if (options.dense()) {
      FoldedResiduals.requireFoldable(weights);
    } else if (options.format() == ExportFormat.COMPRESSED_TENSORS) {
      OnnxWriter.requirePlain(weights);
    } else if (options.format() != ExportFormat.SAFETENSORS) {
      OnnxWriter.requireHeld(model, weights, ExportFormats.onnx(options.format()));
    }
    if (options.ranges().isPresent() && OnnxWriter.hasRanges(weights)) {
      throw new BantamException(
          ExitCode.USAGE,
          "--calibrate has no effect: '"
              + model.name()
              + "' rounds its activations by ranges of its own, and onnx-int8 keeps them. Leave it"
              + " out.");
    }
    if (options.bits().isPresent() && !FormatForms.quantizesMatrices(weights, options.format())) {
      throw new BantamException(
          ExitCode.USAGE,
          "--bits has no effect: the matrices of '"
              + model.name()
              + "' have integer codes already, and "
              + ExportFormats.id(options.format())
              + " keeps them. Leave it out, or export"
              + " the model that this one was made from.");
    }
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
   * @param names what its files are called
   */
  public Written write(Path folder, Names names) {
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
    final boolean packed = ExportFormats.isFolder(options.format());
    final Path file = folder.resolve(packed ? ModelFolder.WEIGHTS : names.onnx());
    final ExportCheck check =
        !packed
            ? onnx(folder, names, manifest)
            : options.format() == ExportFormat.SAFETENSORS
                ? safetensors(folder, manifest)
                : compressedTensors(folder, manifest);
    manifest.put("file", file.getFileName().toString());
    manifest.put("file_sha256", SafetensorsFile.sha256(file));
    Json.write(folder.resolve(names.manifest()), manifest);
    return new Written(length(file), Float.BYTES * weights.parameters(), check, predicts());
  }

  private boolean predicts() {
    final boolean classes =
        model.head().filter(h -> h.kind() == Head.Kind.SINGLE_LABEL).isPresent();
    return classes
        && (ExportFormats.isFolder(options.format())
            || options.onnx().gives(model) == OnnxOutput.LOGITS);
  }

  private ExportCheck onnx(Path folder, Names names, ObjectNode manifest) {
    final OnnxExport export = options.onnx();
    final boolean ranges = options.ranges().isPresent() || OnnxWriter.hasRanges(weights);
    final String usage = OnnxCard.usage(model, export, ranges, names.onnx());
    ModelFolder.describe(folder, model, card(usage, NOT_MEASURED, names));
    AtomicFiles.move(folder.resolve(ModelFolder.CARD), folder.resolve(names.card()));
    final Path file = folder.resolve(names.onnx());
    final OnnxExport.Written written = export.write(model, weights, file, workers, progress);
    warn(export, written);
    written.describe(manifest);
    options
        .ranges()
        .ifPresent(
            r -> manifest.putObject("calibration").put("task", r.task()).put("seed", r.seed()));
    return written.check();
  }

  private ExportCheck safetensors(Path folder, ObjectNode manifest) {
    final CompressedModel stored = options.dense() ? FoldedResiduals.fold(weights) : weights;
    ModelFolder.write(folder, model, stored, card(reader(stored), NOT_MEASURED, Names.OF_FOLDER));
    final Checkpoint readBack = ModelFolder.read(folder, progress);
    requireSame(stored, readBack.parameters());
    try (EncoderModel one = Encoders.of(model, workers);
        EncoderModel other = Encoders.of(readBack, workers)) {
      final ExportCheck check = ExportCheck.compare(one, other, readBack);
      if (recipe.isEmpty() && !(check.relative() <= OnnxExport.TOLERANCE)) { // NaN does not pass
        throw new IllegalStateException(
            folder + " does not compute what the model computes: " + check);
      }
      OnnxExport.describe(check, manifest);
      return check;
    } finally {
      Bench.free(readBack.parameters());
    }
  }

  private ExportCheck compressedTensors(Path folder, ObjectNode manifest) {
    final QuantizedFolder.Written written =
        QuantizedFolder.write(
            folder,
            model,
            weights,
            options.bits().orElse(QuantizedFolder.BITS),
            card(QuantizedFolder.USAGE, NOT_MEASURED, Names.OF_FOLDER),
            workers,
            progress);
    written.describe(manifest);
    return written.check();
  }

  static void requireSame(CompressedModel written, Map<String, INDArray> read) {
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
    AtomicFiles.write(
        folder.resolve(ModelFolder.CARD), card(reader(weights), results, Names.OF_FOLDER));
  }

  private static String reader(CompressedModel stored) {
    return stored.tensors().values().stream().allMatch(DenseTensor.class::isInstance)
        ? "The weights are plain safetensors, which every tool for them reads.\n\n"
        : ModelCard.PACKED + "\n\n";
  }

  private String card(String usage, String results, Names names) {
    return "# "
        + model.name()
        + ", "
        + ExportFormats.id(options.format())
        + "\n\nWritten by Bantam from `"
        + model.provenance().source()
        + "`.\n\n## Measured\n\n"
        + results
        + " `"
        + names.manifest()
        + "` says how far its outputs are from the source's on fixed texts. Speed was not"
        + " measured.\n\n"
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
