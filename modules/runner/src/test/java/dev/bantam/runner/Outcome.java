package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;

/**
 * What one command left behind.
 *
 * @param code exit code
 * @param out standard output
 * @param err standard error
 */
record Outcome(int code, String out, String err) {
  /** Runs a command in this process. */
  static Outcome of(Object... arguments) {
    final PrintStream out = System.out;
    final PrintStream err = System.err;
    final ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
    final ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(outBytes, true, StandardCharsets.UTF_8));
      System.setErr(new PrintStream(errBytes, true, StandardCharsets.UTF_8));
      final int code = Main.run(Stream.of(arguments).map(Object::toString).toArray(String[]::new));
      return new Outcome(
          code,
          outBytes.toString(StandardCharsets.UTF_8),
          errBytes.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
  }

  /** Requires an exit code, and shows what the command said if it is another. */
  Outcome code(int expected) {
    assertEquals(expected, code, () -> "exit code; it said:\n" + out + err);
    return this;
  }

  /** Requires parts of standard error. */
  Outcome says(String... fragments) {
    return contains("standard error", err, fragments);
  }

  /** Requires parts of standard output. */
  Outcome prints(String... fragments) {
    return contains("standard output", out, fragments);
  }

  private Outcome contains(String what, String text, String... fragments) {
    assertAll(
        List.of(fragments).stream()
            .map(
                f ->
                    () ->
                        assertTrue(text.contains(f), () -> what + " lacks '" + f + "':\n" + text)));
    return this;
  }
}
