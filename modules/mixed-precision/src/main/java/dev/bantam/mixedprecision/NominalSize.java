package dev.bantam.mixedprecision;

import java.util.Map;
import java.util.function.ToIntFunction;

/**
 * Sizes as papers state them: bits times parameters, without scales, zero points and headers.
 * Q-BERT counts biases and LayerNorm at the width of their layer, too. Reports state the bytes of
 * files; this is for budgets, and for comparison with published tables.
 */
final class NominalSize {
  private NominalSize() {}

  /**
   * Bits of some tensors.
   *
   * @param width bits of a parameter of a tensor, by name; 0 leaves a tensor out
   */
  static long bits(Map<String, long[]> shapes, ToIntFunction<String> width) {
    long bits = 0;
    for (Map.Entry<String, long[]> tensor : shapes.entrySet()) {
      long elements = 1;
      for (long size : tensor.getValue()) {
        elements *= size;
      }
      bits = Math.addExact(bits, elements * width.applyAsInt(tensor.getKey()));
    }
    return bits;
  }
}
