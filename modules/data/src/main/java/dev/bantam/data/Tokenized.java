package dev.bantam.data;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Tokenizer;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.ArrayList;
import java.util.List;
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
    final Encoding encoding =
        e.isPair()
            ? tokenizer.encodePair(e.text(), e.pair(), maxLength)
            : tokenizer.encode(e.text(), maxLength);
    return new TokenizedExample(encoding, e.label(), e.target(), StableHash.sha256(e.joined()));
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
