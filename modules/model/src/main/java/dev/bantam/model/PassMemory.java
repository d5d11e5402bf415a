package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.tensor.Floats;

/**
 * The activations of passes, allocated once and grown when a larger batch comes. A pass for results
 * alone shares one layer's buffers between all layers; one for gradients keeps each layer's. Shared
 * buffers have the row length of the widest layer, so that a shard that is a layer ahead of another
 * never writes to the other's rows.
 */
final class PassMemory {
  private final Architecture architecture;
  private final int width;
  private final int ffn;
  private int tokens;
  private int scores;
  private boolean kept;
  private Floats embedded;
  private EmbeddingLayer.Saved embeddingSaved;
  private LayerBuffers[] layers;
  private BackwardBuffers backward;

  PassMemory(Architecture architecture) {
    this.architecture = architecture;
    this.width =
        architecture.headSize()
            * architecture.layers().stream().mapToInt(l -> l.heads()).max().orElse(1);
    this.ffn = architecture.layers().stream().mapToInt(l -> l.ffnWidth()).max().orElse(1);
  }

  void reserve(Pass pass) {
    final int heads = width / architecture.headSize();
    final int neededScores = Math.multiplyExact(pass.firstScore()[pass.batch().sequences()], heads);
    final boolean enough =
        layers != null
            && tokens >= pass.batch().tokens()
            && (!pass.keep() || (kept && scores >= neededScores));
    if (enough) {
      return;
    }
    close();
    kept |= pass.keep();
    tokens = Math.max(tokens, pass.batch().tokens());
    scores = Math.max(scores, kept ? neededScores : 0);
    final int d = architecture.hiddenSize();
    embedded = Floats.zeros(tokens, d);
    final int e = architecture.embeddings().width();
    embeddingSaved =
        new EmbeddingLayer.Saved(
            kept ? Floats.zeros(tokens, e) : null,
            new float[tokens],
            architecture.embeddings().projected() ? Floats.zeros(tokens, e) : null);
    layers = new LayerBuffers[kept ? architecture.layers().size() : 1];
    for (int i = 0; i < layers.length; i++) {
      layers[i] =
          kept
              ? new LayerBuffers(
                  tokens,
                  architecture.layers().get(i).heads() * architecture.headSize(),
                  d,
                  architecture.layers().get(i).ffnWidth(),
                  scores,
                  true)
              : new LayerBuffers(tokens, width, d, ffn, scores, false);
    }
  }

  /** Frees everything; the next pass allocates again. */
  void close() {
    if (layers == null) {
      return;
    }
    embedded.close();
    if (embeddingSaved.normalized() != null) {
      embeddingSaved.normalized().close();
    }
    if (embeddingSaved.factored() != null) {
      embeddingSaved.factored().close();
    }
    for (LayerBuffers layer : layers) {
      layer.close();
    }
    if (backward != null) {
      backward.close();
      backward = null;
    }
    layers = null;
  }

  Floats embedded() {
    return embedded;
  }

  EmbeddingLayer.Saved embeddingSaved() {
    return embeddingSaved;
  }

  LayerBuffers layer(int i) {
    return layers[layers.length == 1 ? 0 : i];
  }

  BackwardBuffers backward() {
    if (backward == null) {
      backward = new BackwardBuffers(tokens, architecture.hiddenSize(), width, ffn);
    }
    return backward;
  }
}
