package dev.bantam.checkpoint;

/** Text to token ids, exactly as the model's own tokenizer.json says. Thread-safe. */
public interface Tokenizer {
  /**
   * Encodes one text with the special tokens around it, cut to {@code maxLength} tokens in all.
   * Truncation and padding baked into the file are ignored.
   */
  Encoding encode(String text, int maxLength);

  /** Encodes a pair of texts; truncated longest-first as the Hugging Face library does. */
  Encoding encodePair(String first, String second, int maxLength);

  /** The bytes of tokenizer.json, for writing it beside an exported model. */
  byte[] file();
}
