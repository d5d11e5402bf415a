package dev.bantam.checkpoint;

import java.util.LinkedHashSet;
import java.util.Set;
import java.util.TreeSet;
import onnx.Onnx;

/**
 * Finds a graph's {@link Signature} by how its inputs and outputs are used, not by their names or
 * their order.
 */
final class OnnxSignature {
  private final OnnxGraph graph;
  private final OnnxBert bert;
  private final Problems problems;

  OnnxSignature(OnnxGraph graph, OnnxBert bert, Problems problems) {
    this.graph = graph;
    this.bert = bert;
    this.problems = problems;
  }

  Signature read() {
    final Set<String> words = graph.inputsBehind(bert.index("word"));
    if (words.size() != 1) {
      problems.add(
          "the word embeddings are looked up by the inputs " + words + "; one input is needed");
      return Signature.STANDARD;
    }
    final String ids = words.iterator().next();
    final Set<String> positions = graph.inputsBehind(bert.index("position"));
    if (positions.contains(ids)) {
      problems.add(
          "positions are counted from the ids, as RoBERTa does; supported are encoders that count"
              + " every token from 0");
    }
    final Set<String> types = graph.inputsBehind(bert.index("token_type"));
    if (types.size() > 1 || types.contains(ids)) {
      problems.add("the token types are looked up by the inputs " + types + "; one is supported");
    }
    final Set<String> masks = new LinkedHashSet<>(graph.inputs());
    masks.retainAll(scoreInputs());
    masks.remove(ids);
    masks.removeAll(types);
    masks.removeAll(positions);
    if (masks.size() > 1) {
      problems.add("the attention depends on the inputs " + masks + "; one mask is supported");
    }
    final String mask = masks.stream().findFirst().orElse(Signature.STANDARD.attentionMask());
    try {
      return new Signature(ids, mask, types.stream().findFirst(), output());
    } catch (IllegalArgumentException e) {
      problems.add(e.getMessage());
      return Signature.STANDARD;
    }
  }

  /** Graph inputs that the softmax of the attention depends on. */
  private Set<String> scoreInputs() {
    final Set<String> inputs = new TreeSet<>();
    for (final Onnx.NodeProto node : graph.nodes()) {
      final int mask = node.getOpType().equals("Attention") ? 3 : 0;
      if (Set.of("Softmax", "Attention").contains(node.getOpType())
          && node.getInputCount() > mask) {
        inputs.addAll(graph.inputsBehind(node.getInput(mask)));
      }
    }
    return inputs;
  }

  /** The graph output that is the hidden states, or the standard name if there is none. */
  private String output() {
    final String hidden = graph.origin(bert.hidden());
    return graph.outputs().stream()
        .filter(output -> graph.origin(output).equals(hidden))
        .findFirst()
        .orElse(Signature.STANDARD.output());
  }
}
