package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** {@code docs/troubleshooting.md} explains messages that exist, and every exit code. */
class TroubleshootingTest {
  private static final Path ROOT = Repository.root();
  private static final String PAGE = Tiny.read(ROOT.resolve("docs/troubleshooting.md"));

  @Test
  void everyMessageIsOneOfTheProducts() throws IOException {
    final StringBuilder sources = new StringBuilder(Tiny.read(ROOT.resolve("bantam")));
    try (Stream<Path> files = Files.walk(ROOT.resolve("modules"))) {
      for (Path file : files.filter(TroubleshootingTest::isSource).toList()) {
        sources.append(Tiny.read(file));
      }
    }
    final String joined = sources.toString().replaceAll("\"\\s*\\+\\s*\"", "");
    final List<String> unknown = new ArrayList<>();
    int messages = 0;
    final Matcher row = Pattern.compile("(?m)^\\| `([^`]+)` \\|").matcher(PAGE);
    while (row.find()) {
      messages++;
      if (!joined.contains(row.group(1))) {
        unknown.add(row.group(1));
      }
    }
    assertEquals(List.of(), unknown, "no such message");
    assertTrue(messages > 15, "messages: " + messages);
  }

  private static boolean isSource(Path file) {
    final String path = file.toString().replace('\\', '/');
    return path.contains("/src/main/java/") && path.endsWith(".java");
  }

  @Test
  void everyExitCodeHasItsSection() {
    for (ExitCode code : ExitCode.values()) {
      assertTrue(
          code == ExitCode.OK || PAGE.matches("(?s).*\n## " + code.code() + "[: ].*"),
          "no section for " + code.code());
    }
  }
}
