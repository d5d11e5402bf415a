package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/** {@code docs/commands.md} shows what {@code --help} prints, for every command there is. */
class CommandsPageTest {
  /** Its options are those of another program. */
  private static final String BENCH = "bench";

  private static final String PAGE = Tiny.read(Repository.root().resolve("docs/commands.md"));

  static List<String> commands() {
    return new CommandLine(new Main()).getSubcommands().keySet().stream().sorted().toList();
  }

  @Test
  void everyCommandHasItsSection() {
    final Set<String> sections = new TreeSet<>();
    final Matcher heading = Pattern.compile("(?m)^## (.*)$").matcher(PAGE);
    while (heading.find()) {
      sections.add(heading.group(1));
    }
    assertEquals(new TreeSet<>(commands()), sections);
  }

  @ParameterizedTest
  @MethodSource("commands")
  void theHelpIsThatOfTheProgram(String command) {
    if (command.equals(BENCH)) {
      return;
    }
    final Matcher box =
        Pattern.compile("(?ms)^## " + command + "$.*?^```text\n(.*?)^```$").matcher(PAGE);
    assertTrue(box.find(), "no box");
    final StringBuilder help = new StringBuilder();
    Outcome.of(command, "--help")
        .code(0)
        .out()
        .lines()
        .forEach(l -> help.append(l.stripTrailing()).append('\n'));
    assertEquals(help.toString(), box.group(1));
  }
}
