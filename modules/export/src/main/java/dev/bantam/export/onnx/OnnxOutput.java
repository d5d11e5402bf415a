package dev.bantam.export.onnx;

/** What an ONNX encoder gives. */
public enum OnnxOutput {
  /** The last hidden states of all tokens, {@code [batch, sequence, d]}. */
  TOKENS,
  /**
   * One vector a text, pooled and normalised as the model says: {@code sentence_embedding [batch,
   * d]}.
   */
  SENTENCE,
  /** The outputs of the classification head: {@code logits [batch, classes]}. */
  LOGITS
}
