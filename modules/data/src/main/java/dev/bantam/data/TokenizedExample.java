package dev.bantam.data;

import dev.bantam.checkpoint.Encoding;
import java.util.Objects;
import java.util.Optional;

/**
 * An example as a model sees it.
 *
 * @param encoding its tokens, at least one
 * @param label as in {@link Example}
 * @param target as in {@link Example}
 * @param hash SHA-256 of {@link Example#joined()}: the name of the example in manifests
 * @param tagged the words of a tagged text
 */
public record TokenizedExample(
    Encoding encoding, int label, double target, String hash, Optional<Tagged> tagged) {
  public TokenizedExample {
    Objects.requireNonNull(hash, "hash");
    if (encoding.length() == 0) {
      throw new IllegalArgumentException("Example " + hash + " has no tokens");
    }
  }

  /** An example of any other kind. */
  public TokenizedExample(Encoding encoding, int label, double target, String hash) {
    this(encoding, label, target, hash, Optional.empty());
  }

  /** Number of outputs that a head gives: one, or one for each word that has a token. */
  public int outputs() {
    return tagged.map(Tagged::outputs).orElse(1);
  }

  /** Number of tokens. */
  public int length() {
    return encoding.length();
  }
}
