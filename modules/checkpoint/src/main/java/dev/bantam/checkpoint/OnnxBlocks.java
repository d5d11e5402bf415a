package dev.bantam.checkpoint;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import onnx.Onnx;

/**
 * The building blocks of an encoder in a graph, whatever their nodes and tensors are called:
 * products with stored matrices, LayerNorms, and tables that rows are taken from.
 */
final class OnnxBlocks {
  /**
   * A product with a stored matrix, and the bias that is added to it.
   *
   * @param node the MatMul or Gemm
   * @param weight its matrix
   * @param bias its bias, if a stored vector is added
   * @param biasName what the graph calls the bias, empty if nothing is added
   * @param names what the file calls the product and its tensors, in the order of how far they are
   *     to be trusted
   * @param input the value that is multiplied, behind changes of shape
   * @param output the value with the bias
   */
  record Linear(
      Onnx.NodeProto node,
      OnnxWeight weight,
      Optional<OnnxTensor> bias,
      String biasName,
      List<String> names,
      String input,
      String output) {}

  /**
   * A LayerNorm, as one node or taken apart.
   *
   * @param weight factor of each column
   * @param bias added to each column
   * @param epsilon added to the variance
   * @param input the value that is normalised
   * @param output the result
   */
  record Norm(OnnxTensor weight, OnnxTensor bias, double epsilon, String input, String output) {}

  /**
   * Rows of a stored table.
   *
   * @param names what the file calls the table and the node
   * @param index the value that says which rows
   * @param output the rows
   */
  record Lookup(OnnxTensor table, List<String> names, String index, String output) {}

  /** A stored tensor behind a value, and whether an odd number of transposes lies between. */
  private record Stored(OnnxTensor tensor, boolean flipped) {}

  private final OnnxGraph graph;
  private final List<Linear> linears = new ArrayList<>();
  private final List<Norm> norms = new ArrayList<>();
  private final List<Lookup> lookups = new ArrayList<>();

  OnnxBlocks(OnnxGraph graph, Problems problems) {
    this.graph = graph;
    for (final Onnx.NodeProto node : graph.nodes()) {
      switch (node.getOutputCount() == 0 ? "" : node.getOpType()) {
        case "MatMul" -> matMul(node);
        case "Gemm" -> gemm(node, problems);
        case "LayerNormalization" -> layerNormalization(node);
        case "Sqrt" -> takenApart(node);
        case "Gather" -> gather(node);
        case "Slice" -> firstRows(node);
        default -> {
          // of no interest by itself
        }
      }
    }
  }

  List<Linear> linears() {
    return linears;
  }

  List<Norm> norms() {
    return norms;
  }

  List<Lookup> lookups() {
    return lookups;
  }

  private void matMul(Onnx.NodeProto node) {
    final Optional<Stored> matrix = input(node, 1).flatMap(this::stored);
    if (matrix.isEmpty() || matrix.get().tensor.shape().length != 2) {
      return;
    }
    String output = node.getOutput(0);
    String biasName = "";
    for (final Onnx.NodeProto user : graph.users(output)) {
      final Optional<String> other = otherOperand(user, "Add", output);
      // what nothing gives was meant to be stored
      if (other.isPresent() && (isVector(other.get()) || isMissing(other.get()))) {
        biasName = other.get();
        output = user.getOutput(0);
        break;
      }
    }
    add(node, new OnnxWeight(matrix.get().tensor, !matrix.get().flipped), biasName, output);
  }

  private void gemm(Onnx.NodeProto node, Problems problems) {
    final Optional<Stored> matrix = input(node, 1).flatMap(this::stored);
    if (matrix.isEmpty() || matrix.get().tensor.shape().length != 2) {
      return;
    }
    final boolean plain =
        number(node, "alpha", 1) == 1
            && number(node, "beta", 1) == 1
            && number(node, "transA", 0) == 0;
    if (!plain) {
      problems.add("the Gemm '" + node.getName() + "' scales or transposes its input");
    }
    final boolean outIn = number(node, "transB", 0) != 0 ^ matrix.get().flipped;
    add(
        node,
        new OnnxWeight(matrix.get().tensor, !outIn),
        input(node, 2).orElse(""),
        node.getOutput(0));
  }

  private void add(Onnx.NodeProto node, OnnxWeight weight, String biasName, String output) {
    final Set<String> names = new LinkedHashSet<>();
    graph.aliases(node.getInput(1)).stream().map(OnnxBlocks::withoutEnding).forEach(names::add);
    names.add(withoutEnding(weight.tensor().name()));
    names.add(nodeRule(node));
    if (!biasName.isEmpty()) {
      graph.aliases(biasName).stream().map(OnnxBlocks::withoutEnding).forEach(names::add);
    }
    linears.add(
        new Linear(
            node,
            weight,
            biasName.isEmpty() ? Optional.empty() : vector(biasName),
            biasName,
            List.copyOf(names),
            graph.source(node.getInput(0)),
            output));
  }

  private void layerNormalization(Onnx.NodeProto node) {
    final Optional<OnnxTensor> weight = input(node, 1).flatMap(this::vector);
    final Optional<OnnxTensor> bias = input(node, 2).flatMap(this::vector);
    if (weight.isPresent() && bias.isPresent()) {
      final float epsilon =
          OnnxGraph.attribute(node, "epsilon").map(Onnx.AttributeProto::getF).orElse(1e-5f);
      norms.add(new Norm(weight.get(), bias.get(), epsilon, node.getInput(0), node.getOutput(0)));
    }
  }

  /** sqrt(variance + eps), which something minus its mean is divided by. */
  private void takenApart(Onnx.NodeProto sqrt) {
    final Optional<Double> epsilon = input(sqrt, 0).flatMap(this::addedToVariance);
    if (epsilon.isEmpty()) {
      return;
    }
    for (final Onnx.NodeProto div : graph.users(sqrt.getOutput(0))) {
      final Optional<Onnx.NodeProto> centred =
          div.getOpType().equals("Div")
              ? input(div, 0).map(graph::origin).flatMap(graph::producer)
              : Optional.empty();
      if (centred.isPresent() && centred.get().getOpType().equals("Sub")) {
        scaledAndShifted(centred.get().getInput(0), div.getOutput(0), epsilon.get());
      }
    }
  }

  private Optional<Double> addedToVariance(String value) {
    final Optional<Onnx.NodeProto> add = graph.producer(graph.origin(value));
    if (add.isEmpty() || !add.get().getOpType().equals("Add")) {
      return Optional.empty();
    }
    for (final String operand : add.get().getInputList()) {
      final Optional<Double> constant =
          graph.smallValue(operand).filter(v -> v.length == 1).map(v -> v[0]);
      final boolean overMean =
          otherOperand(add.get(), "Add", operand)
              .map(graph::origin)
              .flatMap(graph::producer)
              .filter(n -> n.getOpType().equals("ReduceMean"))
              .isPresent();
      if (constant.isPresent() && overMean) {
        return constant;
      }
    }
    return Optional.empty();
  }

  private void scaledAndShifted(String input, String scaled, double epsilon) {
    for (final Onnx.NodeProto mul : graph.users(scaled)) {
      final Optional<OnnxTensor> weight = otherOperand(mul, "Mul", scaled).flatMap(this::vector);
      for (final Onnx.NodeProto add :
          weight.isPresent() ? graph.users(mul.getOutput(0)) : List.<Onnx.NodeProto>of()) {
        final Optional<OnnxTensor> bias =
            otherOperand(add, "Add", mul.getOutput(0)).flatMap(this::vector);
        bias.ifPresent(b -> norms.add(new Norm(weight.get(), b, epsilon, input, add.getOutput(0))));
      }
    }
  }

  private void gather(Onnx.NodeProto node) {
    if (node.getInputCount() == 2 && number(node, "axis", 0) == 0) {
      lookup(node, node.getInput(1));
    }
  }

  /** Rows from the first on, up to a number known when the graph runs. */
  private void firstRows(Onnx.NodeProto node) {
    final boolean rows =
        node.getInputCount() == 4
            && isZero(node.getInput(1))
            && isZero(node.getInput(3))
            && graph.smallValue(node.getInput(2)).isEmpty();
    if (rows) {
      lookup(node, node.getInput(2));
    }
  }

  private boolean isZero(String value) {
    return graph.smallValue(value).filter(v -> v.length == 1 && v[0] == 0).isPresent();
  }

  private void lookup(Onnx.NodeProto node, String index) {
    final Optional<Stored> table = input(node, 0).flatMap(this::stored);
    if (table.isPresent()
        && !table.get().flipped
        && table.get().tensor.isFloat()
        && table.get().tensor.shape().length == 2) {
      final List<String> names = new ArrayList<>();
      graph.aliases(node.getInput(0)).stream().map(OnnxBlocks::withoutEnding).forEach(names::add);
      names.add(nodeRule(node));
      lookups.add(new Lookup(table.get().tensor, names, index, node.getOutput(0)));
    }
  }

  /** {@code /encoder/layer.0/output/dense/MatMul} as {@code encoder.layer.0.output.dense}. */
  private static String nodeRule(Onnx.NodeProto node) {
    final String name = node.getName().startsWith("/") ? node.getName().substring(1) : "";
    return name.substring(0, Math.max(0, name.lastIndexOf('/'))).replace('/', '.');
  }

  private static String withoutEnding(String name) {
    for (final String ending : List.of(".weight", ".bias")) {
      if (name.endsWith(ending)) {
        return name.substring(0, name.length() - ending.length());
      }
    }
    return name;
  }

  /** The other operand of a node of two if one of them is the value, under any of its names. */
  Optional<String> otherOperand(Onnx.NodeProto node, String operator, String value) {
    if (!node.getOpType().equals(operator)
        || node.getInputCount() != 2
        || node.getOutputCount() == 0) {
      return Optional.empty();
    }
    final String origin = graph.origin(value);
    if (graph.origin(node.getInput(0)).equals(origin)) {
      return Optional.of(node.getInput(1));
    }
    return graph.origin(node.getInput(1)).equals(origin)
        ? Optional.of(node.getInput(0))
        : Optional.empty();
  }

  private static Optional<String> input(Onnx.NodeProto node, int at) {
    return at < node.getInputCount() && !node.getInput(at).isEmpty()
        ? Optional.of(node.getInput(at))
        : Optional.empty();
  }

  private static double number(Onnx.NodeProto node, String attribute, double otherwise) {
    final Optional<Onnx.AttributeProto> found = OnnxGraph.attribute(node, attribute);
    if (found.isEmpty()) {
      return otherwise;
    }
    return found.get().getType() == Onnx.AttributeProto.AttributeType.FLOAT
        ? found.get().getF()
        : found.get().getI();
  }

  private boolean isMissing(String value) {
    final String origin = graph.origin(value);
    return graph.producer(origin).isEmpty()
        && !graph.tensors().containsKey(origin)
        && !graph.inputs().contains(origin);
  }

  private boolean isVector(String value) {
    return vector(value).isPresent();
  }

  private Optional<OnnxTensor> vector(String value) {
    return stored(value).map(Stored::tensor).filter(t -> t.shape().length == 1);
  }

  private Optional<Stored> stored(String value) {
    String at = value;
    boolean flipped = false;
    for (int steps = 0; steps < graph.nodes().size() + 1; steps++) {
      at = graph.origin(at);
      final OnnxTensor tensor = graph.tensors().get(at);
      if (tensor != null) {
        return Optional.of(new Stored(tensor, flipped));
      }
      final Optional<Onnx.NodeProto> node = graph.producer(at);
      if (node.isEmpty()
          || !node.get().getOpType().equals("Transpose")
          || node.get().getInputCount() != 1) {
        return Optional.empty();
      }
      final List<Long> perm =
          OnnxGraph.attribute(node.get(), "perm")
              .map(Onnx.AttributeProto::getIntsList)
              .orElse(List.of(1L, 0L));
      if (!perm.equals(List.of(0L, 1L))) {
        if (!perm.equals(List.of(1L, 0L))) {
          return Optional.empty();
        }
        flipped = !flipped;
      }
      at = node.get().getInput(0);
    }
    return Optional.empty();
  }
}
