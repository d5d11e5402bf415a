package dev.bantam.benchmarks;

import dev.bantam.runner.Main;
import dev.bantam.tensor.Workers;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bantam bench fisher}. */
@Command(
    name = "fisher",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = {
      "Sums of outer products of gradients for second-order pruning: blocks outermost, against"
          + " gradients outermost with the same arithmetic."
    })
final class FisherCommand implements Callable<Integer> {
  /** The matrices of two layers of MiniLM: 0.8 GB of sums. */
  private static final int WEIGHTS = 2 * 12 * 384 * 384;

  @Option(
      names = "--block",
      paramLabel = "B",
      description = "Weights of a block (default: ${DEFAULT-VALUE}).",
      defaultValue = "48")
  private int block;

  @Mixin private BenchOptions options;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    if (block < 1 || block > 256) {
      throw Main.usage("--block is " + block + " and must be in 1..256.");
    }
    try (Workers workers = new Workers(options.common().threads())) {
      spec.commandLine()
          .getOut()
          .println(FisherBench.measure(WEIGHTS, block, workers, options.inTurn()).json());
    }
    return 0;
  }
}
