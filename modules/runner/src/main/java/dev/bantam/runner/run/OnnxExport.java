package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Operations;
import dev.bantam.compression.TensorSelector;
import dev.bantam.export.ExportCheck;
import dev.bantam.export.RoundingCheck;
import dev.bantam.export.onnx.OnnxFormat;
import dev.bantam.export.onnx.OnnxOutput;
import dev.bantam.export.onnx.OnnxWriter;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Writes a model as an ONNX file and checks it: the file is read back and computed on fixed texts.
 * Without the rounding of activations it must give what the weights in it give, and it must round
 * them where and as the model does; what comes of both is compared with the model that was given.
 *
 * @param format how weights are stored
 * @param output what the file gives; empty for logits if there is a head, else token vectors
 * @param bits of matrices that have to be quantized
 * @param ranges how activations get fixed ranges that have none; empty if they get none
 */
record OnnxExport(
    OnnxFormat format, Optional<OnnxOutput> output, int bits, Optional<Calibrating> ranges) {
  /** Name of the file in an exported folder. */
  static final String FILE = "model.onnx";

  /**
   * Largest relative difference between a file and the model with the same weights, both in
   * float32. Observed are 2e-7 to 1e-6.
   */
  static final double TOLERANCE = 1e-4;

  /** Products of two neighbours stay within 16 bits up to this code. */
  private static final int SAFE = 64;

  /** The format with its own settings. */
  static OnnxExport of(OnnxFormat format) {
    return new OnnxExport(
        format, Optional.empty(), format == OnnxFormat.INT4 ? 4 : 8, Optional.empty());
  }

  /**
   * What came of an export.
   *
   * @param recipe steps that brought the weights into the format, YAML; empty if none was needed
   * @param output what the file gives
   * @param check the file against the model that was given
   * @param saturates whether a code is so large that processors without dot products of bytes may
   *     cut sums off
   */
  record Written(String recipe, OnnxOutput output, ExportCheck check, boolean saturates) {
    /** Adds this to a manifest. */
    void describe(ObjectNode manifest) {
      manifest.put("output", output.name().toLowerCase(Locale.ROOT));
      if (!recipe.isEmpty()) {
        manifest.put("quantized_by", recipe);
      }
      OnnxExport.describe(check, manifest);
    }
  }

  /** What a file of this model gives. */
  OnnxOutput gives(Checkpoint model) {
    return output.orElse(model.head().isPresent() ? OnnxOutput.LOGITS : OnnxOutput.TOKENS);
  }

  static void describe(ExportCheck check, ObjectNode manifest) {
    manifest
        .putObject("check")
        .put("inputs", check.inputs())
        .put("largest_difference", check.largest())
        .put("mean_difference", check.mean())
        .put("relative_difference", check.relative())
        .put("flips", check.flips());
  }

  /**
   * Writes a file.
   *
   * @throws IllegalStateException if the file computes something else than the weights in it
   */
  Written write(
      Checkpoint like, CompressedModel weights, Path file, Workers workers, Progress progress) {
    final FormatForms forms = FormatForms.of(weights, format, bits, workers);
    final CompressedModel stored =
        ranges.isPresent()
            ? ranges.get().apply(like, forms.model(), workers, progress)
            : forms.model();
    final OnnxOutput gives = gives(like);
    OnnxWriter.write(like, stored, format, gives, file);
    final ExportCheck same =
        check(
            like,
            unrounded(stored),
            workers,
            model -> {
              if (OnnxWriter.hasRanges(stored)) {
                RoundingCheck.require(model, like, stored, file);
              }
              return ExportCheck.compareUnrounded(model, like, gives, file);
            });
    require(same, TOLERANCE, file);
    return new Written(
        forms.recipe() + ranges.map(Calibrating::recipe).orElse(""),
        gives,
        forms.recipe().isEmpty() && format != OnnxFormat.INT8
            ? same
            : check(like, weights, workers, model -> ExportCheck.compare(model, like, gives, file)),
        format == OnnxFormat.INT8 && saturates(forms.model()));
  }

  private void require(ExportCheck check, double tolerance, Path file) {
    if (!(check.relative() <= tolerance)) { // NaN does not pass
      throw new IllegalStateException(
          file + " does not compute what its weights give: " + check + " for " + format.id());
    }
  }

  /** The model without the rounding of its activations. */
  private static CompressedModel unrounded(CompressedModel model) {
    final Map<String, StoredOperation> kept = new TreeMap<>(model.operations());
    kept.values().removeIf(o -> Operations.decode(o).effect() == Operation.Effect.FIXED_ROUNDING);
    return new CompressedModel(model.tensors(), kept);
  }

  private static ExportCheck check(
      Checkpoint like,
      CompressedModel weights,
      Workers workers,
      Function<EncoderModel, ExportCheck> check) {
    final Map<String, INDArray> dense = weights.dense();
    try (EncoderModel model = Encoders.of(like, dense, weights.operations(), workers)) {
      return check.apply(model);
    } finally {
      Bench.free(dense);
    }
  }

  private static boolean saturates(CompressedModel model) {
    for (Map.Entry<String, CompressedTensor> tensor : model.tensors().entrySet()) {
      if (tensor.getValue() instanceof GroupedTensor grouped
          && TensorSelector.isEncoderMatrix(tensor.getKey())) {
        for (byte code : grouped.codes()) {
          if (Math.abs(code) > SAFE) {
            return true;
          }
        }
      }
    }
    return false;
  }
}
