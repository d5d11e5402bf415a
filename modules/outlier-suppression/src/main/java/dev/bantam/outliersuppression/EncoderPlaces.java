package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Where the activations of an encoder go into matrix products, and how wide they are. */
final class EncoderPlaces {
  /** The inputs of all products of a layer, in forward order. */
  static final List<Kind> PRODUCT_INPUTS =
      List.of(
          Kind.ATTENTION_INPUT,
          Kind.ATTENTION_QUERY,
          Kind.ATTENTION_KEY,
          Kind.ATTENTION_VALUE,
          Kind.ATTENTION_PROBABILITIES,
          Kind.ATTENTION_CONTEXT,
          Kind.FFN_INPUT,
          Kind.FFN_HIDDEN);

  /** Those that a weight matrix reads: only their channels can have ranges of their own. */
  static final List<Kind> LINEAR_INPUTS =
      List.of(Kind.ATTENTION_INPUT, Kind.ATTENTION_CONTEXT, Kind.FFN_INPUT, Kind.FFN_HIDDEN);

  private EncoderPlaces() {}

  /** Number of encoder layers that parameters of these names have; 0 for other models. */
  static int layers(Map<String, long[]> shapes) {
    int layers = 0;
    while (shapes.containsKey(prefix(layers) + "attention.self.query.weight")) {
      layers++;
    }
    return layers;
  }

  /** Start of the names of a layer's parameters. */
  static String prefix(int layer) {
    return "encoder.layer." + layer + ".";
  }

  /** All product inputs of so many layers, in forward order. */
  static List<Site> productInputs(int layers) {
    final List<Site> sites = new ArrayList<>();
    for (int i = 0; i < layers; i++) {
      for (Kind kind : PRODUCT_INPUTS) {
        sites.add(new Site(i, kind));
      }
    }
    return sites;
  }

  /** Channels of a site; 0 where there are none, at matrices of token pairs. */
  static int width(Architecture architecture, Site site) {
    return switch (site.kind()) {
      case ATTENTION_SCORES, ATTENTION_PROBABILITIES -> 0;
      case ATTENTION_QUERY, ATTENTION_KEY, ATTENTION_VALUE, ATTENTION_CONTEXT ->
          architecture.layers().get(site.layer()).heads() * architecture.headSize();
      case FFN_HIDDEN -> architecture.layers().get(site.layer()).ffnWidth();
      case EMBEDDINGS_WORD -> architecture.embeddings().width();
      case EMBEDDINGS_OUTPUT,
          ATTENTION_INPUT,
          ATTENTION_OUTPUT,
          ATTENTION_RESIDUAL,
          ATTENTION_SUM,
          ATTENTION_NORM,
          FFN_INPUT,
          FFN_OUTPUT,
          FFN_RESIDUAL,
          FFN_SUM,
          LAYER_OUTPUT,
          POOLER_INPUT,
          POOLED ->
          architecture.hiddenSize();
    };
  }
}
