package dev.bantam.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/** Infers the architecture of a recognised encoder from the shapes of its weights and its nodes. */
final class OnnxArchitecture {
  private static final String EMBEDDINGS = "embeddings.";

  private final OnnxBert bert;
  private final Map<String, OnnxWeight> weights;
  private final Problems problems;

  OnnxArchitecture(OnnxBert bert, Problems problems) {
    this.bert = bert;
    this.weights = bert.weights();
    this.problems = problems;
  }

  /**
   * Reads it; throws if anything that the result needs is not to be found.
   *
   * @param heads attention heads of a layer, used only if the graph does not tell
   * @param epsilon what LayerNorms add to the variance, used only if the graph does not tell
   */
  Architecture read(OptionalInt heads, OptionalDouble epsilon, int padTokenId) {
    final int vocabulary = size(EMBEDDINGS + "word_embeddings.weight", 0);
    final int hidden = size(EMBEDDINGS + "word_embeddings.weight", 1);
    final int positions = size(EMBEDDINGS + "position_embeddings.weight", 0);
    final int types = size(EMBEDDINGS + "token_type_embeddings.weight", 0);
    problems.throwIfAny();
    final int headSize = headSize(hidden, heads);
    final List<Architecture.LayerShape> layerShapes = new ArrayList<>();
    for (int i = 0; i < bert.layers(); i++) {
      final int rows = size("encoder.layer." + i + ".attention.self.query.weight", 0);
      final int ffn = size("encoder.layer." + i + ".intermediate.dense.weight", 0);
      if (rows % headSize != 0) {
        problems.add("layer " + i + ": " + rows + " query rows are no multiple of " + headSize);
      }
      layerShapes.add(new Architecture.LayerShape(Math.max(1, rows / headSize), ffn));
    }
    final Architecture.Activation activation = activation();
    final double eps = epsilon(epsilon);
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
        eps,
        padTokenId,
        weights.containsKey("pooler.dense.weight"));
  }

  private int size(String name, int axis) {
    final OnnxWeight weight = weights.get(name);
    final long[] shape = weight == null ? new long[0] : weight.shape();
    if (shape.length != 2 || shape[axis] < 1 || shape[axis] > Integer.MAX_VALUE) {
      problems.add("'" + name + "' is missing or not a matrix; is it a BERT encoder?");
      return 1;
    }
    return (int) shape[axis];
  }

  /** From the Reshape that splits query, key and value into [batch, length, heads, head size]. */
  private int headSize(int hidden, OptionalInt configuredHeads) {
    final TreeSet<Integer> sizes = new TreeSet<>();
    for (final List<Double> split : bert.splits()) {
      addSize(sizes, split.get(2), split.get(3), split.get(0).intValue());
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

  private double epsilon(OptionalDouble configured) {
    final TreeSet<Float> found = bert.epsilons();
    if (found.size() == 1 && found.first() > 0) {
      // the shortest decimal of the float is what the configuration said: 1e-12, not 9.99...e-13
      return Double.parseDouble(Float.toString(found.first()));
    }
    if (found.size() == 1 && configured.isPresent() && configured.getAsDouble() > 0) {
      return configured.getAsDouble(); // a small number is 0 as float16
    }
    problems.add(
        "the LayerNorms' epsilon is "
            + found
            + "; one positive number is needed, in the graph or as layer_norm_eps in a config.json"
            + " beside the file");
    return 1;
  }

  private Architecture.Activation activation() {
    final Set<Architecture.Activation> found = bert.activations();
    if (found.size() != 1) {
      problems.add(
          "the activation of the feed-forward layers is "
              + found
              + "; one of gelu (erf), gelu (tanh) and relu is needed");
      return Architecture.Activation.GELU_ERF;
    }
    return found.iterator().next();
  }
}
