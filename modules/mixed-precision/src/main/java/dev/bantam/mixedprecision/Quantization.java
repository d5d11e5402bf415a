package dev.bantam.mixedprecision;

import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressedTensors;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.TensorSelector;
import dev.bantam.compression.WeightErrors;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** What all {@code quantize} steps have in common. */
final class Quantization {
  private Quantization() {}

  /**
   * What became of a matrix.
   *
   * @param form name of its stored form
   * @param sparsity share of zeros
   * @param storedBytes of the form
   * @param relativeError against the weights before the step
   */
  record Stored(String form, double sparsity, long storedBytes, double relativeError) {}

  /** Reads all keys of the step but those of its rounding. */
  static Step read(Settings settings, Rounding rounding) {
    final Optional<Settings> allocate =
        settings.has("allocate") ? settings.mapping("allocate") : Optional.empty();
    if (allocate.isPresent()) {
      return MixedPrecision.read(settings, allocate.get(), rounding);
    }
    final TensorSelector selector = TensorSelector.read(settings);
    final WeightFormat format = WeightFormat.read(settings);
    final Rounding how = orTrained(settings, format, rounding);
    return how instanceof Rounding.Nearest
        ? new RoundToNearest(selector, format)
        : new UniformPrecision(selector, format, how);
  }

  /** The nearest codes can be trained. */
  static Rounding orTrained(Settings settings, WeightFormat format, Rounding rounding) {
    if (rounding instanceof Rounding.Nearest) {
      return QuantizedTraining.read(settings, format).orElse(rounding);
    }
    if (format.range() == WeightFormat.Range.LSQ) {
      settings.problem("range", "'lsq' is for 'method: rtn' with 'train'. Write 'mse'.");
    }
    return rounding;
  }

  /** Rounds matrices of decided formats and stores their codes in the cheapest form. */
  static Map<String, Stored> store(
      CompressionState state, Map<String, WeightFormat> formats, Rounding rounding) {
    final Map<String, float[]> before = new LinkedHashMap<>();
    if (rounding.needsLabels()) { // a training moves the weights before they are stored
      formats.keySet().forEach(name -> before.put(name, state.finiteWeight(name)));
    }
    final Map<String, Stored> stored = new LinkedHashMap<>();
    rounding.round(
        state,
        formats,
        (name, grouped) -> {
          final float[] old =
              before.containsKey(name) ? before.remove(name) : state.finiteWeight(name);
          final CompressedTensor form = CompressedTensors.cheapestGrouped(grouped);
          state.put(name, form);
          final float[] after = state.weight(name);
          stored.put(
              name,
              new Stored(
                  form.form(),
                  WeightErrors.sparsity(after),
                  form.storedBytes(),
                  WeightErrors.relative(old, after)));
        });
    return stored;
  }
}
