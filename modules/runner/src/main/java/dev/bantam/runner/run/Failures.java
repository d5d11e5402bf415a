package dev.bantam.runner.run;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Errors of independent pieces of work, reported together under the smallest of their codes. */
final class Failures {
  private final List<BantamException> found = new ArrayList<>();

  /** Runs something, and keeps its error instead of throwing it. */
  void collect(Runnable work) {
    try {
      work.run();
    } catch (BantamException e) {
      if (e.exitCode() == ExitCode.INTERRUPTED) {
        throw e;
      }
      found.add(e);
    }
  }

  boolean any() {
    return !found.isEmpty();
  }

  /** Throws one error with all messages, if there are any. */
  void throwIfAny() {
    if (found.size() == 1) {
      throw found.get(0);
    }
    if (any()) {
      throw new BantamException(
          found.stream()
              .map(BantamException::exitCode)
              .min(Comparator.comparingInt(ExitCode::code))
              .orElseThrow(),
          String.join("\n", found.stream().map(Throwable::getMessage).distinct().toList()));
    }
  }
}
