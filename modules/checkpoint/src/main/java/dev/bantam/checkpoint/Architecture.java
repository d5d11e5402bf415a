package dev.bantam.checkpoint;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Shape and conventions of an encoder: everything its forward pass needs beside the named weights.
 * Other encoders than BERT, and narrower ones (heads or FFN units removed), are values of this
 * record, not subclasses.
 *
 * @param modelType the {@code model_type} of the Hugging Face configuration, e.g. {@code bert};
 *     names the files' conventions and decides nothing about the forward pass
 * @param vocabularySize rows of the word embedding table
 * @param positions rows of the position embedding table
 * @param tokenTypes rows of the token type table, 0 if there is none
 * @param hiddenSize width of the residual stream
 * @param headSize width of one attention head
 * @param layers shape of each encoder layer, input side first
 * @param activation activation between the two FFN matrices
 * @param normPlacement where the LayerNorms stand
 * @param positionScheme how a token's position enters
 * @param layerNormEps added to the variance inside the root
 * @param padTokenId id of the padding token
 * @param pooler whether the weights hold {@code pooler.dense}
 * @param poolerActivation what follows {@code pooler.dense}
 * @param embeddings how the tables lead to the residual stream
 * @param layerWeights for each layer the number n of the weights {@code encoder.layer.n} that it
 *     uses; layers with the same number share them. Numbers first appear in the order 0, 1, 2
 * @param relativeBias bias on the attention scores by distance, if there is one
 */
public record Architecture(
    String modelType,
    int vocabularySize,
    int positions,
    int tokenTypes,
    int hiddenSize,
    int headSize,
    List<LayerShape> layers,
    Activation activation,
    NormPlacement normPlacement,
    PositionScheme positionScheme,
    double layerNormEps,
    int padTokenId,
    boolean pooler,
    PoolerActivation poolerActivation,
    Embeddings embeddings,
    List<Integer> layerWeights,
    Optional<RelativeBias> relativeBias) {

  /** FFN activation, named as in the configuration's {@code hidden_act}. */
  public enum Activation {
    /** {@code gelu}: x/2 (1 + erf(x / sqrt 2)). */
    GELU_ERF,
    /** {@code gelu_new}, {@code gelu_pytorch_tanh}: the tanh form. */
    GELU_TANH,
    /** {@code relu}. */
    RELU
  }

  /** What follows the dense layer on the first token that a head of texts stands on. */
  public enum PoolerActivation {
    /** BERT, RoBERTa, ALBERT, MPNet. */
    TANH,
    /** ELECTRA: the erf form. */
    GELU,
    /** DistilBERT. */
    RELU
  }

  /** Where the LayerNorms stand. */
  public enum NormPlacement {
    /** x = LN(x + sublayer(x)), the original BERT. */
    POST
  }

  /** How a token's position enters. */
  public enum PositionScheme {
    /** A learned table indexed by the position in the (padded) row, from 0. */
    LEARNED,
    /**
     * A learned table indexed by {@code p + c}, where p is the id of padding and c the number of
     * tokens of the row up to this one whose id is not p; a token whose id is p has row p
     * (RoBERTa).
     */
    LEARNED_AFTER_PADDING
  }

  /**
   * How the sum of the embedding tables becomes the input of the first layer.
   *
   * @param width width of the tables and of the LayerNorm on their sum
   * @param projected whether {@code embeddings.projection} leads from there to the hidden size
   */
  public record Embeddings(int width, boolean projected) {}

  /**
   * A bias on the scaled scores of all layers, by head and distance of key and query: the row of
   * {@code encoder.relative_attention_bias.weight} that {@link #bucket} gives.
   *
   * @param buckets rows of the table, even; half of them for keys behind the query
   * @param farthest distance from which on all are alike
   */
  public record RelativeBias(int buckets, int farthest) {
    public RelativeBias {
      if (buckets < 4 || buckets % 4 != 0 || farthest <= buckets / 4) {
        throw new IllegalArgumentException(
            "A relative bias needs a multiple of 4 buckets and a longest distance above a quarter"
                + " of them, not "
                + buckets
                + " and "
                + farthest);
      }
    }

    /**
     * The table's row for a distance. A distance |r| below a quarter of the buckets has one of its
     * own, longer ones share logarithmically, and a key behind its query (r &gt; 0) has the second
     * half (Raffel et al. 2020, section 2.1). In float, as the library computes it.
     *
     * @param distance position of the key less that of the query
     */
    public int bucket(int distance) {
      final int half = buckets / 2;
      final int exact = half / 2;
      final int n = Math.abs(distance);
      final int side = distance > 0 ? half : 0;
      if (n < exact) {
        return side + n;
      }
      final float logarithm = (float) StrictMath.log((double) n / exact);
      final float range = (float) StrictMath.log((double) farthest / exact);
      return side + Math.min(half - 1, exact + (int) (logarithm / range * (half - exact)));
    }
  }

  /**
   * Shape of one layer.
   *
   * @param heads attention heads kept; query, key and value have {@code heads * headSize} rows
   * @param ffnWidth rows of the FFN up matrix
   */
  public record LayerShape(int heads, int ffnWidth) {
    public LayerShape {
      if (heads < 1 || ffnWidth < 1) {
        throw new IllegalArgumentException("A layer needs at least one head and one FFN unit");
      }
    }
  }

  public Architecture {
    Objects.requireNonNull(modelType, "modelType");
    Objects.requireNonNull(activation, "activation");
    Objects.requireNonNull(normPlacement, "normPlacement");
    Objects.requireNonNull(positionScheme, "positionScheme");
    Objects.requireNonNull(poolerActivation, "poolerActivation");
    Objects.requireNonNull(relativeBias, "relativeBias");
    layers = List.copyOf(layers);
    layerWeights = List.copyOf(layerWeights);
    if (vocabularySize < 1
        || positions < 1
        || tokenTypes < 0
        || hiddenSize < 1
        || headSize < 1
        || embeddings.width() < 1) {
      throw new IllegalArgumentException("Sizes of an architecture must be positive");
    }
    if (!(layerNormEps > 0)) {
      throw new IllegalArgumentException("layerNormEps must be positive: " + layerNormEps);
    }
    if (!embeddings.projected() && embeddings.width() != hiddenSize) {
      throw new IllegalArgumentException(
          "Embeddings of " + embeddings.width() + " need a projection to " + hiddenSize);
    }
    checkSharing(layers, layerWeights);
  }

  private static void checkSharing(List<LayerShape> layers, List<Integer> weights) {
    if (layers.size() != weights.size()) {
      throw new IllegalArgumentException(
          layers.size() + " layers and the weights of " + weights.size());
    }
    int next = 0;
    for (int i = 0; i < weights.size(); i++) {
      final int n = weights.get(i);
      if (n < 0 || n > next) {
        throw new IllegalArgumentException("Weights of layers are numbered in order: " + weights);
      }
      next = Math.max(next, n + 1);
      if (!layers.get(i).equals(layers.get(weights.indexOf(n)))) {
        throw new IllegalArgumentException("Layers that share weights have the same shape");
      }
    }
  }

  /** A BERT: tables as wide as the stream, a tanh behind the pooler, weights for each layer. */
  public Architecture(
      String modelType,
      int vocabularySize,
      int positions,
      int tokenTypes,
      int hiddenSize,
      int headSize,
      List<LayerShape> layers,
      Activation activation,
      NormPlacement normPlacement,
      PositionScheme positionScheme,
      double layerNormEps,
      int padTokenId,
      boolean pooler) {
    this(
        modelType,
        vocabularySize,
        positions,
        tokenTypes,
        hiddenSize,
        headSize,
        layers,
        activation,
        normPlacement,
        positionScheme,
        layerNormEps,
        padTokenId,
        pooler,
        PoolerActivation.TANH,
        new Embeddings(hiddenSize, false),
        each(layers.size()),
        Optional.empty());
  }

  private static List<Integer> each(int layers) {
    return IntStream.range(0, layers).boxed().toList();
  }

  /** The same with or without {@code pooler.dense}. */
  public Architecture withPooler(boolean has) {
    return with(layers, layerWeights, has);
  }

  /** The same with its first {@code count} layers only. */
  public Architecture withFirstLayers(int count) {
    return with(layers.subList(0, count), layerWeights.subList(0, count), pooler);
  }

  private Architecture with(List<LayerShape> shapes, List<Integer> weights, boolean hasPooler) {
    return new Architecture(
        modelType,
        vocabularySize,
        positions,
        tokenTypes,
        hiddenSize,
        headSize,
        shapes,
        activation,
        normPlacement,
        positionScheme,
        layerNormEps,
        padTokenId,
        hasPooler,
        poolerActivation,
        embeddings,
        weights,
        relativeBias);
  }

  /** Number of layers with weights of their own. */
  public int storedLayers() {
    return 1 + layerWeights.stream().mapToInt(Integer::intValue).max().orElse(-1);
  }

  /** Tokens of the longest row that the position table has places for. */
  public int longestSequence() {
    return switch (positionScheme) {
      case LEARNED -> positions;
      case LEARNED_AFTER_PADDING -> positions - padTokenId - 1;
    };
  }

  /**
   * All components; those that a BERT does not need only where they differ from its, because keys
   * of saved results are made of this text.
   */
  @Override
  public String toString() {
    final StringBuilder text = new StringBuilder("Architecture[modelType=").append(modelType);
    text.append(", vocabularySize=").append(vocabularySize);
    text.append(", positions=").append(positions);
    text.append(", tokenTypes=").append(tokenTypes);
    text.append(", hiddenSize=").append(hiddenSize);
    text.append(", headSize=").append(headSize);
    text.append(", layers=").append(layers);
    text.append(", activation=").append(activation);
    text.append(", normPlacement=").append(normPlacement);
    text.append(", positionScheme=").append(positionScheme);
    text.append(", layerNormEps=").append(layerNormEps);
    text.append(", padTokenId=").append(padTokenId);
    text.append(", pooler=").append(pooler);
    if (poolerActivation != PoolerActivation.TANH) {
      text.append(", poolerActivation=").append(poolerActivation);
    }
    if (embeddings.projected()) {
      text.append(", embeddings=").append(embeddings);
    }
    if (!layerWeights.equals(each(layers.size()))) {
      text.append(", layerWeights=").append(layerWeights);
    }
    relativeBias.ifPresent(bias -> text.append(", relativeBias=").append(bias));
    return text.append(']').toString();
  }
}
