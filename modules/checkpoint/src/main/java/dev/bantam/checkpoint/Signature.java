package dev.bantam.checkpoint;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What an ONNX file of an encoder calls its inputs and its hidden states, so that a file written
 * from the model can take the place of the one it was read from.
 *
 * @param inputIds name of the token ids' input
 * @param attentionMask name of the input that is 1 where a token stands and 0 on padding
 * @param tokenTypeIds name of the token types' input; empty if the file has none and all types are
 *     0
 * @param output name of the output that holds the hidden states of the last layer
 */
public record Signature(
    String inputIds, String attentionMask, Optional<String> tokenTypeIds, String output) {

  /** The names that Hugging Face's exporters use. */
  public static final Signature STANDARD =
      new Signature(
          "input_ids", "attention_mask", Optional.of("token_type_ids"), "last_hidden_state");

  /**
   * The names that Hugging Face's exporters use for an architecture: without token types where it
   * knows none or one.
   */
  public static Signature of(Architecture architecture) {
    return architecture.tokenTypes() > 1
        ? STANDARD
        : new Signature(
            STANDARD.inputIds, STANDARD.attentionMask, Optional.empty(), STANDARD.output);
  }

  /**
   * Checks the names.
   *
   * @throws IllegalArgumentException if one is empty or two are equal
   */
  public Signature {
    Objects.requireNonNull(inputIds, "inputIds");
    Objects.requireNonNull(attentionMask, "attentionMask");
    Objects.requireNonNull(tokenTypeIds, "tokenTypeIds");
    Objects.requireNonNull(output, "output");
    final List<String> names =
        Stream.concat(Stream.of(inputIds, attentionMask, output), tokenTypeIds.stream()).toList();
    if (names.stream().anyMatch(String::isEmpty)
        || names.stream().distinct().count() != names.size()) {
      throw new IllegalArgumentException("Names of inputs and output must differ: " + names);
    }
  }
}
