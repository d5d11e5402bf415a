package dev.bantam.runner.experiment;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Everything found wrong in one file, sorted by position and without repetition (a grid parses the
 * same lines once per variant).
 *
 * <p>Not thread-safe.
 */
public final class Problems {
  private final String file;
  private final boolean included;
  private final Set<Problem> found;

  private int reports;

  /**
   * @param file the file's name as the user gave it, printed in front of every problem
   */
  public Problems(String file) {
    this(file, false, new LinkedHashSet<>());
  }

  private Problems(String file, boolean included, Set<Problem> found) {
    this.file = Objects.requireNonNull(file, "file");
    this.included = included;
    this.found = found;
  }

  /** For a file that this one includes: what is wrong there is listed here, after all of this. */
  Problems included(String name) {
    return new Problems(name, true, found);
  }

  /** A place in this file. */
  Position at(int line, int column) {
    return new Position(included ? file : "", line, column);
  }

  /** Adds a problem; an empty {@code suggestion} means there is nothing to advise. */
  public void add(int line, int column, String message, String suggestion) {
    add(at(line, column), message, suggestion);
  }

  void add(Position at, String message, String suggestion) {
    reports++;
    final String where = at.file().isEmpty() ? file : at.file();
    found.add(new Problem(where, at.line(), at.column(), message, suggestion));
  }

  /** The problems so far in the order of the file; those of one place as they were added. */
  public List<Problem> list() {
    return found.stream()
        .sorted(
            Comparator.comparing((Problem p) -> p.file().equals(file) ? "" : p.file())
                .thenComparingInt(Problem::line)
                .thenComparingInt(Problem::column))
        .toList();
  }

  /** How often something was reported, repetitions included. */
  int reports() {
    return reports;
  }

  /**
   * Throws one error that lists all problems.
   *
   * @throws BantamException with {@link ExitCode#BAD_FILE} if there is at least one
   */
  public void throwIfAny() {
    if (!found.isEmpty()) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          list().stream().map(Problem::toString).collect(Collectors.joining("\n")));
    }
  }

  /** As {@link #throwIfAny()} after adding a problem that leaves nothing more to read. */
  BantamException fatal(Position at, String message, String suggestion) {
    add(at, message, suggestion);
    throwIfAny();
    throw new IllegalStateException("a problem was added and not found");
  }
}
