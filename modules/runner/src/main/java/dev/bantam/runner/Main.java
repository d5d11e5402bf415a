package dev.bantam.runner;

import dev.bantam.runner.run.Interruption;
import dev.bantam.runner.run.Version;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.ParameterException;

/** The command line. Exit codes are those of {@link ExitCode}. */
@Command(
    name = "bantam",
    mixinStandardHelpOptions = true,
    description = "Model compression workbench for BERT-like encoders.",
    versionProvider = Main.Versions.class,
    subcommands = {
      RunCommand.class,
      PlanCommand.class,
      InspectCommand.class,
      FinetuneCommand.class,
      CompressCommand.class,
      SensitivityCommand.class,
      MergeCommand.class,
      EvaluateCommand.class,
      ExportCommand.class,
      ReportCommand.class,
      BenchCommand.class,
      CacheCommand.class,
      DoctorCommand.class
    },
    footer = {
      "",
      "Exit codes: 0 ok; 1 unexpected; 2 usage; 3 a file written for Bantam is wrong;",
      "4 other input is missing or damaged, or output cannot be written; 5 gate not met;",
      "6 would not fit; 7 resume mismatch; 130 interrupted (143 terminated)."
    })
public final class Main implements Callable<Integer> {
  private static final Logger LOG = LoggerFactory.getLogger(Main.class);

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  /** Prints the version of the build. */
  public static final class Versions implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"bantam " + Version.TEXT};
    }
  }

  @Override
  public Integer call() {
    throw new ParameterException(spec.commandLine(), "Name a command.");
  }

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] arguments) {
    System.setProperty("java.awt.headless", "true");
    Interruption.listen();
    final int code;
    try {
      code = run(arguments);
    } finally {
      Interruption.ended();
    }
    System.exit(code);
  }

  /** Runs one command and returns its exit code. */
  static int run(String... arguments) {
    return execute(new Main(), arguments);
  }

  /**
   * Runs a command line the way this one runs: errors go to standard error, and the exit code is
   * that of the error.
   *
   * @param command an object that picocli knows as a command
   */
  public static int execute(Object command, String... arguments) {
    return new CommandLine(command)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionExceptionHandler((failure, line, result) -> report(failure))
        .execute(arguments);
  }

  private static int report(Exception failure) {
    if (failure instanceof BantamException known) {
      System.err.println(known.getMessage());
      LOG.debug("Stack trace of the error", known);
      return known.exitCode().code();
    }
    LOG.error("This is a defect of Bantam. Please report it with this trace.", failure);
    return ExitCode.UNEXPECTED.code();
  }

  /** A wrong command line. */
  public static BantamException usage(String message) {
    return new BantamException(ExitCode.USAGE, message);
  }
}
