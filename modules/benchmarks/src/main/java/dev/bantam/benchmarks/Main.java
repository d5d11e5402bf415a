package dev.bantam.benchmarks;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/** The command line of {@code bantam bench}; options and exit codes are those of the product. */
@Command(
    name = "bantam bench",
    mixinStandardHelpOptions = true,
    versionProvider = dev.bantam.runner.Main.Versions.class,
    description = {
      "Measure speed, and of exported files quality, against a named peer in one process.",
      "One JSON object a line; a higher ratio is better."
    },
    subcommands = {
      EncoderCommand.class,
      TrainCommand.class,
      OnnxCommand.class,
      FisherCommand.class,
      PopcountCommand.class,
      MergeCommand.class
    })
public final class Main implements Callable<Integer> {
  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  @Override
  public Integer call() {
    throw new ParameterException(
        spec.commandLine(), "Name a benchmark: encoder, train, onnx, fisher, popcount or merge.");
  }

  /** Runs one benchmark and ends the process with its exit code. */
  public static void main(String[] arguments) {
    System.exit(run(arguments));
  }

  /** Runs one benchmark and returns its exit code. */
  static int run(String... arguments) {
    return dev.bantam.runner.Main.execute(new Main(), arguments);
  }
}
