package dev.bantam.runner.experiment;

import java.util.Objects;

/**
 * One thing that is wrong in a file written for Bantam.
 *
 * @param file name of the file as the user gave it
 * @param line from 1
 * @param column from 1, in Unicode code points
 * @param message what is wrong, with the key and the value in it
 * @param suggestion what to write instead, or empty
 */
public record Problem(String file, int line, int column, String message, String suggestion) {
  public Problem {
    Objects.requireNonNull(file, "file");
    Objects.requireNonNull(message, "message");
    Objects.requireNonNull(suggestion, "suggestion");
    if (line < 1 || column < 1) {
      throw new IllegalArgumentException("line and column count from 1: " + line + ":" + column);
    }
  }

  /** {@code file:line:column: message}, the suggestion on an indented line of its own. */
  @Override
  public String toString() {
    final String head = file + ":" + line + ":" + column + ": " + message;
    return suggestion.isEmpty() ? head : head + "\n    " + suggestion;
  }
}
