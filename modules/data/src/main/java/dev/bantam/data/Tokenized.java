package dev.bantam.data;

import dev.bantam.checkpoint.AlignedEncoding;
import dev.bantam.checkpoint.AlignedTokenizer;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Tokenizer;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/** Tokenizes examples once, so that epochs and evaluations share the result. */
public final class Tokenized {
  private static final int CHUNK = 256;

  private Tokenized() {}

  /**
   * Tokenizes in order, on the calling thread.
   *
   * @param maxLength tokens to cut each example to, special tokens included
   * @return one tokenized example per example, in the same order; unmodifiable
   */
  public static List<TokenizedExample> of(
      Tokenizer tokenizer, List<Example> examples, int maxLength) {
    return examples.stream().map(e -> tokenize(tokenizer, e, maxLength)).toList();
  }

  /**
   * As {@link #of(Tokenizer, List, int)}, with chunks of examples spread over the threads of {@code
   * executor}. The result is the same, in the same order, on any number of threads.
   *
   * @throws BantamException ({@link ExitCode#INTERRUPTED}) if the calling thread is interrupted
   */
  public static List<TokenizedExample> of(
      Tokenizer tokenizer, List<Example> examples, int maxLength, ExecutorService executor) {
    final List<Callable<List<TokenizedExample>>> chunks = new ArrayList<>();
    for (int from = 0; from < examples.size(); from += CHUNK) {
      final List<Example> chunk = examples.subList(from, Math.min(from + CHUNK, examples.size()));
      chunks.add(() -> of(tokenizer, chunk, maxLength));
    }
    final List<TokenizedExample> all = new ArrayList<>(examples.size());
    try {
      for (Future<List<TokenizedExample>> done : executor.invokeAll(chunks)) {
        all.addAll(done.get());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BantamException(
          ExitCode.INTERRUPTED,
          "Interrupted while tokenizing " + examples.size() + " examples.",
          e);
    } catch (ExecutionException e) {
      throw unwrapped(e);
    }
    return List.copyOf(all);
  }

  private static TokenizedExample tokenize(Tokenizer tokenizer, Example e, int maxLength) {
    if (!e.tags().isEmpty()) {
      return tagged(tokenizer, e, maxLength);
    }
    final Encoding encoding =
        e.isPair()
            ? tokenizer.encodePair(e.text(), e.pair(), maxLength)
            : tokenizer.encode(e.text(), maxLength);
    return new TokenizedExample(encoding, e.label(), e.target(), StableHash.sha256(e.joined()));
  }

  private static TokenizedExample tagged(Tokenizer tokenizer, Example e, int maxLength) {
    if (!(tokenizer instanceof AlignedTokenizer aligned)) {
      throw BantamException.badInput(
          "The tokenizer of the model does not say which token belongs to which word, so words cannot"
              + " be tagged. Take a model with a tokenizer.json.");
    }
    final AlignedEncoding encoding = aligned.encodeAligned(e.text(), maxLength);
    final List<Integer> tokens = new ArrayList<>();
    final List<Integer> words = new ArrayList<>();
    int word = 0;
    final List<String> texts = e.words();
    int end = texts.get(0).length();
    int last = -1;
    for (int t = 0; t < encoding.encoding().length(); t++) {
      if (encoding.begin()[t] < encoding.end()[t]) { // no special token
        while (encoding.begin()[t] >= end) {
          word++;
          end += 1 + texts.get(word).length();
        }
        if (word != last) {
          tokens.add(t);
          words.add(word);
          last = word;
        }
      }
    }
    if (tokens.isEmpty()) {
      throw BantamException.badInput(
          "The tokenizer of the model keeps no word of the sentence '"
              + e.text()
              + "'. Take the sentence out of the data.");
    }
    return new TokenizedExample(
        encoding.encoding(),
        e.label(),
        e.target(),
        StableHash.sha256(e.joined()),
        Optional.of(new Tagged(ints(tokens), ints(words), e.tags())));
  }

  private static int[] ints(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }

  /** What the tokenizer threw, as if it had been called on this thread. */
  private static RuntimeException unwrapped(ExecutionException e) {
    if (e.getCause() instanceof Error error) {
      throw error;
    }
    if (e.getCause() instanceof RuntimeException cause) {
      return cause;
    }
    return new IllegalStateException("A tokenizer threw a checked exception", e);
  }
}
