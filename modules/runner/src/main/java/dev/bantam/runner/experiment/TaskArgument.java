package dev.bantam.runner.experiment;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Suggestions;
import java.nio.file.Path;
import java.util.List;

/** A task named on the command line: a named task, {@code glue:sst2=DIR}, or a YAML file. */
public final class TaskArgument {
  private static final String GLUE = "glue:";

  private TaskArgument() {}

  /**
   * The task that {@code argument} names.
   *
   * @param named the named tasks
   * @throws BantamException with BAD_FILE for an unknown task or a wrong file, BAD_INPUT for a file
   *     that cannot be read
   */
  public static TaskSpec parse(String argument, List<String> named) {
    if (named.contains(argument)) {
      return new TaskSpec.Named(argument);
    }
    if (argument.startsWith(GLUE)) {
      return glue(argument);
    }
    if (isFile(argument)) {
      return read(argument, FileBytes.read(Path.of(argument), "task file"), named);
    }
    throw new BantamException(
        ExitCode.BAD_FILE,
        "The task '"
            + argument
            + "' is not known. "
            + Suggestions.didYouMean(argument, named)
            + "Name one of "
            + String.join(", ", named)
            + ", or give glue:sst2=DIR or a file that ends in .yaml, with for example"
            + " 'embed: texts.txt' in it.");
  }

  /**
   * What relative names within the task are relative to: the folder of a task file, or else the
   * working folder.
   */
  public static Path base(String argument) {
    final Path parent = isFile(argument) ? Path.of(argument).getParent() : null;
    return parent == null ? Path.of("") : parent;
  }

  private static boolean isFile(String argument) {
    return !argument.startsWith(GLUE) && (argument.endsWith(".yaml") || argument.endsWith(".yml"));
  }

  private static TaskSpec glue(String argument) {
    final int equals = argument.indexOf('=');
    final List<String> benchmarks = YamlSettings.words(TaskSpec.Glue.Benchmark.class);
    final String name = argument.substring(GLUE.length(), equals < 0 ? argument.length() : equals);
    final int index = benchmarks.indexOf(name);
    if (index < 0 || equals < 0 || equals == argument.length() - 1) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          "The task '"
              + argument
              + "' must read glue:NAME=DIR with NAME one of "
              + String.join(", ", benchmarks)
              + ", for example glue:sst2=glue_data/SST-2.");
    }
    return new TaskSpec.Glue(
        TaskSpec.Glue.Benchmark.values()[index], argument.substring(equals + 1));
  }

  static TaskSpec read(String fileName, byte[] bytes, List<String> named) {
    final Problems problems = new Problems(fileName);
    final Yaml root = YamlComposer.compose(bytes, problems);
    final var task = new TaskReader(named, problems).read(root);
    problems.throwIfAny();
    return task.orElseThrow(() -> new IllegalStateException("no task and no problem: " + fileName));
  }
}
