package dev.bantam.checkpoint;

/** How the token vectors of a text become one vector. */
public enum Pooling {
  /** Mean over all visible tokens, [CLS] and [SEP] included. */
  MEAN,
  /** The first token's vector. */
  CLS,
  /**
   * f(W h0 + b) with {@code pooler.dense} and {@link Architecture#poolerActivation}, as Hugging
   * Face's classification heads expect.
   */
  POOLER
}
