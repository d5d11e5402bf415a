package dev.bantam.model;

import dev.bantam.tensor.Floats;

/** Gradients of activations, shared by all layers of a backward pass. */
final class BackwardBuffers {
  /** Gradient of the residual stream; in: of the layer's output, out: of its input. [tokens, d] */
  final Floats stream;

  /** Gradient of a block's output before dropout and residual, [tokens, d]. */
  final Floats block;

  /** Gradient of the FFN's inner activations, [tokens, f]. */
  final Floats hidden;

  /** Gradient of the attention context, [tokens, width]. */
  final Floats context;

  /** Gradient of query, key and value, [tokens, 3 width]. */
  final Floats queryKeyValue;

  BackwardBuffers(int tokens, int d, int width, int f) {
    stream = Floats.zeros(tokens, d);
    block = Floats.zeros(tokens, d);
    hidden = Floats.zeros(tokens, f);
    context = Floats.zeros(tokens, width);
    queryKeyValue = Floats.zeros(tokens, 3L * width);
  }

  void close() {
    for (Floats floats : new Floats[] {stream, block, hidden, context, queryKeyValue}) {
      floats.close();
    }
  }
}
