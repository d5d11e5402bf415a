package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Tokenizer;
import dev.bantam.tensor.BantamException;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TokenizedTest {
  /** One token per character, between 1 and 2; the second text of a pair is followed by 2 too. */
  private static final class Characters implements Tokenizer {
    @Override
    public Encoding encode(String text, int maxLength) {
      if (text.equals("bad")) {
        throw BantamException.badInput("bad text");
      }
      final int[] ids = IntStream.concat(IntStream.of(1), text.chars()).limit(maxLength).toArray();
      return new Encoding(ids, new int[ids.length]);
    }

    @Override
    public Encoding encodePair(String first, String second, int maxLength) {
      final int[] ids =
          IntStream.concat(IntStream.concat(first.chars(), IntStream.of(2)), second.chars())
              .limit(maxLength)
              .toArray();
      final int[] types =
          IntStream.range(0, ids.length).map(i -> i <= first.length() ? 0 : 1).toArray();
      return new Encoding(ids, types);
    }

    @Override
    public byte[] file() {
      return new byte[0];
    }
  }

  @Test
  void textsAndPairsKeepLabelAndHash() {
    final TokenizedExample single =
        Tokenized.of(new Characters(), List.of(Example.labelled("abc", 4)), 3).get(0);
    assertArrayEquals(new int[] {1, 'a', 'b'}, single.encoding().ids());
    assertEquals(4, single.label());
    assertEquals(StableHash.sha256("abc"), single.hash());
    final TokenizedExample pair =
        Tokenized.of(new Characters(), List.of(Example.scored("a", "b", 2.5)), 9).get(0);
    assertArrayEquals(new int[] {'a', 2, 'b'}, pair.encoding().ids());
    assertArrayEquals(new int[] {0, 0, 1}, pair.encoding().typeIds());
    assertEquals(2.5, pair.target());
    assertEquals(StableHash.sha256("a\tb"), pair.hash());
  }

  @Test
  void threadsDoNotChangeTheResult() {
    final List<Example> examples =
        IntStream.range(0, 1_000).mapToObj(i -> Example.labelled("text " + i, i)).toList();
    final List<TokenizedExample> serial = Tokenized.of(new Characters(), examples, 50);
    final ExecutorService threads = Executors.newFixedThreadPool(3);
    try {
      final List<TokenizedExample> parallel = Tokenized.of(new Characters(), examples, 50, threads);
      assertEquals(serial.size(), parallel.size());
      for (int i = 0; i < serial.size(); i++) {
        assertEquals(serial.get(i).hash(), parallel.get(i).hash());
        assertEquals(i, parallel.get(i).label());
        assertArrayEquals(serial.get(i).encoding().ids(), parallel.get(i).encoding().ids());
      }
      final List<Example> bad = List.of(Example.labelled("bad", 0));
      final BantamException e =
          assertThrows(
              BantamException.class, () -> Tokenized.of(new Characters(), bad, 50, threads));
      assertEquals("bad text", e.getMessage());
    } finally {
      threads.shutdown();
    }
  }
}
