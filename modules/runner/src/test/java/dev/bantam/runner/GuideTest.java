package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Does what {@code docs/guide.md} says, block by block: files are written under the name behind
 * their language, commands run in order, and what is shown after them must be there, numbers apart.
 * The Java programs run as they stand.
 */
class GuideTest {
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```([a-z]+)(?: (\\S+))?\n(.*?)^```$");

  @TempDir private Path temporary;

  /** A random model in the place of the reader's. */
  private void model() throws IOException {
    final Tiny tiny = Tiny.in(temporary).resized(96, 192, 64);
    Files.move(tiny.model(), temporary.resolve("my-model"));
    Files.writeString(
        temporary.resolve("texts.txt"),
        Tiny.read(tiny.folder().resolve("signs.tsv"))
            .lines()
            .skip(1)
            .map(row -> row.split("\t", -1)[0])
            .collect(Collectors.joining("\n")));
  }

  @Test
  void everyBlockDoesWhatTheGuideSays() throws IOException, InterruptedException {
    model();
    final Matcher block = BLOCK.matcher(Tiny.read(Repository.root().resolve("docs/guide.md")));
    final Map<String, Integer> done = new TreeMap<>();
    String said = "";
    while (block.find()) {
      final String text = block.group(3);
      switch (block.group(1)) {
        case "yaml" -> write(block.group(2), text);
        case "sh" -> said = run(text);
        case "text" -> requireShown(text, said);
        case "java" -> said = start(write(block.group(2), text));
        default -> throw new AssertionError("a block of " + block.group(1));
      }
      done.merge(block.group(1), 1, Integer::sum);
    }
    assertEquals(Map.of("java", 3, "sh", 7, "text", 10, "yaml", 3), done);
  }

  private String write(String name, String text) throws IOException {
    assertNotNull(name, "a block without the name of its file: " + text);
    Files.writeString(temporary.resolve(name), text);
    return name;
  }

  /** Runs commands in this process and returns what they print. */
  private String run(String commands) {
    final StringBuilder said = new StringBuilder();
    for (String line : commands.lines().toList()) {
      assertTrue(line.startsWith("./bantam "), line);
      final Object[] words =
          Stream.of(line.substring("./bantam ".length()).split(" ")).map(this::placed).toArray();
      said.append(Outcome.of(words).code(0).out());
    }
    return said.toString().replace(temporary + "/", "");
  }

  /** The words that name files, as seen from here. */
  private Object placed(String word) {
    return word.matches("my-model.*|onnx/.*|[a-z0-9]+\\.yaml") ? temporary.resolve(word) : word;
  }

  /** Starts a Java program from its source, with the test's class path. */
  private String start(String source) throws IOException, InterruptedException {
    final Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    final ProcessBuilder builder =
        new ProcessBuilder(java.toString(), "-XX:TieredStopAtLevel=1", source)
            .directory(temporary.toFile())
            .redirectError(temporary.resolve("err.txt").toFile());
    builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
    final Process process = builder.start();
    final String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), source + ":\n" + Tiny.read(temporary.resolve("err.txt")));
    return said;
  }

  /** Every line that is shown was printed, in that order, with other numbers. */
  private static void requireShown(String shown, String said) {
    final List<String> rest = new ArrayList<>(said.lines().map(GuideTest::shape).toList());
    int compared = 0;
    for (String line : shown.lines().filter(l -> !l.equals("...")).toList()) {
      final int at = rest.indexOf(shape(line));
      assertTrue(at >= 0, "not printed: " + line + "\nas " + shape(line) + "\nbut:\n" + said);
      rest.subList(0, at + 1).clear();
      compared++;
    }
    assertTrue(compared > 0, "nothing shown");
  }

  private static String shape(String line) {
    return line.replaceAll("-?[0-9][0-9,.]*([eE][-+]?[0-9]+)?", "N").replaceAll(" +", " ").strip();
  }
}
