package dev.bantam.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import onnx.Onnx;

/**
 * Infers the architecture of an encoder from the shapes of its weights and the nodes around them.
 */
final class OnnxArchitecture {
  private static final String EMBEDDINGS = "embeddings.";
  private static final Pattern WEIGHT = Pattern.compile("encoder\\.layer\\.(\\d{1,4})\\.");
  private static final Pattern SPLIT =
      Pattern.compile("(?:/bert)?/encoder/layer\\.(\\d{1,4})/attention/self/");

  private final OnnxGraph graph;
  private final Map<String, long[]> shapes;
  private final Problems problems;

  OnnxArchitecture(OnnxGraph graph, Map<String, long[]> shapes, Problems problems) {
    this.graph = graph;
    this.shapes = shapes;
    this.problems = problems;
  }

  /** Reads it; throws if anything that the result needs is not to be found. */
  Architecture read(OptionalInt configuredHeads, int padTokenId) {
    final int vocabulary = size(EMBEDDINGS + "word_embeddings.weight", 0);
    final int hidden = size(EMBEDDINGS + "word_embeddings.weight", 1);
    final int positions = size(EMBEDDINGS + "position_embeddings.weight", 0);
    final int types = size(EMBEDDINGS + "token_type_embeddings.weight", 0);
    final int layers = layerCount();
    problems.throwIfAny();
    final int headSize = headSize(layers, hidden, configuredHeads);
    final List<Architecture.LayerShape> layerShapes = new ArrayList<>();
    for (int i = 0; i < layers; i++) {
      final int rows = size("encoder.layer." + i + ".attention.self.query.weight", 0);
      final int ffn = size("encoder.layer." + i + ".intermediate.dense.weight", 0);
      if (rows % headSize != 0) {
        problems.add("layer " + i + ": " + rows + " query rows are no multiple of " + headSize);
      }
      layerShapes.add(new Architecture.LayerShape(Math.max(1, rows / headSize), ffn));
    }
    final Architecture.Activation activation = activation();
    final double epsilon = epsilon();
    problems.throwIfAny();
    return new Architecture(
        "bert",
        vocabulary,
        positions,
        types,
        hidden,
        headSize,
        layerShapes,
        activation,
        Architecture.NormPlacement.POST,
        Architecture.PositionScheme.LEARNED,
        epsilon,
        padTokenId,
        shapes.containsKey("pooler.dense.weight"));
  }

  private int size(String name, int axis) {
    final long[] shape = shapes.get(name);
    if (shape == null || shape.length != 2 || shape[axis] < 1 || shape[axis] > Integer.MAX_VALUE) {
      problems.add("'" + name + "' is missing or not a matrix; is it a BERT encoder?");
      return 1;
    }
    return (int) shape[axis];
  }

  private int layerCount() {
    final TreeSet<Integer> layers = new TreeSet<>();
    for (final String name : shapes.keySet()) {
      final Matcher matcher = WEIGHT.matcher(name);
      if (matcher.lookingAt()) {
        layers.add(Integer.valueOf(matcher.group(1)));
      }
    }
    if (layers.isEmpty() || layers.last() != layers.size() - 1) {
      problems.add("the layers " + layers + " do not count up from 0; is it a BERT encoder?");
    }
    return layers.size();
  }

  /** From the Reshape that splits query, key and value into [batch, length, heads, head size]. */
  private int headSize(int layers, int hidden, OptionalInt configuredHeads) {
    final TreeSet<Integer> sizes = new TreeSet<>();
    for (final Onnx.NodeProto node : graph.nodes()) {
      final Matcher matcher = SPLIT.matcher(node.getName());
      if (node.getOpType().equals("Reshape") && node.getInputCount() == 2 && matcher.lookingAt()) {
        final List<Double> shape = graph.shapeInput(node.getInput(1));
        if (shape.size() == 4) {
          final int layer = Integer.parseInt(matcher.group(1));
          final int rows =
              layer < layers
                  ? size("encoder.layer." + layer + ".attention.self.query.weight", 0)
                  : 0;
          addSize(sizes, shape.get(2), shape.get(3), rows);
        }
      }
    }
    if (sizes.isEmpty() && configuredHeads.isPresent()) {
      final int heads = configuredHeads.getAsInt();
      if (heads > 0 && hidden % heads == 0) {
        return hidden / heads;
      }
    }
    if (sizes.size() != 1) {
      problems.add(
          (sizes.isEmpty()
                  ? "the number of attention heads is not written in the graph"
                  : "the layers differ in the size of a head: " + sizes)
              + "; put the model's config.json (num_attention_heads) beside the file, or use the"
              + " Hugging Face folder");
      return hidden;
    }
    return sizes.first();
  }

  private static void addSize(Set<Integer> sizes, double heads, double size, int rows) {
    if (size > 0) {
      sizes.add((int) size);
    } else if (heads > 0 && rows % (int) heads == 0 && rows > 0) {
      sizes.add(rows / (int) heads);
    }
  }

  /** The constant that a LayerNorm adds to the variance. */
  private double epsilon() {
    final TreeSet<Float> found = new TreeSet<>();
    for (final Onnx.NodeProto node : graph.nodes()) {
      if (node.getOpType().equals("LayerNormalization")) {
        found.add(OnnxGraph.attribute(node, "epsilon").map(a -> a.getF()).orElse(1e-5f));
      } else if (node.getOpType().equals("Add") && node.getName().endsWith("/LayerNorm/Add")) {
        for (final String input : node.getInputList()) {
          graph
              .smallValue(input)
              .filter(v -> v.length == 1)
              .ifPresent(v -> found.add((float) v[0]));
        }
      }
    }
    if (found.size() != 1 || !(found.first() > 0)) {
      problems.add("the LayerNorms' epsilon is " + found + "; one positive number is needed");
      return 1;
    }
    // the shortest decimal of the float is what the configuration said, 1e-12 and not 9.99...e-13
    return Double.parseDouble(Float.toString(found.first()));
  }

  private Architecture.Activation activation() {
    final TreeSet<Architecture.Activation> found = new TreeSet<>();
    for (final Onnx.NodeProto node : graph.nodes()) {
      if (node.getName().contains("/intermediate/")) {
        switch (node.getOpType()) {
          case "Erf" -> found.add(Architecture.Activation.GELU_ERF);
          case "Tanh", "FastGelu" -> found.add(Architecture.Activation.GELU_TANH);
          case "Relu" -> found.add(Architecture.Activation.RELU);
          case "Gelu" ->
              found.add(
                  OnnxGraph.attribute(node, "approximate")
                          .filter(a -> a.getS().toStringUtf8().equals("tanh"))
                          .isPresent()
                      ? Architecture.Activation.GELU_TANH
                      : Architecture.Activation.GELU_ERF);
          default -> {
            // the arithmetic around the function
          }
        }
      }
    }
    if (found.size() != 1) {
      problems.add(
          "the activation of the feed-forward layers is "
              + found
              + "; one of gelu (erf), gelu (tanh) and relu is needed");
      return Architecture.Activation.GELU_ERF;
    }
    return found.first();
  }
}
