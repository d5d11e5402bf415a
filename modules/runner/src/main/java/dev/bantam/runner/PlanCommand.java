package dev.bantam.runner;

import dev.bantam.runner.run.Plan;
import dev.bantam.runner.run.Prepared;
import dev.bantam.runner.run.RunOptions;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code bantam plan}. */
@Command(
    name = "plan",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = "Check an experiment and print what 'run' would do: treatment, sizes, time.")
final class PlanCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "EXPERIMENT",
      description = "An experiment file, or a folder with an experiment.yaml.")
  private Path experiment;

  @Mixin private Common common;

  @Override
  public Integer call() {
    final RunOptions options =
        new RunOptions(
            false,
            OptionalInt.empty(),
            common.threads(),
            common.offline(),
            false,
            common.progress());
    final Prepared prepared = RunCommand.prepare(experiment, options);
    Plan.print(prepared, options, Path.of("runs", prepared.experiment().name()), System.out);
    return 0;
  }
}
