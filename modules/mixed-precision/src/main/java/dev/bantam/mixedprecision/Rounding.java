package dev.bantam.mixedprecision;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Step.Cost;
import dev.bantam.compression.Step.StepProblem;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/** How matrices whose formats are decided become codes. */
interface Rounding {
  /**
   * Rounds the live weights of a state.
   *
   * @param formats by name of the matrix, in the model's order
   * @param store takes each matrix's codes once and puts them into the state, at once
   */
  void round(
      CompressionState state,
      Map<String, WeightFormat> formats,
      BiConsumer<String, GroupedTensor> store);

  /** What stands in the way with these matrices. */
  default List<StepProblem> check(
      Map<String, long[]> shapes, List<String> names, WeightFormat format) {
    return List.of();
  }

  /** Whether it trains. */
  default boolean needsLabels() {
    return false;
  }

  /** Memory and work. */
  default Cost cost(Map<String, long[]> shapes, List<String> names) {
    return Cost.NONE;
  }

  /** The same with less work. */
  default Rounding smoke() {
    return this;
  }

  /** Settings that {@link #smoke} changes, by their names in recipes. */
  default Map<String, Integer> settings() {
    return Map.of();
  }

  /** In words; empty for the nearest codes. */
  String describe();

  /** Name of the method, given that of the choice of widths; which is empty for one width. */
  String method(String widths);

  /** Each weight to the nearest code, without looking at data. */
  record Nearest() implements Rounding {
    @Override
    public void round(
        CompressionState state,
        Map<String, WeightFormat> formats,
        BiConsumer<String, GroupedTensor> store) {
      formats.forEach((name, format) -> store.accept(name, quantize(state, name, format)));
    }

    /** Nearest codes of a live weight. */
    static GroupedTensor quantize(CompressionState state, String name, WeightFormat format) {
      final long[] shape = state.weights().get(name).shape();
      return MatrixQuantizer.quantize(
          name,
          state.finiteWeight(name),
          Math.toIntExact(shape[0]),
          Math.toIntExact(shape[1]),
          format,
          state.resources().workers());
    }

    @Override
    public String describe() {
      return "";
    }

    @Override
    public String method(String widths) {
      return widths.isEmpty() ? "rtn" : widths;
    }
  }
}
