package dev.bantam.runner;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.data.Task;
import dev.bantam.runner.experiment.FinetuneSettings;
import dev.bantam.runner.run.Sources;
import dev.bantam.runner.run.Tasked;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam finetune}. */
@Command(
    name = "finetune",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = "Train a model on a task and write it as a plain float32 model folder.")
final class FinetuneCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "MODEL",
      description = "A named model, a model folder, or an .onnx file.")
  private String model;

  @Mixin private TaskOption task;

  @Option(
      names = "-o",
      required = true,
      paramLabel = "DIR",
      description = "The folder to write; it must not exist yet.")
  private Path output;

  @Option(names = "--seed", paramLabel = "N", description = "Seed (default: ${DEFAULT-VALUE}).")
  private long seed = 1;

  @Option(names = "--epochs", paramLabel = "N", description = "Passes over the examples.")
  private Integer epochs;

  @Option(
      names = "--examples",
      paramLabel = "N",
      description = "Training examples to use (default: all).")
  private Integer examples;

  @Option(names = "--learning-rate", paramLabel = "X", description = "Peak of the schedule.")
  private Double learningRate;

  @Option(names = "--batch", paramLabel = "N", description = "Examples of a step.")
  private Integer batch;

  @Option(names = "--dry-run", description = "Check everything and stop.")
  private boolean dryRun;

  @Option(names = "--force", description = "Replace the folder if it exists.")
  private boolean force;

  @Mixin private Common common;

  @Override
  public Integer call() {
    final NewFolder folder = new NewFolder(output, force);
    folder.check();
    final FinetuneSettings settings = settings();
    final Checkpoint checkpoint =
        new Sources(Path.of(""), common.progress(), common.offline()).model(model);
    final Task opened = task.open(common);
    Tasked.check(checkpoint, opened, settings);
    if (dryRun) {
      System.out.println(
          "Would fine-tune " + checkpoint.name() + " on " + opened + " into " + output);
      return 0;
    }
    try (Workers workers = new Workers(common.threads())) {
      folder.write(
          temporary ->
              Tasked.finetune(
                      checkpoint, opened, settings, seed, temporary, workers, common.progress())
                  .forEach(
                      (metric, value) ->
                          System.out.printf(Locale.ROOT, "dev %s %.6f%n", metric.id(), value)));
    }
    System.out.println("Written: " + output);
    return 0;
  }

  private FinetuneSettings settings() {
    final FinetuneSettings d = FinetuneSettings.defaults();
    try {
      return new FinetuneSettings(
          d.when(),
          epochs == null ? d.epochs() : positive("--epochs", epochs),
          examples == null ? d.examples() : OptionalInt.of(positive("--examples", examples)),
          learningRate == null ? d.learningRate() : learningRate,
          batch == null ? d.batch() : positive("--batch", batch),
          d.warmUp(),
          d.weightDecay(),
          d.dropout(),
          d.clip(),
          d.freeze());
    } catch (IllegalArgumentException e) {
      throw new BantamException(ExitCode.USAGE, e.getMessage(), e);
    }
  }

  private static int positive(String option, int value) {
    if (value < 1) {
      throw Main.usage(option + " is " + value + " and must be at least 1.");
    }
    return value;
  }
}
