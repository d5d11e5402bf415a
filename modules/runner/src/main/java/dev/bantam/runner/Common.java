package dev.bantam.runner;

import dev.bantam.runner.run.ConsoleProgress;
import java.io.PrintStream;
import picocli.CommandLine.Option;

/** Options that every command takes. */
public final class Common {
  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads to work with (default: all cores). Results do not depend on it.")
  private Integer threads;

  @Option(names = "--quiet", description = "Show results and errors only, no progress.")
  private boolean quiet;

  @Option(names = "--offline", description = "Refuse downloads; use what is there.")
  private boolean offline;

  private ConsoleProgress progress;

  /** Threads to work with. */
  public int threads() {
    if (threads == null) {
      return Runtime.getRuntime().availableProcessors();
    }
    if (threads < 1 || threads > 1024) {
      throw Main.usage("--threads is " + threads + " and must be in 1..1024.");
    }
    return threads;
  }

  boolean quiet() {
    return quiet;
  }

  /** Whether downloads are refused. */
  public boolean offline() {
    return offline;
  }

  /**
   * Progress on standard error, so that standard output holds results alone. The launcher says
   * whether that is a terminal; Java can tell only of input and output.
   */
  public ConsoleProgress progress() {
    if (progress == null) {
      final PrintStream err = System.err;
      progress = new ConsoleProgress(err, quiet, Boolean.getBoolean("bantam.terminal"));
    }
    return progress;
  }
}
