package dev.bantam.data;

import dev.bantam.checkpoint.Encoding;
import java.util.Objects;

/**
 * An example as a model sees it.
 *
 * @param encoding its tokens, at least one
 * @param label as in {@link Example}
 * @param target as in {@link Example}
 * @param hash SHA-256 of {@link Example#joined()}: the name of the example in manifests
 */
public record TokenizedExample(Encoding encoding, int label, double target, String hash) {
  public TokenizedExample {
    Objects.requireNonNull(hash, "hash");
    if (encoding.length() == 0) {
      throw new IllegalArgumentException("Example " + hash + " has no tokens");
    }
  }

  /** Number of tokens. */
  public int length() {
    return encoding.length();
  }
}
