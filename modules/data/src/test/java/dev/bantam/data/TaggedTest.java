package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.AlignedEncoding;
import dev.bantam.checkpoint.AlignedTokenizer;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Tokenizer;
import dev.bantam.tensor.BantamException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** From tagged words to the tokens of batches. */
class TaggedTest {
  /** A special token at both ends; pieces of two characters; asterisks are dropped. */
  private static class Pieces implements AlignedTokenizer {
    @Override
    public AlignedEncoding encodeAligned(String text, int maxLength) {
      final List<int[]> tokens = new ArrayList<>(List.of(new int[] {1, 0, 0}));
      int at = 0;
      while (at < text.length()) {
        if (text.charAt(at) == ' ' || text.charAt(at) == '*') {
          at++;
          continue;
        }
        final boolean two = at + 1 < text.length() && " *".indexOf(text.charAt(at + 1)) < 0;
        tokens.add(new int[] {text.charAt(at), at, at + (two ? 2 : 1)});
        at += two ? 2 : 1;
      }
      while (tokens.size() > maxLength - 1) {
        tokens.remove(tokens.size() - 1);
      }
      tokens.add(new int[] {2, 0, 0});
      final int[][] columns = new int[3][tokens.size()];
      for (int t = 0; t < tokens.size(); t++) {
        for (int c = 0; c < 3; c++) {
          columns[c][t] = tokens.get(t)[c];
        }
      }
      return new AlignedEncoding(
          new Encoding(columns[0], new int[tokens.size()]), columns[1], columns[2]);
    }

    @Override
    public Encoding encode(String text, int maxLength) {
      return encodeAligned(text, maxLength).encoding();
    }

    @Override
    public Encoding encodePair(String first, String second, int maxLength) {
      throw new AssertionError("no pairs here");
    }

    @Override
    public byte[] file() {
      return new byte[0];
    }
  }

  private static TokenizedExample tokenize(int maxLength, String words, Integer... tags) {
    final Example example = Example.tagged(List.of(words.split(" ")), List.of(tags));
    return Tokenized.of(new Pieces(), List.of(example), maxLength).get(0);
  }

  @Test
  void theFirstTokenOfEachWordHasTheTag() {
    final TokenizedExample e = tokenize(99, "abcde * fg h*ij", 3, 0, 1, 2);
    // 0 special, 1-3 abcde, 4 fg, 5 h, 6 ij, 7 special
    assertEquals(8, e.length());
    final Tagged tagged = e.tagged().orElseThrow();
    assertArrayEquals(new int[] {1, 4, 5}, tagged.tokens());
    assertArrayEquals(new int[] {0, 2, 3}, tagged.words());
    assertEquals(List.of(3, 0, 1, 2), tagged.tags());
    assertEquals(3, e.outputs());
    assertArrayEquals(new int[] {7, 9, 8, 6}, tagged.ofWords(new int[] {7, 8, 6}, 9));
  }

  @Test
  void wordsBehindTheLongestInputHaveNoOutput() {
    final Tagged tagged = tokenize(5, "abcd ef gh", 1, 2, 3).tagged().orElseThrow();
    assertArrayEquals(new int[] {1, 3}, tagged.tokens());
    assertArrayEquals(new int[] {0, 1}, tagged.words());
    assertArrayEquals(new int[] {4, 5, 0}, tagged.ofWords(new int[] {4, 5}, 0));
  }

  @Test
  void sentencesWithoutAnyTokenAndOtherTokenizersAreRefused() {
    final BantamException none =
        assertThrows(BantamException.class, () -> tokenize(9, "* **", 0, 0));
    assertTrue(none.getMessage().contains("keeps no word of the sentence '* **'"));
    final Tokenizer plain =
        new Tokenizer() {
          @Override
          public Encoding encode(String text, int maxLength) {
            return new Encoding(new int[1], new int[1]);
          }

          @Override
          public Encoding encodePair(String first, String second, int maxLength) {
            return encode(first, maxLength);
          }

          @Override
          public byte[] file() {
            return new byte[0];
          }
        };
    final List<Example> examples = List.of(Example.tagged(List.of("a"), List.of(0)));
    final BantamException other =
        assertThrows(BantamException.class, () -> Tokenized.of(plain, examples, 9));
    assertTrue(other.getMessage().contains("which token belongs to which word"));
  }

  /** Outputs of a batch are those of its examples in order, and know their place in the list. */
  @Test
  void batchesReadThoseTokens() {
    final List<TokenizedExample> examples =
        List.of(
            tokenize(99, "abcd ef", 1, 2),
            tokenize(99, "g", 3),
            tokenize(99, "hi jk * lm", 4, 5, 0, 6));
    final List<LabelledBatch> batches = Batches.byTokenBudget(examples, 8, 9);
    assertEquals(2, batches.size()); // of 3 + 5 and 5 tokens
    final LabelledBatch first = batches.get(0);
    assertEquals(2, first.batch().sequences());
    assertArrayEquals(new int[] {1, 4, 6}, first.batch().read());
    assertArrayEquals(new int[] {3, 1, 2}, first.labels());
    assertArrayEquals(new int[] {2, 0, 1}, first.rows());
    assertArrayEquals(new int[] {1, 2, 3}, batches.get(1).batch().read());
    assertArrayEquals(new int[] {4, 5, 6}, batches.get(1).labels());
    assertArrayEquals(new int[] {3, 4, 5}, batches.get(1).rows());
  }
}
