package dev.bantam.export.onnx;

import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Operations;
import dev.bantam.compression.SiteMap;
import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What a model does at the sites of its layers, beside multiplying with weights.
 *
 * <p>Rounding to codes becomes {@code QuantizeLinear} to uint8 and {@code DequantizeLinear}; signed
 * codes are moved up by 128. Codes that do not fill the 8 bits are cut before, by {@code Clip}.
 */
final class SiteMaps {
  /** Where a residual joins: all that the graph can shift and scale. */
  private static final Set<Kind> RESIDUALS = EnumSet.of(Kind.ATTENTION_RESIDUAL, Kind.FFN_RESIDUAL);

  /** The inputs of matrix products: all that the graph can round. */
  private static final Set<Kind> PRODUCT_INPUTS =
      EnumSet.of(
          Kind.ATTENTION_INPUT,
          Kind.ATTENTION_QUERY,
          Kind.ATTENTION_KEY,
          Kind.ATTENTION_VALUE,
          Kind.ATTENTION_PROBABILITIES,
          Kind.ATTENTION_CONTEXT,
          Kind.FFN_INPUT,
          Kind.FFN_HIDDEN);

  private static final int MIDDLE = 128;
  private static final int TOP = 255;

  private final Map<String, SiteMap> maps;
  private final GraphBuilder graph;

  private SiteMaps(Map<String, SiteMap> maps, GraphBuilder graph) {
    this.maps = maps;
    this.graph = graph;
  }

  /**
   * The maps of a model.
   *
   * @param layers number of layers
   * @throws BantamException (usage) naming each operation that the format or the graph cannot hold
   */
  static SiteMaps of(CompressedModel model, OnnxFormat format, int layers, GraphBuilder graph) {
    final Map<String, SiteMap> maps = new TreeMap<>();
    final Set<String> strangers = new TreeSet<>();
    model
        .operations()
        .forEach(
            (place, stored) -> {
              final Operation operation = Operations.decode(stored);
              if (format.holds(operation.effect())
                  && places(operation.effect(), layers).contains(place)) {
                maps.put(place, operation.siteMap().orElseThrow());
              } else {
                strangers.add("'" + stored.kind() + "' at " + place);
              }
            });
    if (!strangers.isEmpty()) {
      throw new BantamException(
          ExitCode.USAGE,
          "The model has operations beside its weights that "
              + format.id()
              + " does not hold: "
              + String.join(", ", strangers)
              + ". Without them it would give other outputs. Every ONNX format holds affine maps of"
              + " residuals, and onnx-int8 rounding with one fixed range at the inputs of matrix"
              + " products. Export packed safetensors, or the model without the steps that added"
              + " them.");
    }
    return new SiteMaps(maps, graph);
  }

  private static Set<String> places(Operation.Effect effect, int layers) {
    final Set<Kind> kinds =
        switch (effect) {
          case AFFINE -> RESIDUALS;
          case FIXED_ROUNDING -> PRODUCT_INPUTS;
          case OTHER -> EnumSet.noneOf(Kind.class);
        };
    final Set<String> places = new TreeSet<>();
    for (int i = 0; i < layers; i++) {
      for (Kind kind : kinds) {
        places.add(new Site(i, kind).toString());
      }
    }
    return places;
  }

  /** Whether anything is rounded at all. */
  boolean round() {
    return maps.values().stream().anyMatch(SiteMap.Rounded.class::isInstance);
  }

  /** Whether the values of a site are rounded. */
  boolean roundAt(int layer, Kind kind) {
    return maps.get(new Site(layer, kind).toString()) instanceof SiteMap.Rounded;
  }

  /** The values of a site behind its map; as they are if it has none. */
  String apply(int layer, Kind kind, String x) {
    final String site = new Site(layer, kind).toString();
    final SiteMap map = maps.get(site);
    if (map instanceof SiteMap.Affine affine) {
      return affine(site, affine, x);
    }
    return map instanceof SiteMap.Rounded rounded ? rounded(site, rounded, x) : x;
  }

  private String affine(String site, SiteMap.Affine map, String x) {
    final String path = Linears.path(site);
    final String scaled =
        graph.node(
            "Mul",
            path + "/Mul",
            List.of(x, graph.floats(site + "_scale", map.scale(), map.scale().length)));
    return graph.node(
        "Add",
        path + "/Add",
        List.of(scaled, graph.floats(site + "_shift", map.shift(), map.shift().length)));
  }

  private String rounded(String site, SiteMap.Rounded map, String x) {
    final String path = Linears.path(site);
    final int move = map.low() < 0 ? MIDDLE : 0;
    final String scale = graph.scalar(site + "_scale", map.scale());
    final String zero =
        graph.uint8(site + "_zero_point", new byte[] {(byte) (map.zeroPoint() + move)});
    final boolean full = map.low() + move == 0 && map.high() + move == TOP;
    final String within =
        full
            ? x
            : graph.node(
                "Clip",
                path + "/Clip",
                List.of(
                    x,
                    graph.scalar(site + "_low", (map.low() - map.zeroPoint()) * map.scale()),
                    graph.scalar(site + "_high", (map.high() - map.zeroPoint()) * map.scale())));
    final String codes =
        graph.node("QuantizeLinear", path + "/QuantizeLinear", List.of(within, scale, zero));
    return graph.node("DequantizeLinear", path + "/DequantizeLinear", List.of(codes, scale, zero));
  }
}
