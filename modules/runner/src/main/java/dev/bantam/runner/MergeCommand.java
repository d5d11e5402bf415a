package dev.bantam.runner;

import dev.bantam.deltamerging.StreamingMerge;
import dev.bantam.runner.experiment.MergeFile;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam merge}. */
@Command(
    name = "merge",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = {
      "Merge fine-tuned models into one, tensor by tensor, in memory for one tensor of each.",
      "The file is a configuration of mergekit (merge_method, models, base_model, parameters,"
          + " dtype); docs/methods/merging.md lists the methods and the differences."
    })
final class MergeCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "R.yaml",
      description = "What to merge. Paths in it start at the folder of the file.")
  private Path file;

  @Option(
      names = "-o",
      required = true,
      paramLabel = "DIR",
      description =
          "The folder to write; it must not exist yet. Until it is finished it is called"
              + " DIR.partial, and the same command goes on there after an interruption.")
  private Path output;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of random masks (default: ${DEFAULT-VALUE}).")
  private long seed = 1;

  @Option(
      names = "--dry-run",
      description = "Check everything, print what would be done, and stop.")
  private boolean dryRun;

  @Option(
      names = "--force",
      description = "Replace the folder if it exists, and give up another unfinished merge there.")
  private boolean force;

  @Mixin private Common common;

  @Override
  public Integer call() {
    final NewFolder folder = new NewFolder(output, force);
    folder.check();
    final MergeFile merge = MergeFile.read(file);
    try (StreamingMerge streaming = StreamingMerge.open(merge.recipe(), merge.sources(), seed)) {
      System.out.println(streaming.describe());
      if (dryRun) {
        return 0;
      }
      try (Workers workers = new Workers(common.threads())) {
        streaming.write(output, force, workers, common.progress(), folder::publish);
      }
    }
    System.out.println("Written: " + output);
    return 0;
  }
}
