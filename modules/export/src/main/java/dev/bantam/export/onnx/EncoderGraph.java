package dev.bantam.export.onnx;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Architecture.RelativeBias;
import dev.bantam.checkpoint.EncoderParameters;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.Signature;
import dev.bantam.model.Site.Kind;
import java.util.List;

/**
 * Writes the forward pass of an encoder, node by node, with the names that PyTorch's exporter gives
 * them. B is the batch, T the padded length, d the hidden size, all but d known when it runs.
 */
final class EncoderGraph {
  private static final float LOWEST = -Float.MAX_VALUE;

  private final GraphBuilder graph;
  private final StoredWeights weights;
  private final Architecture architecture;
  private final Signature signature;
  private final SiteMaps maps;
  private final Linears linears;
  private final Tables tables;

  EncoderGraph(
      GraphBuilder graph,
      StoredWeights weights,
      Architecture architecture,
      Signature signature,
      OnnxFormat format,
      SiteMaps maps) {
    this.graph = graph;
    this.weights = weights;
    this.architecture = architecture;
    this.signature = signature;
    this.maps = maps;
    this.linears = new Linears(graph, weights, format, maps);
    this.tables = new Tables(graph, weights, format);
  }

  /** Whether a node of the domain {@code com.microsoft} was written. */
  boolean usesMicrosoft() {
    return linears.usesMicrosoft();
  }

  /** From token ids to the last hidden states, [B, T, d]. */
  String lastHiddenStates() {
    graph.input(signature.inputIds());
    graph.input(signature.attentionMask());
    signature.tokenTypeIds().ifPresent(graph::input);
    String x = embeddings();
    String mask = additiveMask();
    if (architecture.relativeBias().isPresent()) {
      mask = graph.node("Add", "/mask/Add", List.of(mask, relativeBias()));
    }
    final List<Integer> weightsOf = architecture.layerWeights();
    for (int i = 0; i < weightsOf.size(); i++) {
      final int number = weightsOf.get(i);
      // nodes have the names of their weights, so layers with the same weights are set apart
      graph.scope(weightsOf.indexOf(number) == i ? "" : "/again." + i);
      x = layer(i, number, x, mask);
    }
    graph.scope("");
    return x;
  }

  private String embeddings() {
    final String words = tables.gather("embeddings.word_embeddings", signature.inputIds(), 2);
    final boolean typed = architecture.tokenTypes() > 0;
    final String types = typed ? tokenTypes() : "";
    final String positions = positions();
    final String sum = typed ? graph.node("Add", "/embeddings/Add", List.of(words, types)) : words;
    final String all = graph.node("Add", "/embeddings/Add_1", List.of(sum, positions));
    final int width = architecture.embeddings().width();
    graph.shaped(all, "batch", "sequence", width); // lets residuals be fused
    final String normalized = norm(all, "embeddings.LayerNorm");
    return architecture.embeddings().projected()
        ? linears.apply(normalized, EncoderParameters.PROJECTION)
        : normalized;
  }

  private String tokenTypes() {
    final String table = "embeddings.token_type_embeddings";
    return signature.tokenTypeIds().isPresent()
        ? tables.gather(table, signature.tokenTypeIds().get(), 2)
        : tables.gather(table, graph.index("constant.type", 0), 0);
  }

  private String positions() {
    final String table = "embeddings.position_embeddings";
    return switch (architecture.positionScheme()) {
      case LEARNED -> tables.first(table, length());
      case LEARNED_AFTER_PADDING -> tables.gather(table, behindPadding(), 2);
    };
  }

  /** Padded length, [1]. */
  private String length() {
    final String shape = graph.node("Shape", "/embeddings/Shape", List.of(signature.inputIds()));
    return graph.node(
        "Slice",
        "/embeddings/Slice",
        List.of(shape, graph.longs("constant.one", 1), graph.longs("constant.two", 2)));
  }

  /** {@code cumsum(ids != p) (ids != p) + p}, [B, T]; counted in float, exact far enough. */
  private String behindPadding() {
    final int pad = architecture.padTokenId();
    final String path = "/embeddings/positions/";
    final String padding =
        graph.node(
            "Equal",
            path + "Equal",
            List.of(signature.inputIds(), graph.index("constant.padding", pad)));
    final String visible =
        cast(graph.node("Not", path + "Not", List.of(padding)), path + "Cast", OnnxTypes.FLOAT);
    final String count =
        graph.node("CumSum", path + "CumSum", List.of(visible, graph.index("constant.axis", 1)));
    final String counted = graph.node("Mul", path + "Mul", List.of(count, visible));
    final String moved =
        graph.node(
            "Add", path + "Add", List.of(counted, graph.scalar("constant.offset", (float) pad)));
    return cast(moved, path + "Cast_1", OnnxTypes.INT64);
  }

  private String cast(String x, String node, int type) {
    return graph.node("Cast", node, List.of(x), GraphBuilder.integer("to", type));
  }

  /**
   * The bias of each pair of positions, [heads, T, T]: from the table written out for all distances
   * up to the one from which on all are alike.
   */
  private String relativeBias() {
    final RelativeBias bias = architecture.relativeBias().orElseThrow();
    final int farthest = bias.farthest();
    final float[] table = weights.floats(EncoderParameters.RELATIVE_BIAS);
    final int heads = table.length / bias.buckets();
    final float[] byDistance = new float[(2 * farthest + 1) * heads];
    for (int r = -farthest; r <= farthest; r++) {
      System.arraycopy(table, bias.bucket(r) * heads, byDistance, (r + farthest) * heads, heads);
    }
    final float[] places = new float[architecture.positions()];
    for (int i = 0; i < places.length; i++) {
      places[i] = i;
    }
    final String path = "/encoder/relative_attention_bias/";
    final String start = graph.longs("constant.start", 0);
    final String key =
        graph.node(
            "Slice",
            path + "Slice",
            List.of(
                graph.floats("constant.places", places, places.length), start, length(), start));
    final String query =
        graph.node("Unsqueeze", path + "Unsqueeze", List.of(key, graph.longs("constant.last", -1)));
    final String distance = graph.node("Sub", path + "Sub", List.of(key, query));
    final String near =
        graph.node(
            "Min",
            path + "Min",
            List.of(distance, graph.scalar("constant.farthest", (float) farthest)));
    final String within =
        graph.node(
            "Max",
            path + "Max",
            List.of(near, graph.scalar("constant.farthest.back", (float) -farthest)));
    final String row =
        graph.node(
            "Add",
            path + "Add",
            List.of(within, graph.scalar("constant.farthest", (float) farthest)));
    final String rows =
        graph.node(
            "Gather",
            path + "Gather",
            List.of(
                graph.floats(
                    EncoderParameters.RELATIVE_BIAS + ".by_distance",
                    byDistance,
                    2L * farthest + 1,
                    heads),
                cast(row, path + "Cast", OnnxTypes.INT64)));
    return graph.node(
        "Transpose", path + "Transpose", List.of(rows), GraphBuilder.integers("perm", 2, 0, 1));
  }

  /** 0 where a token is visible and the lowest float where it is padding, [B, 1, 1, T]. */
  private String additiveMask() {
    final String wide =
        graph.node(
            "Unsqueeze",
            "/mask/Unsqueeze",
            List.of(signature.attentionMask(), graph.longs("constant.axes", 1, 2)));
    final String visible =
        graph.node(
            "Cast", "/mask/Cast", List.of(wide), GraphBuilder.integer("to", OnnxTypes.FLOAT));
    final String hidden =
        graph.node("Sub", "/mask/Sub", List.of(graph.scalar("constant.1", 1f), visible));
    return graph.node("Mul", "/mask/Mul", List.of(hidden, graph.scalar("constant.lowest", LOWEST)));
  }

  /**
   * @param number of the layer's weights
   */
  private String layer(int i, int number, String x, String mask) {
    final String prefix = "encoder.layer." + number + ".";
    final int heads = architecture.layers().get(i).heads();
    final String context = attention(i, prefix + "attention.self", heads, x, mask);
    final String attended =
        linear(i, Kind.ATTENTION_CONTEXT, context, prefix + "attention.output.dense");
    final String past = maps.apply(i, Kind.ATTENTION_RESIDUAL, x);
    final String y =
        norm(
            residual(attended, past, prefix + "attention.output"),
            prefix + "attention.output.LayerNorm");
    final String hidden =
        activation(
            linear(i, Kind.FFN_INPUT, y, prefix + "intermediate.dense"),
            Linears.path(prefix + "intermediate.intermediate_act_fn"),
            architecture.activation());
    final String fed = linear(i, Kind.FFN_HIDDEN, hidden, prefix + "output.dense");
    final String middle = maps.apply(i, Kind.FFN_RESIDUAL, y);
    return norm(residual(fed, middle, prefix + "output"), prefix + "output.LayerNorm");
  }

  /** A linear layer on the values of a site. */
  private String linear(int layer, Kind site, String x, String module) {
    return linears.apply(maps.apply(layer, site, x), maps.roundAt(layer, site), module);
  }

  private String residual(String branch, String x, String module) {
    return graph.node("Add", Linears.path(module) + "/Add", List.of(branch, x));
  }

  private String norm(String x, String module) {
    final String weight = module + ".weight";
    final String bias = module + ".bias";
    return graph.node(
        "LayerNormalization",
        Linears.path(module) + "/LayerNormalization",
        List.of(
            x,
            graph.floats(weight, weights.floats(weight), weights.shape(weight)),
            graph.floats(bias, weights.floats(bias), weights.shape(bias))),
        GraphBuilder.integer("axis", -1),
        GraphBuilder.real("epsilon", (float) architecture.layerNormEps()));
  }

  /** softmax(q k^T / sqrt(h) + mask) v, heads side by side: [B, T, heads h]. */
  private String attention(int layer, String module, int heads, String x, String mask) {
    final String path = Linears.path(module);
    final int size = architecture.headSize();
    final List<String> qkv = queriesKeysValues(layer, module, x, heads);
    final String scores =
        graph.node(
            "MatMul",
            path + "/MatMul",
            List.of(
                maps.apply(layer, Kind.ATTENTION_QUERY, qkv.get(0)),
                maps.apply(layer, Kind.ATTENTION_KEY, qkv.get(1))));
    final String scaled =
        graph.node(
            "Div",
            path + "/Div",
            List.of(scores, graph.scalar("constant.sqrt." + size, (float) Math.sqrt(size))));
    final String masked = graph.node("Add", path + "/Add", List.of(scaled, mask));
    final String probabilities =
        graph.node("Softmax", path + "/Softmax", List.of(masked), GraphBuilder.integer("axis", -1));
    final String context =
        graph.node(
            "MatMul",
            path + "/MatMul_1",
            List.of(
                maps.apply(layer, Kind.ATTENTION_PROBABILITIES, probabilities),
                maps.apply(layer, Kind.ATTENTION_VALUE, qkv.get(2))));
    final String turned =
        graph.node(
            "Transpose",
            path + "/Transpose_context",
            List.of(context),
            GraphBuilder.integers("perm", 0, 2, 1, 3));
    final long width = (long) heads * size;
    return graph.node(
        "Reshape",
        path + "/Reshape_context",
        List.of(turned, graph.longs("constant.width." + width, 0, 0, width)));
  }

  /** q [B, heads, T, h], k [B, heads, h, T] and v [B, heads, T, h]. */
  private List<String> queriesKeysValues(int layer, String module, String x, int heads) {
    final String input = maps.apply(layer, Kind.ATTENTION_INPUT, x);
    final boolean rounded = maps.roundAt(layer, Kind.ATTENTION_INPUT);
    final List<String> modules = List.of(module + ".query", module + ".key", module + ".value");
    final int size = architecture.headSize();
    final String path = Linears.path(module) + "/";
    if (!linears.canJoin(modules, rounded)) {
      final List<String> qkv = linears.apply(input, rounded, modules);
      final String split = headShape(heads, size);
      return List.of(
          perHead(qkv.get(0), split, path, "_query", 0, 2, 1, 3),
          perHead(qkv.get(1), split, path, "_key", 0, 2, 3, 1),
          perHead(qkv.get(2), split, path, "_value", 0, 2, 1, 3));
    }
    final String joined =
        perHead(
            linears.joined(input, rounded, module + ".qkv", modules),
            headShape(3 * heads, size),
            path,
            "_qkv",
            0,
            2,
            1,
            3);
    final List<String> qkv =
        graph.outputs(
            "",
            "Split",
            path + "Split",
            List.of(joined, graph.longs("constant.thirds." + heads, heads, heads, heads)),
            3,
            GraphBuilder.integer("axis", 1));
    final String turned =
        graph.node(
            "Transpose",
            path + "Transpose_key",
            List.of(qkv.get(1)),
            GraphBuilder.integers("perm", 0, 1, 3, 2));
    return List.of(qkv.get(0), turned, qkv.get(2));
  }

  private String headShape(int heads, int size) {
    return graph.longs("constant.heads." + heads + "x" + size, 0, 0, heads, size);
  }

  private String perHead(String x, String split, String path, String suffix, long... order) {
    final String cut = graph.node("Reshape", path + "Reshape" + suffix, List.of(x, split));
    return graph.node(
        "Transpose",
        path + "Transpose" + suffix,
        List.of(cut),
        GraphBuilder.integers("perm", order));
  }

  private String activation(String x, String path, Activation activation) {
    return switch (activation) {
      case RELU -> graph.node("Relu", path + "/Relu", List.of(x));
      case GELU_ERF -> {
        final String scaled =
            graph.node(
                "Div",
                path + "/Div",
                List.of(x, graph.scalar("constant.sqrt2", (float) Math.sqrt(2))));
        final String erf = graph.node("Erf", path + "/Erf", List.of(scaled));
        yield halved(x, erf, path);
      }
      case GELU_TANH -> {
        final String square = graph.node("Mul", path + "/Square", List.of(x, x));
        final String cube = graph.node("Mul", path + "/Cube", List.of(square, x));
        final String small =
            graph.node(
                "Mul",
                path + "/Scaled",
                List.of(cube, graph.scalar("constant.gelu.cubic", 0.044715f)));
        final String inner = graph.node("Add", path + "/Inner", List.of(x, small));
        final String argument =
            graph.node(
                "Mul",
                path + "/Argument",
                List.of(
                    inner, graph.scalar("constant.gelu.scale", (float) Math.sqrt(2 / Math.PI))));
        yield halved(x, graph.node("Tanh", path + "/Tanh", List.of(argument)), path);
      }
    };
  }

  /** x (1 + y) / 2. */
  private String halved(String x, String y, String path) {
    final String sum = graph.node("Add", path + "/Add", List.of(y, graph.scalar("constant.1", 1f)));
    final String product = graph.node("Mul", path + "/Mul", List.of(x, sum));
    return graph.node(
        "Mul", path + "/Mul_1", List.of(product, graph.scalar("constant.half", 0.5f)));
  }

  /** One vector a text, [B, d]. */
  String pooled(String hidden, Pooling pooling) {
    if (pooling == Pooling.MEAN) {
      return mean(hidden);
    }
    final String first =
        graph.node(
            "Gather",
            "/pooling/Gather",
            List.of(hidden, graph.index("constant.first", 0)),
            GraphBuilder.integer("axis", 1));
    if (pooling == Pooling.CLS) {
      return first;
    }
    final String dense = linears.apply(first, "pooler.dense");
    return switch (architecture.poolerActivation()) {
      case TANH -> graph.node("Tanh", "/pooler/Tanh", List.of(dense));
      case GELU -> activation(dense, "/pooler/activation", Activation.GELU_ERF);
      case RELU -> activation(dense, "/pooler/activation", Activation.RELU);
    };
  }

  /** The mean over visible tokens. */
  private String mean(String hidden) {
    final String mask =
        graph.node(
            "Unsqueeze",
            "/pooling/Unsqueeze",
            List.of(signature.attentionMask(), graph.longs("constant.last", -1)));
    final String visible =
        graph.node(
            "Cast", "/pooling/Cast", List.of(mask), GraphBuilder.integer("to", OnnxTypes.FLOAT));
    final String kept = graph.node("Mul", "/pooling/Mul", List.of(hidden, visible));
    final String sum = overTokens(kept, "/pooling/ReduceSum");
    final String count = overTokens(visible, "/pooling/ReduceSum_1");
    final String divisor =
        graph.node("Max", "/pooling/Max", List.of(count, graph.scalar("constant.few", 1e-9f)));
    return graph.node("Div", "/pooling/Div", List.of(sum, divisor));
  }

  private String overTokens(String x, String node) {
    return graph.node(
        "ReduceSum",
        node,
        List.of(x, graph.longs("constant.one", 1)),
        GraphBuilder.integer("keepdims", 0));
  }

  /** Vectors of unit length. */
  String normalized(String vectors) {
    final String length =
        graph.node(
            "ReduceL2",
            "/normalize/ReduceL2",
            List.of(vectors),
            GraphBuilder.integers("axes", -1),
            GraphBuilder.integer("keepdims", 1));
    final String divisor =
        graph.node(
            "Max", "/normalize/Max", List.of(length, graph.scalar("constant.short", 1e-12f)));
    return graph.node("Div", "/normalize/Div", List.of(vectors, divisor));
  }

  /** The classifier on pooled vectors, [B, classes], or on tokens, [B, L, classes]. */
  String logits(String vectors) {
    return linears.apply(vectors, "classifier");
  }
}
