package dev.bantam.checkpoint;

import java.util.Objects;

/**
 * What a model reads of one input: the tokens of a text, special tokens included, no padding; or a
 * row of numbers, which counts as one token. The arrays are owned by the encoding; callers do not
 * modify them.
 *
 * @param ids vocabulary ids
 * @param typeIds token type of each id, 0 for the first text and 1 for the second
 * @param features the numbers, in the order of the network's input; none for a text
 */
@SuppressWarnings("ArrayRecordComponent") // written once by the tokenizer, read in hot loops
public record Encoding(int[] ids, int[] typeIds, float[] features) {
  private static final float[] NONE = {};

  public Encoding {
    Objects.requireNonNull(ids, "ids");
    if (ids.length != typeIds.length) {
      throw new IllegalArgumentException("ids and typeIds differ in length");
    }
  }

  /** The tokens of a text. */
  public Encoding(int[] ids, int[] typeIds) {
    this(ids, typeIds, NONE);
  }

  /** A row of numbers. */
  public static Encoding ofFeatures(float[] features) {
    return new Encoding(new int[1], new int[1], features);
  }

  /** Number of tokens. */
  public int length() {
    return ids.length;
  }
}
