package dev.bantam.checkpoint;

/** A tokenizer that knows where in the text each token came from, for tagging tasks. */
public interface AlignedTokenizer extends Tokenizer {
  /** As {@link #encode}, with the place of each token. */
  AlignedEncoding encodeAligned(String text, int maxLength);
}
