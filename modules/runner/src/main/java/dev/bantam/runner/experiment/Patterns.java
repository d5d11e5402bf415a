package dev.bantam.runner.experiment;

import dev.bantam.checkpoint.NamePattern;
import java.util.List;
import java.util.regex.PatternSyntaxException;

/** Name patterns: a glob, or a regular expression after {@code re:}. */
final class Patterns {
  private Patterns() {}

  /** Reports the regular expressions that do not compile. What they match is known only later. */
  static void check(YamlSettings settings, String key, List<String> patterns) {
    for (String pattern : patterns) {
      try {
        NamePattern.of(pattern);
      } catch (PatternSyntaxException e) {
        settings.problemAt(
            key,
            settings.full(key)
                + ": '"
                + pattern
                + "' is not a regular expression: "
                + e.getDescription()
                + " at character "
                + (e.getIndex() + NamePattern.REGEX.length() + 1),
            "Correct it, or write a glob such as 'encoder.layer.*.output.dense.weight'.");
      }
    }
  }
}
