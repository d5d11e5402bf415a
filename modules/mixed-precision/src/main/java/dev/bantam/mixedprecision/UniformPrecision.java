package dev.bantam.mixedprecision;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * One width for all matrices.
 *
 * @param selector the matrices
 * @param format bits, groups and ranges
 * @param rounding how weights become codes
 */
record UniformPrecision(TensorSelector selector, WeightFormat format, Rounding rounding)
    implements Step {
  UniformPrecision {
    Objects.requireNonNull(selector, "selector");
    Objects.requireNonNull(format, "format");
    Objects.requireNonNull(rounding, "rounding");
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    final List<StepProblem> problems = new ArrayList<>(selector.check(shapes));
    problems.addAll(format.check(shapes, selector.select(shapes)));
    problems.addAll(rounding.check(shapes, selector.select(shapes), format));
    return problems;
  }

  @Override
  public boolean needsLabels() {
    return rounding.needsLabels();
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    final List<Forecast> forecasts = new ArrayList<>();
    for (String name : selector.select(shapes)) {
      final long[] shape = shapes.get(name);
      forecasts.add(new Forecast(name, describe(), format.storedBytes(shape[0], shape[1])));
    }
    return forecasts;
  }

  private String describe() {
    return format.describe() + (rounding.describe().isEmpty() ? "" : ", " + rounding.describe());
  }

  @Override
  public Cost cost(Map<String, long[]> shapes) {
    return rounding.cost(shapes, selector.select(shapes));
  }

  @Override
  public Smoke smoke() {
    final Rounding cheaper = rounding.smoke();
    return new Smoke(new UniformPrecision(selector, format, cheaper), cheaper.settings());
  }

  @Override
  public StepLog apply(CompressionState state) {
    final Map<String, WeightFormat> formats = new LinkedHashMap<>();
    selector.select(state.shapes()).forEach(name -> formats.put(name, format));
    formats.keySet().forEach(state::finiteWeight); // refused before hours of work
    final Map<String, Quantization.Stored> stored = Quantization.store(state, formats, rounding);
    final List<StepLog.Entry> entries = new ArrayList<>();
    formats.forEach(
        (name, own) -> {
          final Quantization.Stored what = stored.get(name);
          entries.add(
              new StepLog.Entry(
                  name,
                  describe() + ", stored as " + what.form(),
                  OptionalInt.of(own.bits()),
                  what.sparsity(),
                  what.storedBytes(),
                  what.relativeError()));
        });
    return new StepLog("quantize", rounding.method(""), entries);
  }
}
