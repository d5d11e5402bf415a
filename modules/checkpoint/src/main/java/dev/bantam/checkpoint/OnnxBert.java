package dev.bantam.checkpoint;

import dev.bantam.checkpoint.OnnxBlocks.Linear;
import dev.bantam.checkpoint.OnnxBlocks.Lookup;
import dev.bantam.checkpoint.OnnxBlocks.Norm;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import onnx.Onnx;

/**
 * Recognises a BERT in a graph by following its values: the sum of three tables, and layer by layer
 * what is multiplied with what. Exporters agree on the computation and differ in everything else:
 * matrices lose their names, nodes carry the module's name or a number, and equal vectors are
 * stored once under the name of one of them. Only tables and what stands on the last layer are
 * known by name.
 *
 * <p>What it finds is complete or among the problems.
 */
final class OnnxBert {
  private static final Set<String> SPLITTING =
      Set.of(
          "Identity",
          "Cast",
          "Dropout",
          "Reshape",
          "Transpose",
          "Squeeze",
          "Unsqueeze",
          "Mul",
          "Div");

  private static final Set<String> PLAIN = Set.of("Relu", "Identity", "Cast", "Dropout", "Reshape");

  private static final Set<String> GELU =
      Set.of(
          "Erf",
          "Tanh",
          "Gelu",
          "FastGelu",
          "Add",
          "Mul",
          "Div",
          "Pow",
          "Identity",
          "Cast",
          "Dropout",
          "Reshape");

  private final OnnxGraph graph;
  private final OnnxBlocks blocks;
  private final Problems problems;

  private final Map<String, OnnxWeight> weights = new LinkedHashMap<>();
  private final Set<OnnxTensor> used = new HashSet<>();
  private final Set<String> known = new HashSet<>();
  private final Map<String, Lookup> tables = new LinkedHashMap<>();
  private final List<List<Double>> splits = new ArrayList<>();
  private final Set<Architecture.Activation> activations = new TreeSet<>();
  private final TreeSet<Float> epsilons = new TreeSet<>();
  private final TreeSet<String> leftOut = new TreeSet<>();
  private boolean readsTokens;
  private String hidden = "";
  private int layers;

  OnnxBert(OnnxGraph graph, Problems problems) {
    this.graph = graph;
    this.problems = problems;
    this.blocks = new OnnxBlocks(graph, problems);
  }

  /** Follows the graph from the tables on. */
  void read() {
    embeddings();
    problems.throwIfAny();
    while (layers < 1000 && layer()) {
      layers++;
    }
    if (layers == 0) {
      problems.add("no layer of attention follows the embeddings; is it a BERT encoder?");
    }
    onTop();
    surplus();
  }

  /** Parameters by base-model name. */
  Map<String, OnnxWeight> weights() {
    return weights;
  }

  int layers() {
    return layers;
  }

  /** The value after the last layer. */
  String hidden() {
    return hidden;
  }

  /** The value by which the rows of a table are chosen. */
  String index(String table) {
    return tables.get(table).index();
  }

  /** Shapes that queries are split into, entries known only when the graph runs are NaN. */
  List<List<Double>> splits() {
    return splits;
  }

  Set<Architecture.Activation> activations() {
    return activations;
  }

  /** What the LayerNorms add to the variance. */
  TreeSet<Float> epsilons() {
    return epsilons;
  }

  /** Tensors of heads that are not read. */
  Set<String> leftOut() {
    return leftOut;
  }

  /** Whether the classifier reads the vectors of tokens and not the pooled ones. */
  boolean readsTokens() {
    return readsTokens;
  }

  /** Takes the classifier out of the weights, since nothing says what its outputs mean. */
  void leaveOutClassifier() {
    for (final String name : List.of("classifier.weight", "classifier.bias")) {
      leftOut.add(weights.remove(name).tensor().name());
    }
  }

  // embeddings

  private void embeddings() {
    for (final Lookup lookup : blocks.lookups()) {
      for (final String table : List.of("word", "position", "token_type")) {
        final String name = "embeddings." + table + "_embeddings";
        if (lookup.names().stream().anyMatch(n -> endsWith(n, name))) {
          tables.put(table, lookup);
          put(name + ".weight", OnnxWeight.plain(lookup.table()));
          break;
        }
      }
    }
    final Optional<Norm> norm =
        blocks.norms().stream().filter(n -> rowsBehind(n.input()).size() > 1).findFirst();
    for (final String table : List.of("word", "position", "token_type")) {
      final Lookup lookup = tables.get(table);
      if (lookup == null) {
        problems.add(
            "missing: 'embeddings."
                + table
                + "_embeddings.weight', as a stored table that a Gather or Slice takes rows of; is it a"
                + " BERT encoder, exported for any batch and length?");
      } else if (norm.isPresent() && !rowsBehind(norm.get().input()).contains(lookup)) {
        problems.add(
            "the rows of 'embeddings."
                + table
                + "_embeddings.weight' do not enter the sum under the first LayerNorm");
      }
    }
    if (norm.isEmpty()) {
      problems.add("missing: 'embeddings.LayerNorm.weight', over the sum of the tables' rows");
      return;
    }
    put("embeddings.LayerNorm", norm.get());
    hidden = norm.get().output();
  }

  /** The look-ups whose rows a value is the sum of; empty if it is not a sum of nothing else. */
  private Set<Lookup> rowsBehind(String value) {
    final Set<Lookup> found = new LinkedHashSet<>();
    final Set<String> seen = new HashSet<>();
    final Deque<String> open = new ArrayDeque<>(List.of(graph.source(value)));
    while (!open.isEmpty()) {
      final String at = open.pop();
      final Optional<Lookup> lookup =
          blocks.lookups().stream().filter(l -> l.output().equals(at)).findFirst();
      final Optional<Onnx.NodeProto> node = graph.producer(at);
      if (lookup.isPresent()) {
        found.add(lookup.get());
      } else if (node.isPresent() && node.get().getOpType().equals("Add") && seen.add(at)) {
        node.get().getInputList().forEach(input -> open.push(graph.source(input)));
      } else {
        return Set.of();
      }
    }
    return found;
  }

  // layers

  private boolean layer() {
    final String prefix = "encoder.layer." + layers + ".";
    final Optional<Residual> attention = residual(hidden);
    if (attention.isEmpty()) {
      final long readers =
          blocks.linears().stream().filter(l -> l.input().equals(graph.source(hidden))).count();
      if (readers >= 3) {
        problems.add(
            "layer "
                + layers
                + ": no LayerNorm over the sum of the layer's input and the attention's output");
      }
      return false;
    }
    attention(prefix, attention.get());
    final Optional<Residual> forward = residual(attention.get().norm.output());
    if (forward.isEmpty()) {
      problems.add(
          "layer "
              + layers
              + ": no LayerNorm over the sum of the feed-forward's input and its output");
      return false;
    }
    feedForward(prefix, attention.get().norm.output(), forward.get());
    hidden = forward.get().norm.output();
    return true;
  }

  /** A product added to a value, and the LayerNorm over the sum. */
  private record Residual(Linear linear, Norm norm) {}

  private Optional<Residual> residual(String input) {
    final String origin = graph.source(input);
    for (final Norm norm : blocks.norms()) {
      final Optional<Onnx.NodeProto> sum = graph.producer(graph.source(norm.input()));
      if (sum.isEmpty() || !sum.get().getOpType().equals("Add") || sum.get().getInputCount() != 2) {
        continue;
      }
      for (int i = 0; i < 2; i++) {
        final String other = graph.source(sum.get().getInput(1 - i));
        if (graph.source(sum.get().getInput(i)).equals(origin) && !other.equals(origin)) {
          final Optional<Linear> linear =
              blocks.linears().stream().filter(l -> l.output().equals(other)).findFirst();
          if (linear.isPresent()) {
            return Optional.of(new Residual(linear.get(), norm));
          }
        }
      }
    }
    return Optional.empty();
  }

  private void attention(String prefix, Residual residual) {
    final String input = graph.source(hidden);
    final Map<Linear, Target> targets = new LinkedHashMap<>();
    for (final Linear linear : blocks.linears()) {
      if (linear.input().equals(input)) {
        targets.put(linear, target(linear.output()));
      }
    }
    final Map<String, Linear> roles = new LinkedHashMap<>();
    targets.forEach((linear, target) -> role(target, targets).ifPresent(r -> roles.put(r, linear)));
    if (targets.size() != 3 || roles.size() != 3) {
      problems.add(
          "layer "
              + layers
              + ": query, key and value are not to be told apart among the "
              + targets.size()
              + " products of the layer's input with stored matrices");
    } else {
      roles.forEach((role, linear) -> put(prefix + "attention.self." + role, linear));
      split(roles.get("query"), targets.get(roles.get("query")));
      final String context = targets.get(roles.get("value")).output;
      if (!graph.untransposed(residual.linear.input()).equals(context)) {
        problems.add("layer " + layers + ": the attention's output is not made of its context");
      }
    }
    put(prefix + "attention.output.dense", residual.linear);
    put(prefix + "attention.output.LayerNorm", residual.norm);
  }

  /** Query and key are multiplied with each other, the value with the result. */
  private static Optional<String> role(Target target, Map<Linear, Target> all) {
    final boolean scores =
        target.index < 2
            && all.values().stream()
                .anyMatch(t -> t.output.equals(target.output) && t.index == 1 - target.index);
    if (target.output.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(scores ? (target.index == 0 ? "query" : "key") : "value");
  }

  /**
   * Where a value is multiplied with another computed value.
   *
   * @param output the product, empty if there is none
   * @param index as which operand
   * @param split the four sizes that it is split into before, empty if they are not known
   */
  private record Target(String output, int index, List<Double> split) {}

  private Target target(String from) {
    final Set<String> seen = new HashSet<>(List.of(from));
    final Deque<String> open = new ArrayDeque<>(seen);
    List<Double> split = List.of();
    while (!open.isEmpty()) {
      final String at = open.pop();
      for (final Onnx.NodeProto node : graph.consumers(at)) {
        if (node.getOutputCount() == 0) {
          continue;
        }
        if (node.getOpType().equals("MatMul") || node.getOpType().equals("Attention")) {
          final List<Double> known = split;
          return new Target(
              node.getOutput(0),
              node.getInputList().indexOf(at),
              OnnxGraph.attribute(node, "q_num_heads")
                  .map(a -> List.of(Double.NaN, Double.NaN, (double) a.getI(), -1.0))
                  .orElse(known));
        }
        if (SPLITTING.contains(node.getOpType()) && seen.add(node.getOutput(0))) {
          if (node.getOpType().equals("Reshape") && node.getInputCount() == 2) {
            final List<Double> shape = graph.shapeInput(node.getInput(1));
            split = split.isEmpty() && shape.size() == 4 ? shape : split;
          }
          open.push(node.getOutput(0));
        }
      }
    }
    return new Target("", -1, split);
  }

  private void split(Linear query, Target target) {
    if (target.split.size() == 4) {
      final List<Double> withRows = new ArrayList<>(target.split);
      withRows.set(0, (double) query.weight().shape()[0]);
      splits.add(withRows);
    }
  }

  private void feedForward(String prefix, String input, Residual residual) {
    final List<Linear> readers =
        blocks.linears().stream().filter(l -> l.input().equals(graph.source(input))).toList();
    if (readers.size() != 1) {
      problems.add(
          "layer "
              + layers
              + ": one product with a stored matrix is needed between the two LayerNorms, "
              + readers.size()
              + " are there");
      return;
    }
    put(prefix + "intermediate.dense", readers.get(0));
    put(prefix + "output.dense", residual.linear);
    put(prefix + "output.LayerNorm", residual.norm);
    activation(readers.get(0).output(), residual.linear.node());
  }

  private void activation(String from, Onnx.NodeProto down) {
    final Set<String> seen = new HashSet<>(List.of(from));
    final Deque<String> open = new ArrayDeque<>(seen);
    final Set<String> operators = new TreeSet<>();
    final Set<Architecture.Activation> found = new TreeSet<>();
    boolean reached = false;
    while (!open.isEmpty()) {
      for (final Onnx.NodeProto node : graph.consumers(open.pop())) {
        if (node.equals(down)) {
          reached = true;
        } else if (node.getOutputCount() > 0 && seen.add(node.getOutput(0))) {
          operators.add(node.getOpType());
          function(node).ifPresent(found::add);
          open.push(node.getOutput(0));
        }
      }
    }
    final boolean relu = found.contains(Architecture.Activation.RELU);
    if (!reached || found.size() != 1 || !(relu ? PLAIN : GELU).containsAll(operators)) {
      problems.add(
          "layer "
              + layers
              + ": the activation of the feed-forward is made of "
              + operators
              + "; gelu (erf), gelu (tanh) and relu are supported");
    }
    activations.addAll(found);
  }

  private static Optional<Architecture.Activation> function(Onnx.NodeProto node) {
    return switch (node.getOpType()) {
      case "Erf" -> Optional.of(Architecture.Activation.GELU_ERF);
      case "Tanh", "FastGelu" -> Optional.of(Architecture.Activation.GELU_TANH);
      case "Relu" -> Optional.of(Architecture.Activation.RELU);
      case "Gelu" ->
          Optional.of(
              OnnxGraph.attribute(node, "approximate")
                      .filter(a -> a.getS().toStringUtf8().equals("tanh"))
                      .isPresent()
                  ? Architecture.Activation.GELU_TANH
                  : Architecture.Activation.GELU_ERF);
      default -> Optional.empty();
    };
  }

  // what stands on the last layer

  private void onTop() {
    boolean tokenHead = false;
    for (final Linear linear : blocks.linears()) {
      final boolean eachToken = linear.input().equals(graph.source(hidden));
      if (!known.contains(linear.output())) {
        if (eachToken && named(linear, "classifier")) {
          readsTokens = true;
          put("classifier", linear);
        } else if (eachToken) {
          tokenHead = true;
        } else if (named(linear, "pooler.dense")) {
          put("pooler.dense", linear);
        } else if (named(linear, "classifier")) {
          put("classifier", linear);
        }
      }
    }
    if (tokenHead) { // it reads the encoder and does not change it
      for (final Linear linear : blocks.linears()) {
        leaveOut(linear.weight().tensor());
        linear.bias().ifPresent(this::leaveOut);
      }
      for (final Norm norm : blocks.norms()) {
        leaveOut(norm.weight());
        leaveOut(norm.bias());
      }
    }
  }

  private static boolean named(Linear linear, String name) {
    return linear.names().stream().anyMatch(n -> endsWith(n, name));
  }

  private static boolean endsWith(String name, String ending) {
    return name.equals(ending) || name.endsWith("." + ending);
  }

  private void leaveOut(OnnxTensor tensor) {
    if (used.add(tensor)) {
      leftOut.add(tensor.name());
    }
  }

  private void surplus() {
    for (final OnnxTensor tensor : graph.tensors().values()) {
      final String name = tensor.name();
      final boolean parameter =
          tensor.elements() > 64 || name.endsWith(".weight") || name.endsWith(".bias");
      if (!used.contains(tensor) && tensor.isFloat() && parameter) {
        problems.add(
            "surplus: '"
                + name
                + "' "
                + Arrays.toString(tensor.shape())
                + ", which no part of a BERT with a pooler and a classifier reads");
      }
    }
  }

  // collecting

  private void put(String name, Linear linear) {
    known.add(linear.output());
    put(name + ".weight", linear.weight());
    if (linear.bias().isPresent()) {
      put(name + ".bias", OnnxWeight.plain(linear.bias().get()));
    } else if (!linear.biasName().isEmpty()) {
      problems.add(
          "missing: '"
              + name
              + ".bias', the graph calls it '"
              + linear.biasName()
              + "' and does not hold it as a vector");
    } else if (linear.weight().tensor().floatProblem().isEmpty()) {
      // exporters leave out a bias of zeros
      put(name + ".bias", OnnxWeight.plain(OnnxTensor.zeros(linear.weight().shape()[0])));
    }
  }

  private void put(String name, Norm norm) {
    put(name + ".weight", OnnxWeight.plain(norm.weight()));
    put(name + ".bias", OnnxWeight.plain(norm.bias()));
    epsilons.add((float) norm.epsilon());
  }

  private void put(String name, OnnxWeight weight) {
    if (weights.put(name, weight) != null) {
      problems.add("'" + name + "' occurs twice");
    }
    used.add(weight.tensor());
    weight.tensor().floatProblem().ifPresent(p -> problems.add("'" + name + "' " + p));
  }
}
