package dev.bantam.runner;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.data.Metric;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.runner.run.Sources;
import dev.bantam.runner.run.Tasked;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam evaluate}. */
@Command(
    name = "evaluate",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = "Score a model that has a head on a task.")
final class EvaluateCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "MODEL",
      description = "A model folder with a head for the task; packed or not.")
  private String model;

  @Mixin private TaskOption task;

  @Option(
      names = "--split",
      paramLabel = "S",
      description = "tune, dev or test (default: ${DEFAULT-VALUE}).",
      defaultValue = "dev")
  private Split split;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "Evaluate on the first N examples only.")
  private Integer limit;

  @Mixin private Common common;

  @Override
  public Integer call() {
    if (limit != null && limit < 1) {
      throw Main.usage("--limit is " + limit + " and must be at least 1.");
    }
    final Checkpoint checkpoint =
        new Sources(Path.of(""), common.progress(), common.offline()).model(model);
    final Task opened = task.open(common);
    try (Workers workers = new Workers(common.threads())) {
      final Map<Metric, Double> metrics =
          Tasked.evaluate(
              checkpoint,
              opened,
              split,
              limit == null ? Integer.MAX_VALUE : limit,
              workers,
              common.progress());
      metrics.forEach(
          (metric, value) -> System.out.printf(Locale.ROOT, "%s %.6f%n", metric.id(), value));
    }
    return 0;
  }
}
