package dev.bantam.runner;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.compression.Step;
import dev.bantam.data.Task;
import dev.bantam.runner.experiment.RecipeFile;
import dev.bantam.runner.run.Compressing;
import dev.bantam.runner.run.NetworkCompressing;
import dev.bantam.runner.run.SavedNetwork;
import dev.bantam.runner.run.Sources;
import dev.bantam.runner.run.StepCatalogue;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam compress}. */
@Command(
    name = "compress",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = "Apply a recipe to one model and write it as a packed folder.")
final class CompressCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "MODEL",
      description =
          "A named model, a model folder (packed or not), an .onnx file, or the .zip of a DL4J network.")
  private String model;

  @Option(
      names = "--recipe",
      required = true,
      paramLabel = "R",
      description = "A YAML file that holds a list of steps, as under 'steps:' of an experiment.")
  private Path recipe;

  @Option(
      names = "--task",
      paramLabel = "T",
      description =
          "A named task, glue:sst2=DIR, or a YAML file that holds what stands under 'task:':"
              + " data for steps that need some, and what the model is scored on before and after.")
  private String task;

  @Option(
      names = "-o",
      required = true,
      paramLabel = "DIR",
      description = "The folder to write; it must not exist yet.")
  private Path output;

  @Option(
      names = "--keep-updater",
      description =
          "For a DL4J network: save the updater's state of the source with it (default: a training"
              + " that goes on begins with a fresh one).")
  private boolean keepUpdater;

  @Option(names = "--seed", paramLabel = "N", description = "Seed (default: ${DEFAULT-VALUE}).")
  private long seed = 1;

  @Option(names = "--dry-run", description = "Print what would happen to each tensor, and stop.")
  private boolean dryRun;

  @Option(names = "--force", description = "Replace the folder if it exists.")
  private boolean force;

  @Mixin private Common common;

  @Override
  public Integer call() {
    final NewFolder folder = new NewFolder(output, force);
    folder.check();
    final RecipeFile<Step> steps = RecipeFile.read(recipe, new StepCatalogue());
    final Sources sources = new Sources(Path.of(""), common.progress(), common.offline());
    final Optional<SavedNetwork> network = sources.network(model);
    if (network.isPresent()) {
      return compress(network.get(), steps, folder);
    }
    if (keepUpdater) {
      throw Main.usage("--keep-updater has no meaning for an encoder. Leave it out.");
    }
    final Checkpoint checkpoint = sources.model(model);
    final Optional<Task> opened = task();
    final Compressing compressing =
        new Compressing(checkpoint, sources.weights(model, checkpoint), steps, opened);
    if (dryRun) {
      compressing.plan(System.out);
      return 0;
    }
    try (Workers workers = new Workers(common.threads())) {
      folder.write(
          path -> System.out.println(compressing.write(path, seed, workers, common.progress())));
    }
    System.out.println("Written: " + output);
    return 0;
  }

  private Optional<Task> task() {
    return Optional.ofNullable(task).map(t -> TaskOption.open(t, common));
  }

  private int compress(SavedNetwork network, RecipeFile<Step> steps, NewFolder folder) {
    final NetworkCompressing compressing =
        new NetworkCompressing(network, steps, task(), keepUpdater);
    if (dryRun) {
      compressing.plan(System.out);
      return 0;
    }
    try (Workers workers = new Workers(common.threads())) {
      folder.write(
          path -> System.out.println(compressing.write(path, seed, workers, common.progress())));
    }
    System.out.println("Written: " + output);
    return 0;
  }
}
