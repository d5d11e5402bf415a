package dev.bantam.runner.run;

import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.SparseGroupedTensor;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepResources;
import dev.bantam.compression.TensorSelector;
import dev.bantam.export.CompressedTensorsFolder;
import dev.bantam.export.onnx.OnnxFormat;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.runner.experiment.ParsedStep;
import dev.bantam.runner.experiment.RecipeFile;
import dev.bantam.tensor.Workers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model's weights in forms that a format of integer codes holds. Integer codes that it can hold
 * are kept. The matrices and the large tables that it cannot are quantized by a recipe of
 * round-to-nearest steps, which is part of the result. Matrices that a model of integer codes
 * leaves in float32 stay so.
 *
 * @param model the weights
 * @param recipe the steps that were applied, YAML; empty if none was
 */
record FormatForms(CompressedModel model, String recipe) {
  private static final Pattern TABLE =
      Pattern.compile("embeddings\\.(word|position)_embeddings\\.weight");
  private static final int WIDEST_GROUP = 128;
  private static final int NARROWEST_GROUP = 16;

  /**
   * Brings weights into shape for a format.
   *
   * @param bits of the codes of matrices that have to be quantized; of {@link OnnxFormat#INT4} 4
   */
  static FormatForms of(CompressedModel weights, OnnxFormat format, int bits, Workers workers) {
    return format == OnnxFormat.FLOAT
        ? new FormatForms(weights, "")
        : of(weights, Holder.of(format), bits, workers);
  }

  /**
   * Brings weights into shape for {@link CompressedTensorsFolder}.
   *
   * @param bits of the codes of matrices that have to be quantized
   */
  static FormatForms ofCompressedTensors(CompressedModel weights, int bits, Workers workers) {
    return of(weights, Holder.COMPRESSED_TENSORS, bits, workers);
  }

  /** What can be stored as it is. */
  private enum Holder {
    ROWS {
      @Override
      boolean holds(boolean table, CompressedTensor tensor) {
        return table ? OnnxFormat.INT8.holdsTable(tensor) : OnnxFormat.INT8.holdsMatrix(tensor);
      }

      @Override
      boolean inRows(int bits) {
        return true;
      }
    },
    BLOCKS {
      @Override
      boolean holds(boolean table, CompressedTensor tensor) {
        return table ? OnnxFormat.INT4.holdsTable(tensor) : OnnxFormat.INT4.holdsMatrix(tensor);
      }

      @Override
      boolean inRows(int bits) {
        return false;
      }
    },
    COMPRESSED_TENSORS {
      @Override
      boolean holds(boolean table, CompressedTensor tensor) {
        return table
            ? CompressedTensorsFolder.holdsTable(tensor)
            : CompressedTensorsFolder.holdsMatrix(tensor);
      }

      @Override
      boolean inRows(int bits) {
        return bits == Byte.SIZE;
      }
    };

    static Holder of(OnnxFormat format) {
      return format == OnnxFormat.INT8 ? ROWS : BLOCKS;
    }

    abstract boolean holds(boolean table, CompressedTensor tensor);

    /** Whether matrices of that width get one scale a row, over their whole range. */
    abstract boolean inRows(int bits);
  }

  private static FormatForms of(CompressedModel weights, Holder format, int bits, Workers workers) {
    final Map<String, CompressedTensor> held = new LinkedHashMap<>();
    weights.tensors().forEach((name, tensor) -> held.put(name, plain(tensor)));
    final String recipe = recipe(toQuantize(held, format), held, format, bits);
    if (!recipe.isEmpty()) {
      quantize(held, recipe, workers);
    }
    held.replaceAll(
        (name, tensor) ->
            tensor instanceof GroupedTensor grouped && holds(format, name, grouped)
                ? grouped
                : DenseTensor.float32(tensor.dense()));
    return new FormatForms(new CompressedModel(held, weights.operations()), recipe);
  }

  /** Whether the matrices of the encoder layers, or some of them, have to be quantized. */
  static boolean quantizesMatrices(CompressedModel weights, ExportFormat format) {
    final Map<String, CompressedTensor> held = new LinkedHashMap<>();
    weights.tensors().forEach((name, tensor) -> held.put(name, plain(tensor)));
    final Holder holder =
        format == ExportFormat.COMPRESSED_TENSORS
            ? Holder.COMPRESSED_TENSORS
            : Holder.of(ExportFormats.onnx(format));
    return toQuantize(held, holder).stream().anyMatch(TensorSelector::isEncoderMatrix);
  }

  /** With the codes of zeros, which ONNX cannot leave out. */
  private static CompressedTensor plain(CompressedTensor tensor) {
    return tensor instanceof SparseGroupedTensor sparse ? sparse.grouped() : tensor;
  }

  private static boolean holds(Holder format, String name, CompressedTensor tensor) {
    return format.holds(TABLE.matcher(name).matches(), tensor);
  }

  private static List<String> toQuantize(Map<String, CompressedTensor> held, Holder format) {
    final boolean chosen =
        held.entrySet().stream()
            .anyMatch(
                e ->
                    TensorSelector.isEncoderMatrix(e.getKey())
                        && e.getValue() instanceof GroupedTensor);
    final List<String> names = new ArrayList<>();
    held.forEach(
        (name, tensor) -> {
          final boolean matrix = TensorSelector.isEncoderMatrix(name);
          if (!matrix && !TABLE.matcher(name).matches()) {
            return;
          }
          final boolean codes = tensor instanceof GroupedTensor;
          if (codes ? !holds(format, name, tensor) : !(matrix && chosen)) {
            names.add(name);
          }
        });
    return names;
  }

  /** One step for all tensors of the same treatment. */
  private static String recipe(
      List<String> names, Map<String, CompressedTensor> held, Holder format, int bits) {
    final Map<String, List<String>> byTreatment = new TreeMap<>();
    for (String name : names) {
      byTreatment
          .computeIfAbsent(
              treatment(name, held.get(name).shape()[1], format, bits), t -> new ArrayList<>())
          .add(name);
    }
    final StringBuilder recipe = new StringBuilder();
    byTreatment.forEach(
        (treatment, targets) ->
            recipe
                .append("- quantize: {")
                .append(treatment)
                .append(", scale-type: float32, targets: [")
                .append(String.join(", ", targets))
                .append("]}\n"));
    return recipe.toString();
  }

  private static String treatment(String name, long columns, Holder format, int bits) {
    if (TABLE.matcher(name).matches()) {
      return "bits: 8, group-size: row";
    }
    if (format.inRows(bits)) {
      // the codes -63..63 of 7 bits leave out the lowest, as the range of 8 bits does
      return "bits: " + bits + ", group-size: row, range: min-max";
    }
    final long group = Math.min(WIDEST_GROUP, Long.lowestOneBit(columns));
    return "bits: " + bits + ", group-size: " + (group < NARROWEST_GROUP ? "row" : group);
  }

  private static void quantize(Map<String, CompressedTensor> held, String recipe, Workers workers) {
    final Map<String, INDArray> live = new CompressedModel(held).dense();
    final CompressionState state =
        new CompressionState(live, 0, StepResources.weightsOnly(workers));
    final RecipeFile<Step> steps =
        RecipeFile.parse(
            "recipe of the format", recipe.getBytes(StandardCharsets.UTF_8), new StepCatalogue());
    for (ParsedStep<Step> step : steps.steps()) {
      step.value().apply(state);
    }
    held.replaceAll((name, tensor) -> state.form(name).map(FormatForms::plain).orElse(tensor));
    Bench.free(live);
  }
}
