package dev.bantam.runner.experiment;

import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** Name patterns: a glob, or a regular expression after {@code re:}. */
final class Patterns {
  private static final String REGEX = "re:";

  private Patterns() {}

  /** Reports the regular expressions that do not compile. What they match is known only later. */
  static void check(YamlSettings settings, String key, List<String> patterns) {
    for (String pattern : patterns) {
      if (pattern.startsWith(REGEX)) {
        try {
          Pattern.compile(pattern.substring(REGEX.length()));
        } catch (PatternSyntaxException e) {
          settings.problemAt(
              key,
              settings.full(key)
                  + ": '"
                  + pattern
                  + "' is not a regular expression: "
                  + e.getDescription()
                  + " at character "
                  + (e.getIndex() + REGEX.length() + 1),
              "Correct it, or write a glob such as 'encoder.layer.*.output.dense.weight'.");
        }
      }
    }
  }
}
