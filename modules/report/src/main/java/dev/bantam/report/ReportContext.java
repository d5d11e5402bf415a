package dev.bantam.report;

import java.util.Objects;
import java.util.Optional;

/**
 * What a report says beside its numbers.
 *
 * @param title heading; if empty the name of the experiment, or what the names of joined ones have
 *     in common
 * @param commandToReproduce what a reader types to run it again, e.g. {@code ./bantam run
 *     experiments/quickstart}
 * @param version of Bantam
 * @param commit of the sources, named in published reports
 */
public record ReportContext(
    String title, String commandToReproduce, String version, Optional<String> commit) {
  public ReportContext {
    Objects.requireNonNull(title, "title");
    Objects.requireNonNull(commandToReproduce, "commandToReproduce");
    Objects.requireNonNull(version, "version");
    Objects.requireNonNull(commit, "commit");
  }

  /** Without a commit. */
  public ReportContext(String title, String commandToReproduce, String version) {
    this(title, commandToReproduce, version, Optional.empty());
  }

  /** The same with the commit of the sources. */
  public ReportContext withCommit(String commit) {
    return new ReportContext(title, commandToReproduce, version, Optional.of(commit));
  }
}
