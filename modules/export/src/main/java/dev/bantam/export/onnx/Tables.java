package dev.bantam.export.onnx;

import dev.bantam.checkpoint.EncoderParameters;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.GroupedTensor.Zero;
import dev.bantam.compression.Groups;
import java.util.List;
import java.util.function.BinaryOperator;

/**
 * Reads rows of the embedding tables. A quantized table stays int8 in the file and in memory: only
 * the rows that are read become float32. Standard operators do it, so that runtimes of any age open
 * the file.
 */
final class Tables {
  private final GraphBuilder graph;
  private final StoredWeights weights;
  private final OnnxFormat format;

  Tables(GraphBuilder graph, StoredWeights weights, OnnxFormat format) {
    this.graph = graph;
    this.weights = weights;
    this.format = format;
  }

  /** Whether a weight is a table of embeddings or stands beside them, and not a matrix. */
  static boolean isTable(String name) {
    return name.startsWith("embeddings.") && !name.startsWith(EncoderParameters.PROJECTION);
  }

  /**
   * The rows that {@code indices} name, {@code [..., d]}.
   *
   * @param rank dimensions of the indices
   */
  String gather(String module, String indices, int rank) {
    return rows(
        module,
        rank,
        (table, part) -> graph.node("Gather", part + "/Gather", List.of(table, indices)));
  }

  /** The first rows, {@code [length, d]}. */
  String first(String module, String length) {
    final String start = graph.longs("constant.start", 0);
    return rows(
        module,
        1,
        (table, part) ->
            graph.node("Slice", part + "/Slice", List.of(table, start, length, start)));
  }

  /**
   * @param leading dimensions of what is read before the last
   * @param read gives the rows of a stored table; its second argument starts the names of nodes
   */
  private String rows(String module, int leading, BinaryOperator<String> read) {
    final String name = module + ".weight";
    final CompressedTensor weight = weights.get(name);
    final String path = Linears.path(module);
    if (!(weight instanceof GroupedTensor table) || format == OnnxFormat.FLOAT) {
      return read.apply(graph.floats(name, weights.floats(name), weights.shape(name)), path);
    }
    return quantized(name, table, path, leading, read);
  }

  private String quantized(
      String name, GroupedTensor table, String path, int leading, BinaryOperator<String> read) {
    final Groups groups = table.groups();
    final String codes =
        read.apply(
            graph.int8(name + "_quantized", table.codes(), groups.rows(), groups.columns()), path);
    String value = cast(codes, path + "/Cast");
    final boolean split = groups.across() > 1;
    if (split) {
      value = reshape(value, path + "/Groups", leading, groups.across(), groups.width());
    }
    if (table.zero() == Zero.INTEGER) {
      final String zeros =
          read.apply(
              graph.int8(name + "_zero_point", table.zeroPoints(), groups.rows(), groups.across()),
              path + "/zero_point");
      value =
          graph.node(
              "Sub",
              path + "/Sub",
              List.of(
                  value, perGroup(cast(zeros, path + "/zero_point/Cast"), split, path + "/zeros")));
    }
    final String scales =
        read.apply(
            graph.floats(name + "_scale", table.scales(), groups.rows(), groups.across()),
            path + "/scale");
    value =
        graph.node("Mul", path + "/Mul", List.of(value, perGroup(scales, split, path + "/scales")));
    return split ? reshape(value, path + "/Rows", leading, groups.columns()) : value;
  }

  private String cast(String value, String node) {
    return graph.node("Cast", node, List.of(value), GraphBuilder.integer("to", OnnxTypes.FLOAT));
  }

  /** Numbers of groups [..., groups] beside elements [..., groups, width]. */
  private String perGroup(String value, boolean split, String node) {
    return split
        ? graph.node(
            "Unsqueeze", node + "/Unsqueeze", List.of(value, graph.longs("constant.last", -1)))
        : value;
  }

  /** Another shape behind the leading dimensions, which stay. */
  private String reshape(String value, String node, int leading, long... last) {
    final long[] shape = new long[leading + last.length]; // 0 takes over a dimension
    System.arraycopy(last, 0, shape, leading, last.length);
    return graph.node("Reshape", node, List.of(value, graph.longs(node + "/shape", shape)));
  }
}
