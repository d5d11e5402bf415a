package dev.bantam.checkpoint;

import java.util.regex.Pattern;

/**
 * A pattern for the names of parameters: a glob ({@code *} any characters, {@code ?} one) or, after
 * {@code re:}, a regular expression. It must match the whole base-model name.
 */
public final class NamePattern {
  /** What makes a text a regular expression. */
  public static final String REGEX = "re:";

  private final String text;
  private final Pattern compiled;

  private NamePattern(String text, Pattern compiled) {
    this.text = text;
    this.compiled = compiled;
  }

  /**
   * The pattern of a text.
   *
   * @throws java.util.regex.PatternSyntaxException if it is not a regular expression after {@code
   *     re:}; its index counts from behind the colon
   */
  public static NamePattern of(String text) {
    if (text.startsWith(REGEX)) {
      return new NamePattern(text, Pattern.compile(text.substring(REGEX.length())));
    }
    final StringBuilder regex = new StringBuilder();
    for (char c : text.toCharArray()) {
      regex.append(
          switch (c) {
            case '*' -> ".*";
            case '?' -> ".";
            default -> Pattern.quote(String.valueOf(c));
          });
    }
    return new NamePattern(text, Pattern.compile(regex.toString()));
  }

  /** Whether it matches a whole name. */
  public boolean matches(String name) {
    return compiled.matcher(name).matches();
  }

  /** The text it was made of. */
  @Override
  public String toString() {
    return text;
  }

  /** The message for a pattern that matches no tensor of a model. */
  public static String matchesNothing(String pattern) {
    return "'"
        + pattern
        + "' matches no tensor of the model. Names look like"
        + " 'encoder.layer.0.attention.self.query.weight' or"
        + " 'embeddings.word_embeddings.weight'.";
  }
}
