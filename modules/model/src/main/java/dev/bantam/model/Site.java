package dev.bantam.model;

import java.util.List;
import java.util.Locale;

/**
 * A named place where an activation passes. {@code toString} gives the name used in recipes and
 * reports, e.g. {@code layer.3.attention.input}.
 *
 * <p>With x the output of the layer below, the sites of a layer in forward order are
 *
 * <pre>
 * attention.input          x as query, key and value see it           [tokens, d]
 * attention.query|key|value W x + b                                   [tokens, width]
 * attention.scores         q k^T / sqrt(d_h)                          [n, n] per sequence and head
 * attention.probabilities  softmax(scores), before dropout            [n, n] per sequence and head
 * attention.context        what the output matrix sees                [tokens, width]
 * attention.output         W_o c + b_o, before dropout                [tokens, d]
 * attention.residual       x as it is added                           [tokens, d]
 * attention.sum            what the LayerNorm sees                    [tokens, d]
 * attention.norm           a, its output                              [tokens, d]
 * ffn.input                a as the up matrix sees it                 [tokens, d]
 * ffn.hidden               f(W_up a + b_up)                           [tokens, f]
 * ffn.output               W_down h + b_down, before dropout          [tokens, d]
 * ffn.residual             a as it is added                           [tokens, d]
 * ffn.sum                  what the LayerNorm sees                    [tokens, d]
 * output                   the layer's output                         [tokens, d]
 * </pre>
 *
 * A change at {@code attention.norm} or {@code output} reaches both the matrices and the residual
 * behind it; one at an input or a residual reaches only that branch. Outside the layers there are
 * {@code embeddings.word} (rows of the word table, before the other two are added), {@code
 * embeddings.output}, {@code pooler.input} and {@code pooled} (both [sequences, d]).
 *
 * @param layer number of the layer, -1 for sites outside the layers
 * @param kind which place
 */
public record Site(int layer, Kind kind) {
  /** The places, in forward order. */
  public enum Kind {
    EMBEDDINGS_WORD("embeddings.word"),
    EMBEDDINGS_OUTPUT("embeddings.output"),
    ATTENTION_INPUT("attention.input"),
    ATTENTION_QUERY("attention.query"),
    ATTENTION_KEY("attention.key"),
    ATTENTION_VALUE("attention.value"),
    ATTENTION_SCORES("attention.scores"),
    ATTENTION_PROBABILITIES("attention.probabilities"),
    ATTENTION_CONTEXT("attention.context"),
    ATTENTION_OUTPUT("attention.output"),
    ATTENTION_RESIDUAL("attention.residual"),
    ATTENTION_SUM("attention.sum"),
    ATTENTION_NORM("attention.norm"),
    FFN_INPUT("ffn.input"),
    FFN_HIDDEN("ffn.hidden"),
    FFN_OUTPUT("ffn.output"),
    FFN_RESIDUAL("ffn.residual"),
    FFN_SUM("ffn.sum"),
    LAYER_OUTPUT("output"),
    POOLER_INPUT("pooler.input"),
    POOLED("pooled");

    private final String label;

    Kind(String label) {
      this.label = label;
    }

    /** The sites of one layer, in forward order. */
    static final List<Kind> OF_LAYER =
        List.of(values()).subList(ATTENTION_INPUT.ordinal(), LAYER_OUTPUT.ordinal() + 1);

    /** Whether the site lies in a layer. */
    public boolean inLayer() {
      return OF_LAYER.contains(this);
    }

    /** Whether the site holds an [n, n] matrix for each sequence and head. */
    public boolean square() {
      return this == ATTENTION_SCORES || this == ATTENTION_PROBABILITIES;
    }

    /** Whether the site has one row for each sequence, not for each token. */
    public boolean perSequence() {
      return this == POOLER_INPUT || this == POOLED;
    }
  }

  public Site {
    if (kind.inLayer() ? layer < 0 : layer != -1) {
      throw new IllegalArgumentException("There is no site " + kind + " of layer " + layer);
    }
  }

  /** A site outside the layers. */
  public static Site of(Kind kind) {
    return new Site(-1, kind);
  }

  /** Hidden state {@code i}: the embeddings' output for 0, else the output of layer i - 1. */
  public static Site hiddenState(int i) {
    return i == 0 ? of(Kind.EMBEDDINGS_OUTPUT) : new Site(i - 1, Kind.LAYER_OUTPUT);
  }

  @Override
  public String toString() {
    return kind.inLayer()
        ? String.format(Locale.ROOT, "layer.%d.%s", layer, kind.label)
        : kind.label;
  }
}
