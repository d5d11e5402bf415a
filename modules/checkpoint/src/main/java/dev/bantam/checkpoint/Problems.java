package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import java.util.ArrayList;
import java.util.List;

/** Everything that is wrong with one input, so that it can be reported in one go. */
final class Problems {
  private final String subject;
  private final List<String> lines = new ArrayList<>();

  /**
   * Starts an empty list.
   *
   * @param subject opening of the message, e.g. "The model in /a/b cannot be read"
   */
  Problems(String subject) {
    this.subject = subject;
  }

  void add(String line) {
    lines.add(line);
  }

  /** Throws what was collected, if anything. */
  void throwIfAny() {
    if (!lines.isEmpty()) {
      throw BantamException.badInput(subject + ":\n  - " + String.join("\n  - ", lines));
    }
  }
}
