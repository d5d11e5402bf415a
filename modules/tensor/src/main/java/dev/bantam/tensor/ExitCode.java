package dev.bantam.tensor;

/** The documented exit codes of the command line, carried by every error that a user can cause. */
public enum ExitCode {
  /** Everything worked. */
  OK(0),
  /** A defect of the product itself. */
  UNEXPECTED(1),
  /** The command line is wrong. */
  USAGE(2),
  /** A file written for Bantam (experiment, recipe, task, merge file) is wrong. */
  BAD_FILE(3),
  /** Anything else that is read is missing, unreadable, unsupported or damaged. */
  BAD_INPUT(4),
  /** A quality gate of the experiment was not met. */
  GATE(5),
  /** The work would not fit into memory or on disk. */
  WOULD_NOT_FIT(6),
  /** A run folder belongs to other settings. */
  RESUME_MISMATCH(7),
  /** Stopped by the user. */
  INTERRUPTED(130);

  private final int code;

  ExitCode(int code) {
    this.code = code;
  }

  /** The process exit status. */
  public int code() {
    return code;
  }
}
