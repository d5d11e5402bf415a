package dev.bantam.mixedprecision;

import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressedTensors;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.compression.WeightErrors;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Rounds every weight to the nearest code of its row or group: quantization without any data.
 *
 * <p>Zeros stay exactly zero, so a pruned matrix stays pruned; it is stored without the codes of
 * its zeros where that is smaller. Codes with an offset have no zero.
 *
 * @param selector the matrices that are quantized
 * @param format bits, groups and ranges
 */
public record RoundToNearest(TensorSelector selector, WeightFormat format) implements Step {
  /** Reads {@code quantize: {method: rtn, ...}}. */
  public static final class Factory implements StepFactory {
    @Override
    public String step() {
      return "quantize";
    }

    @Override
    public String method() {
      return "rtn";
    }

    @Override
    public boolean isDefault() {
      return true;
    }

    @Override
    public Step parse(Settings settings) {
      if (settings.has("allocate")) {
        final Optional<Settings> allocate = settings.mapping("allocate");
        if (allocate.isPresent()) {
          return MixedPrecision.read(settings, allocate.get());
        }
      }
      return new RoundToNearest(TensorSelector.read(settings), WeightFormat.read(settings));
    }
  }

  public RoundToNearest {
    Objects.requireNonNull(selector, "selector");
    Objects.requireNonNull(format, "format");
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    final List<StepProblem> problems = new ArrayList<>(selector.check(shapes));
    problems.addAll(format.check(shapes, selector.select(shapes)));
    return problems;
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    final List<Forecast> forecasts = new ArrayList<>();
    for (String name : selector.select(shapes)) {
      final long[] shape = shapes.get(name);
      forecasts.add(new Forecast(name, format.describe(), format.storedBytes(shape[0], shape[1])));
    }
    return forecasts;
  }

  @Override
  public StepLog apply(CompressionState state) {
    final List<StepLog.Entry> entries = new ArrayList<>();
    for (String name : selector.select(state.shapes())) {
      entries.add(quantize(state, name));
    }
    return new StepLog("quantize", "rtn", entries);
  }

  private StepLog.Entry quantize(CompressionState state, String name) {
    final long[] shape = state.shapes().get(name);
    final float[] before = state.finiteWeight(name);
    final GroupedTensor grouped =
        MatrixQuantizer.quantize(
            name,
            before,
            Math.toIntExact(shape[0]),
            Math.toIntExact(shape[1]),
            format,
            state.resources().workers());
    final CompressedTensor form = CompressedTensors.cheapestGrouped(grouped);
    state.put(name, form);
    final float[] after = Floats.toArray(state.weights().get(name));
    return new StepLog.Entry(
        name,
        format.describe() + ", stored as " + form.form(),
        OptionalInt.of(format.bits()),
        WeightErrors.sparsity(after),
        form.storedBytes(),
        WeightErrors.relative(before, after));
  }
}
