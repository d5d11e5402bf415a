package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.compression.WeightErrors;
import dev.bantam.data.Split;
import dev.bantam.deltamerging.DeltaFile;
import dev.bantam.export.PackedFile;
import dev.bantam.report.CellId;
import dev.bantam.report.EventRecord;
import dev.bantam.report.SizePart;
import dev.bantam.report.StepRecord;
import dev.bantam.report.StoredSize;
import dev.bantam.report.TensorRecord;
import dev.bantam.runner.experiment.DeltaSpec;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.MergeSpec;
import dev.bantam.runner.experiment.ParsedStep;
import dev.bantam.runner.experiment.ResolvedValue;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.function.ToLongFunction;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Turns what a cell did into the records that reports are made of. */
final class Records {
  private Records() {}

  static CellId id(Experiment<Step> experiment, Cell cell, Split split) {
    return new CellId(
        experiment.name(),
        cell.subject().model().name(),
        cell.subject().task().name(),
        cell.variant().name(),
        cell.seed(),
        cell.draw(),
        split.id());
  }

  /**
   * Sizes of a packed file.
   *
   * @param weights the file's tensors restored
   */
  static StoredSize size(CompressedModel stored, Map<String, INDArray> weights, Path file) {
    final long bytes;
    try {
      bytes = Files.size(file);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read the length of " + file + ": " + e + ".", e);
    }
    return new StoredSize(
        stored.parameters(),
        stored.encoderElements(),
        stored.encoderBytes(),
        bytes,
        PackedFile.sizes(stored, bytes).stream()
            .map(s -> new SizePart(s.group(), s.part(), s.bytes()))
            .toList(),
        SafetensorsFile.sha256(file));
  }

  /** Share of zeros in the matrices of the layers. */
  static double sparsity(Map<String, INDArray> weights) {
    double zeros = 0;
    double elements = 0;
    for (Map.Entry<String, INDArray> weight : weights.entrySet()) {
      if (TensorSelector.isLayerMatrix(weight.getKey())) {
        final float[] values = Floats.toArray(weight.getValue());
        zeros += Math.rint(WeightErrors.sparsity(values) * values.length);
        elements += values.length;
      }
    }
    return elements == 0 ? 0 : zeros / elements;
  }

  /** Mean bits over the layers' weights that a step quantized; empty if none was. */
  static OptionalDouble bits(List<StepLog> logs, Map<String, INDArray> weights) {
    final Map<String, Integer> last = new LinkedHashMap<>(); // a later step has the last word
    for (StepLog log : logs) {
      for (StepLog.Entry entry : log.tensors()) {
        if (entry.bits().isPresent() && TensorSelector.isLayerMatrix(entry.name())) {
          last.put(entry.name(), entry.bits().getAsInt());
        }
      }
    }
    double sum = 0;
    double elements = 0;
    for (Map.Entry<String, Integer> bits : last.entrySet()) {
      final long n = weights.get(bits.getKey()).length();
      sum += (double) n * bits.getValue();
      elements += n;
    }
    return elements == 0 ? OptionalDouble.empty() : OptionalDouble.of(sum / elements);
  }

  static List<StepRecord> steps(List<ParsedStep<Step>> steps, List<StepLog> logs) {
    final List<StepRecord> records = new ArrayList<>();
    for (int i = 0; i < logs.size(); i++) {
      final StepLog log = logs.get(i);
      records.add(
          new StepRecord(
              log.step(),
              log.method(),
              json(steps.get(i).settings()),
              log.tensors().stream()
                  .map(
                      t ->
                          new TensorRecord(
                              t.name(),
                              t.treatment(),
                              t.sparsity(),
                              t.storedBytes(),
                              t.relativeError(),
                              t.bits(),
                              t.predictedLoss(),
                              optional(t.sensitivity().map(StepLog.Sensitivity::value)),
                              optional(t.sensitivity().map(StepLog.Sensitivity::standardError))))
                  .toList(),
              log.events().stream()
                  .map(
                      e ->
                          new EventRecord(
                              e.number(),
                              e.sparsity(),
                              e.predictedLoss(),
                              e.lossBefore(),
                              e.lossAfter()))
                  .toList()));
    }
    return records;
  }

  private static OptionalDouble optional(Optional<Double> value) {
    return value.isPresent() ? OptionalDouble.of(value.get()) : OptionalDouble.empty();
  }

  /** How a cell was stored as differences to a base. */
  static StepRecord delta(
      DeltaSpec spec,
      String base,
      DeltaFile.Sizes sizes,
      Map<String, INDArray> tuned,
      Map<String, INDArray> restored) {
    final ObjectNode settings = (ObjectNode) json(spec.settings());
    settings.put("base", base);
    return new StepRecord(
        "delta",
        spec.word(),
        settings,
        compared("difference to " + base, tuned, restored, sizes::of));
  }

  /**
   * How a model was merged.
   *
   * @param chosen factor of the merged delta
   * @param tune mean over the inputs' tasks on tune for each factor that was tried; empty if there
   *     was no choice
   * @param own the task's own fine-tuned weights, which each matrix is compared with
   * @param merged weights
   */
  static StepRecord merge(
      MergeSpec spec,
      double chosen,
      Map<Double, Double> tune,
      Map<String, INDArray> own,
      Map<String, INDArray> merged) {
    final ObjectNode settings = (ObjectNode) json(spec.settings());
    if (!tune.isEmpty()) {
      settings.put("chosen_lambda", chosen);
      final ObjectNode scores = settings.putObject("mean_on_tune");
      tune.forEach((lambda, score) -> scores.put(Double.toString(lambda), score));
    }
    return new StepRecord(
        "merge",
        spec.word(),
        settings,
        compared(
            "merged by " + spec.word(), own, merged, n -> Float.BYTES * merged.get(n).length()));
  }

  /**
   * The matrices of the encoder layers beside what they were before.
   *
   * @param treatment in words
   * @param bytes that each takes
   */
  private static List<TensorRecord> compared(
      String treatment,
      Map<String, INDArray> before,
      Map<String, INDArray> after,
      ToLongFunction<String> bytes) {
    final List<TensorRecord> tensors = new ArrayList<>();
    after.forEach(
        (name, tensor) -> {
          if (TensorSelector.isLayerMatrix(name)) {
            final float[] values = Floats.toArray(tensor);
            tensors.add(
                new TensorRecord(
                    name,
                    treatment,
                    WeightErrors.sparsity(values),
                    bytes.applyAsLong(name),
                    WeightErrors.relative(Floats.toArray(before.get(name)), values),
                    OptionalInt.empty(),
                    OptionalDouble.empty()));
          }
        });
    return tensors;
  }

  private static JsonNode json(ResolvedValue value) {
    final JsonNodeFactory nodes = JsonNodeFactory.instance;
    if (value instanceof ResolvedValue.Text text) {
      return nodes.textNode(text.value());
    } else if (value instanceof ResolvedValue.Number number) {
      return nodes.numberNode(new BigDecimal(number.literal()));
    } else if (value instanceof ResolvedValue.Flag flag) {
      return nodes.booleanNode(flag.value());
    } else if (value instanceof ResolvedValue.Sequence sequence) {
      final ArrayNode list = nodes.arrayNode();
      sequence.items().forEach(item -> list.add(json(item)));
      return list;
    }
    final ObjectNode mapping = nodes.objectNode();
    ((ResolvedValue.Mapping) value)
        .entries()
        .forEach(entry -> mapping.set(entry.key(), json(entry.value())));
    return mapping;
  }
}
