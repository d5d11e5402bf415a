package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What is wrong with data files, collected so that it is shown in one go. Not thread-safe. */
final class FileProblems {
  private static final int SHOWN = 10;

  private final List<String> shown = new ArrayList<>();
  private long count;

  /** Notes a problem of one line; counting starts at 1. */
  void add(Path file, long line, String message) {
    add(file + ", line " + line + ": " + message);
  }

  /** Notes a problem of a whole file. */
  void add(Path file, String message) {
    add(file + ": " + message);
  }

  private void add(String problem) {
    count++;
    if (shown.size() < SHOWN) {
      shown.add(problem);
    }
  }

  /** Throws all that was noted, if anything was. */
  void throwIfAny() {
    if (count > 0) {
      final String more =
          count > shown.size() ? "\n... and " + (count - shown.size()) + " more like these." : "";
      throw BantamException.badInput(String.join("\n", shown) + more);
    }
  }
}
