package dev.bantam.tensor;

import java.util.Objects;

/**
 * An error with a message for the user: what, where, why and what to do about it.
 *
 * <p>Everything that bad input can cause is thrown as this type; any other exception that reaches
 * the command line is a defect and ends with {@link ExitCode#UNEXPECTED}.
 */
public class BantamException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ExitCode exitCode;

  public BantamException(ExitCode exitCode, String message) {
    this(exitCode, message, null);
  }

  public BantamException(ExitCode exitCode, String message, Throwable cause) {
    super(message, cause);
    this.exitCode = Objects.requireNonNull(exitCode, "exitCode");
  }

  /** Input other than Bantam's own files is missing, unreadable, unsupported or damaged. */
  public static BantamException badInput(String message) {
    return new BantamException(ExitCode.BAD_INPUT, message);
  }

  /** As {@link #badInput(String)}, keeping the cause for the log. */
  public static BantamException badInput(String message, Throwable cause) {
    return new BantamException(ExitCode.BAD_INPUT, message, cause);
  }

  /** The exit status that the command line ends with. */
  public ExitCode exitCode() {
    return exitCode;
  }
}
