package dev.bantam.mixedprecision;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import java.util.List;
import java.util.Map;
import java.util.Objects;

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
      return Quantization.read(settings, new Rounding.Nearest());
    }
  }

  public RoundToNearest {
    Objects.requireNonNull(selector, "selector");
    Objects.requireNonNull(format, "format");
  }

  private UniformPrecision step() {
    return new UniformPrecision(selector, format, new Rounding.Nearest());
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    return step().check(shapes);
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    return step().forecast(shapes, before);
  }

  @Override
  public StepLog apply(CompressionState state) {
    return step().apply(state);
  }
}
