package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.runner.Main;
import dev.bantam.runner.run.Sources;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code bantam bench train}. */
@Command(
    name = "train",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = {
      "Training steps (forward, backward, AdamW over all parameters) against own forward passes of"
          + " the same batch.",
      "Cases: 32x32 8x128. The ratio, forward time over step time, is below 1."
    })
final class TrainCommand implements Callable<Integer> {
  @Mixin private ModelsOption models;
  @Mixin private BenchOptions options;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    final List<BenchCase> cases = options.shapes("Training", "32x32", "8x128");
    final InTurn inTurn = options.inTurn();
    final Progress progress = options.common().progress();
    final Sources sources = new Sources(Path.of(""), progress, options.common().offline());
    try (Workers workers = new Workers(options.common().threads())) {
      for (String name : models.names()) {
        final Checkpoint checkpoint = sources.model(name);
        for (BenchCase wanted : cases) {
          progress.message("Measuring " + checkpoint.name() + " " + wanted.name());
          spec.commandLine()
              .getOut()
              .println(TrainBench.measure(checkpoint, wanted, workers, inTurn).json());
        }
      }
    }
    return 0;
  }
}
