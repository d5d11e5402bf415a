package dev.bantam.checkpoint;

import java.util.List;
import java.util.Objects;

/**
 * Shape and conventions of an encoder: everything its forward pass needs beside the named weights.
 * Narrower encoders (heads or FFN units removed) are values of this record, not subclasses.
 *
 * @param modelType the {@code model_type} of the Hugging Face configuration, e.g. {@code bert}
 * @param vocabularySize rows of the word embedding table
 * @param positions rows of the position embedding table, the longest sequence
 * @param tokenTypes rows of the token type table
 * @param hiddenSize width of the residual stream
 * @param headSize width of one attention head
 * @param layers shape of each encoder layer, input side first
 * @param activation activation between the two FFN matrices
 * @param normPlacement where the LayerNorms stand
 * @param positionScheme how a token's position enters
 * @param layerNormEps added to the variance inside the root
 * @param padTokenId id of the padding token
 * @param pooler whether the weights hold {@code pooler.dense}
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
    boolean pooler) {

  /** FFN activation, named as in the configuration's {@code hidden_act}. */
  public enum Activation {
    /** {@code gelu}: x/2 (1 + erf(x / sqrt 2)). */
    GELU_ERF,
    /** {@code gelu_new}, {@code gelu_pytorch_tanh}: the tanh form. */
    GELU_TANH,
    /** {@code relu}. */
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
    LEARNED
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
    layers = List.copyOf(layers);
    if (vocabularySize < 1 || positions < 1 || hiddenSize < 1 || headSize < 1) {
      throw new IllegalArgumentException("Sizes of an architecture must be positive");
    }
    if (!(layerNormEps > 0)) {
      throw new IllegalArgumentException("layerNormEps must be positive: " + layerNormEps);
    }
  }
}
