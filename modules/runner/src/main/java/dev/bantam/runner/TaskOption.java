package dev.bantam.runner;

import dev.bantam.data.Task;
import dev.bantam.runner.experiment.TaskArgument;
import dev.bantam.runner.experiment.TaskSpec;
import dev.bantam.runner.run.Sources;
import dev.bantam.runner.run.StepCatalogue;
import picocli.CommandLine.Option;

/** The task that a command works on. */
final class TaskOption {
  static final String DESCRIPTION =
      "A named task, glue:sst2=DIR, or a YAML file that holds what stands under 'task:'.";

  @Option(names = "--task", required = true, paramLabel = "T", description = DESCRIPTION)
  private String task;

  /** Opens the task; file names in a task file are relative to it. */
  Task open(Common common) {
    return open(task, common);
  }

  /** Opens the task that an argument of {@code --task} names. */
  static Task open(String task, Common common) {
    final TaskSpec spec = TaskArgument.parse(task, new StepCatalogue().tasks());
    return new Sources(TaskArgument.base(task), common.progress(), common.offline()).task(spec);
  }
}
