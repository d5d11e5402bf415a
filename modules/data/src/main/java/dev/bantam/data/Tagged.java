package dev.bantam.data;

import java.util.List;

/**
 * What a head of tokens says about a tagged text: it gives an output for the first token of each
 * word. Words that the tokenizer drops, or that lie behind the longest input, have none. The arrays
 * are not modified.
 *
 * @param tokens numbers of those tokens, ascending
 * @param words number of the word of each of them, ascending
 * @param tags right class of every word
 */
@SuppressWarnings("ArrayRecordComponent") // written once by the tokenizer, read in hot loops
public record Tagged(int[] tokens, int[] words, List<Integer> tags) {
  public Tagged {
    tags = List.copyOf(tags);
    if (tokens.length != words.length) {
      throw new IllegalArgumentException(tokens.length + " tokens for " + words.length + " words");
    }
  }

  /** Number of outputs. */
  public int outputs() {
    return tokens.length;
  }

  /**
   * A class for every word.
   *
   * @param predicted class of each output
   * @param outside class of the words without an output
   */
  public int[] ofWords(int[] predicted, int outside) {
    final int[] all = new int[tags.size()];
    java.util.Arrays.fill(all, outside);
    for (int i = 0; i < words.length; i++) {
      all[words[i]] = predicted[i];
    }
    return all;
  }
}
