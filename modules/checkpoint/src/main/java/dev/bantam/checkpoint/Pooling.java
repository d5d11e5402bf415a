package dev.bantam.checkpoint;

/** How the token vectors of a text become one vector. */
public enum Pooling {
  /** Mean over all visible tokens, [CLS] and [SEP] included. */
  MEAN,
  /** The first token's vector. */
  CLS,
  /** tanh(W h0 + b) with {@code pooler.dense}, as Hugging Face's classification heads expect. */
  POOLER
}
