package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressedModel;
import dev.bantam.export.CompressedTensorsFolder;
import dev.bantam.export.ExportCheck;
import dev.bantam.export.ModelFolder;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Writes folders for the library compressed-tensors, reads them back and compares. */
final class QuantizedFolder {
  /** Of the codes of matrices that have none yet. */
  static final int BITS = 4;

  /** What a user of a folder has to know, as Markdown. */
  static final String USAGE =
      "The weights are stored as the library `compressed-tensors` stores them, for what is built on"
          + " it (Transformers, vLLM); `quantization_config` in `config.json` says which are"
          + " `pack-quantized` and which `int-quantized`. Activations are not quantized. Bantam"
          + " reads the folder, too.\n\n";

  private QuantizedFolder() {}

  /**
   * What came of an export.
   *
   * @param recipe steps that brought the weights into the format, YAML; empty if none was needed
   * @param check the folder against the model that was given
   */
  record Written(String recipe, ExportCheck check) {
    /** Adds this to a manifest. */
    void describe(ObjectNode manifest) {
      if (!recipe.isEmpty()) {
        manifest.put("quantized_by", recipe);
      }
      OnnxExport.describe(check, manifest);
    }
  }

  /**
   * Writes a folder.
   *
   * @throws IllegalStateException if a weight comes back different
   */
  static Written write(
      Path folder,
      Checkpoint like,
      CompressedModel weights,
      int bits,
      String card,
      Workers workers,
      Progress progress) {
    final FormatForms forms = FormatForms.ofCompressedTensors(weights, bits, workers);
    if (CompressedTensorsFolder.hasPackedZeroPoints(forms.model())) {
      progress.message(
          "Packed codes with zero points are part of the format, but Transformers 5.23 with"
              + " compressed-tensors 0.20 does not load them. Quantize without zero points for it.");
    }
    CompressedTensorsFolder.write(folder, like, forms.model(), card);
    final Checkpoint readBack = ModelFolder.read(folder, progress);
    ModelExport.requireSame(forms.model(), readBack.parameters());
    final Map<String, INDArray> before = weights.dense();
    try (EncoderModel one = Encoders.of(like, before, weights.operations(), workers);
        EncoderModel other = Encoders.of(readBack, workers)) {
      return new Written(forms.recipe(), ExportCheck.compare(one, other, readBack));
    } finally {
      Bench.free(before);
      Bench.free(readBack.parameters());
    }
  }
}
