package dev.bantam.checkpoint;

import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import onnx.Onnx;

/**
 * Finds a graph's {@link Signature} by how its inputs and outputs are used, not by their names or
 * their order.
 */
final class OnnxSignature {
  private static final String WORDS = "embeddings.word_embeddings.weight";
  private static final String TYPES = "embeddings.token_type_embeddings.weight";
  private static final String POSITIONS = "embeddings.position_embeddings.weight";

  private final OnnxGraph graph;
  private final Map<String, String> weightNames;
  private final Problems problems;

  /**
   * @param weightNames base-model name of each stored tensor, by the tensor's own name
   */
  OnnxSignature(OnnxGraph graph, Map<String, String> weightNames, Problems problems) {
    this.graph = graph;
    this.weightNames = weightNames;
    this.problems = problems;
  }

  /**
   * Reads it.
   *
   * @param lastNorm base-model name of the bias of the LayerNorm that ends the last layer
   */
  Signature read(String lastNorm) {
    final Set<String> words = lookedUp(WORDS);
    if (words.size() != 1) {
      problems.add(
          "the word embeddings are looked up by the inputs " + words + "; one input is needed");
      return Signature.STANDARD;
    }
    final String ids = words.iterator().next();
    final Set<String> types = lookedUp(TYPES);
    types.remove(ids); // types may be made of the ids' shape or content
    if (types.size() > 1) {
      problems.add("the token types are looked up by the inputs " + types + "; one is supported");
    }
    final Optional<String> tokenTypes = types.stream().findFirst();
    final Set<String> rest = new LinkedHashSet<>(graph.inputs());
    rest.remove(ids);
    rest.removeAll(types);
    rest.removeAll(lookedUp(POSITIONS));
    final Set<String> scores = scoreInputs();
    rest.retainAll(scores);
    if (rest.size() > 1) {
      problems.add("the attention scores depend on the inputs " + rest + "; one mask is supported");
      return Signature.STANDARD;
    }
    final String mask = rest.stream().findFirst().orElse(Signature.STANDARD.attentionMask());
    try {
      return new Signature(ids, mask, tokenTypes, output(lastNorm));
    } catch (IllegalArgumentException e) {
      problems.add(e.getMessage());
      return Signature.STANDARD;
    }
  }

  /** Graph inputs whose values a table is looked up by. */
  private Set<String> lookedUp(String table) {
    final Set<String> inputs = new TreeSet<>();
    for (final Onnx.NodeProto node : graph.nodes()) {
      if (node.getOpType().equals("Gather")
          && node.getInputCount() == 2
          && table.equals(weightName(node.getInput(0)))) {
        inputs.addAll(graph.inputsBehind(node.getInput(1)));
      }
    }
    return inputs;
  }

  /** Graph inputs that the softmax of the attention depends on. */
  private Set<String> scoreInputs() {
    final Set<String> inputs = new TreeSet<>();
    for (final Onnx.NodeProto node : graph.nodes()) {
      if (node.getOpType().equals("Softmax") && node.getInputCount() == 1) {
        inputs.addAll(graph.inputsBehind(node.getInput(0)));
      }
    }
    return inputs;
  }

  /** The graph output that the last LayerNorm gives, or the standard name if there is none. */
  private String output(String lastNorm) {
    for (final String output : graph.outputs()) {
      final Optional<Onnx.NodeProto> producer = graph.producer(graph.origin(output));
      if (producer.isPresent()
          && producer.get().getInputList().stream().anyMatch(i -> lastNorm.equals(weightName(i)))) {
        return output;
      }
    }
    return Signature.STANDARD.output();
  }

  private String weightName(String value) {
    return weightNames.get(graph.origin(value));
  }
}
