package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.LayerShape;

/** The arithmetic of an encoder's linear layers, without attention, norms and embeddings. */
final class LinearLayers {
  private LinearLayers() {}

  /**
   * Floating point operations of one token's forward: two for each weight of a layer's matrices.
   */
  static double operationsPerToken(Architecture architecture) {
    long weights = 0;
    for (LayerShape layer : architecture.layers()) {
      final long attention = 4L * layer.heads() * architecture.headSize();
      weights += (attention + 2L * layer.ffnWidth()) * architecture.hiddenSize();
    }
    return 2.0 * weights;
  }
}
