package dev.bantam.runner;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The examples of {@code docs/experiment-file.md}, each made a whole experiment: a block that
 * begins with {@code version} is one; a list of variants, or other keys of the top level, take the
 * place of those of a plain experiment.
 */
final class Document {
  private static final Pattern BLOCK =
      Pattern.compile(
          "(?ms)^```(yaml|text)( [a-z]+)?\n(.*?)^```$(?:\n\ngives\n\n```text\n(.*?)^```$)?");

  /**
   * One fenced block.
   *
   * @param line of its first line in the document
   * @param kind {@code wrong}, or empty if it is right
   * @param text as written
   * @param message the block that shows what a wrong one gives, or empty
   */
  record Example(int line, String kind, String text, String message) {
    /** The whole experiment, with other keys than the example's from {@code base}. */
    String experiment(String base) {
      if (text.startsWith("version:")) {
        return text;
      }
      final String fragment = text.startsWith("- ") ? variants() : text;
      final Map<String, String> keys = keys(base);
      keys.keySet().removeAll(keys(fragment).keySet());
      return String.join("", keys.values()) + fragment;
    }

    private String variants() {
      return "variants:\n  - {name: dense}\n" + text.indent(2);
    }

    @Override
    public String toString() {
      return "line " + line + ": " + text.lines().findFirst().orElse("") + " ...";
    }
  }

  private Document() {}

  static List<Example> examples() {
    final String document = Tiny.read(Repository.root().resolve("docs/experiment-file.md"));
    final List<Example> examples = new ArrayList<>();
    final Matcher block = BLOCK.matcher(document);
    while (block.find()) {
      if (block.group(1).equals("yaml")) {
        final int line = 2 + (int) document.substring(0, block.start()).lines().count();
        final String kind = block.group(2) == null ? "" : block.group(2).strip();
        final String message = block.group(4) == null ? "" : block.group(4);
        examples.add(new Example(line, kind, block.group(3), message));
      }
    }
    return examples;
  }

  static List<Example> examples(String kind) {
    final List<Example> some = examples().stream().filter(e -> e.kind().equals(kind)).toList();
    if (some.isEmpty()) {
      throw new AssertionError("the document has no example of the kind '" + kind + "'");
    }
    return some;
  }

  /** The top-level keys of an experiment, each with the lines that belong to it. */
  private static Map<String, String> keys(String yaml) {
    final Map<String, String> keys = new LinkedHashMap<>();
    String key = "";
    for (String line : yaml.lines().toList()) {
      if (line.matches("[a-z-]+:.*")) {
        key = line.substring(0, line.indexOf(':'));
      }
      keys.merge(key, line + "\n", String::concat);
    }
    return keys;
  }
}
