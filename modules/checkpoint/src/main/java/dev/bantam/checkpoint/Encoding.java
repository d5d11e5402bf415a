package dev.bantam.checkpoint;

import java.util.Objects;

/**
 * The tokens of one input, special tokens included, no padding. The arrays are owned by the
 * encoding; callers do not modify them.
 *
 * @param ids vocabulary ids
 * @param typeIds token type of each id, 0 for the first text and 1 for the second
 */
@SuppressWarnings("ArrayRecordComponent") // written once by the tokenizer, read in hot loops
public record Encoding(int[] ids, int[] typeIds) {
  public Encoding {
    Objects.requireNonNull(ids, "ids");
    if (ids.length != typeIds.length) {
      throw new IllegalArgumentException("ids and typeIds differ in length");
    }
  }

  /** Number of tokens. */
  public int length() {
    return ids.length;
  }
}
