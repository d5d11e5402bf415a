package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.EncoderParameters;
import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * An activation that can be shifted and scaled, with everything that makes and reads it.
 *
 * @param site the activation as the matrices read it
 * @param producer prefix of the names of the LayerNorm or the linear layer that makes it
 * @param consumers prefixes of the names of the linear layers that read it, in the order in which
 *     their weights are searched together
 * @param residual where it is added unchanged, if it is
 */
record MigrationSite(Site site, String producer, List<String> consumers, Optional<Site> residual) {
  MigrationSite {
    consumers = List.copyOf(consumers);
  }

  /**
   * The sites of an encoder of so many layers, in forward order: the outputs of all LayerNorms but
   * the last, whose readers are not all linear.
   *
   * @param names of the model's parameters: the first layer reads a projection where there is one
   * @param values whether the context is one of them, with the value matrix as its producer
   */
  static List<MigrationSite> of(Set<String> names, int layers, boolean values) {
    final String embeddings =
        names.contains(EncoderParameters.PROJECTION + ".weight")
            ? EncoderParameters.PROJECTION
            : "embeddings.LayerNorm";
    final List<MigrationSite> sites = new ArrayList<>();
    for (int i = 0; i < layers; i++) {
      final String layer = EncoderPlaces.prefix(i);
      final String self = layer + "attention.self.";
      sites.add(
          new MigrationSite(
              new Site(i, Kind.ATTENTION_INPUT),
              i == 0 ? embeddings : EncoderPlaces.prefix(i - 1) + "output.LayerNorm",
              List.of(self + "query", self + "key", self + "value"),
              Optional.of(new Site(i, Kind.ATTENTION_RESIDUAL))));
      if (values) {
        sites.add(
            new MigrationSite(
                new Site(i, Kind.ATTENTION_CONTEXT),
                self + "value",
                List.of(layer + "attention.output.dense"),
                Optional.empty()));
      }
      sites.add(
          new MigrationSite(
              new Site(i, Kind.FFN_INPUT),
              layer + "attention.output.LayerNorm",
              List.of(layer + "intermediate.dense"),
              Optional.of(new Site(i, Kind.FFN_RESIDUAL))));
    }
    return sites;
  }

  /** Whether a LayerNorm makes the activation; else a linear layer does. */
  boolean afterLayerNorm() {
    return producer.endsWith("LayerNorm");
  }

  /** Names of all parameters that a transform changes, each once. */
  List<String> parameters() {
    final List<String> names = new ArrayList<>();
    names.add(producer + ".weight");
    names.add(producer + ".bias");
    consumers.forEach(
        consumer -> {
          names.add(consumer + ".weight");
          names.add(consumer + ".bias");
        });
    return names;
  }
}
