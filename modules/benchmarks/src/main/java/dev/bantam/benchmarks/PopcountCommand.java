package dev.bantam.benchmarks;

import dev.bantam.runner.Main;
import dev.bantam.tensor.Workers;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code bantam bench popcount}. */
@Command(
    name = "popcount",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = {
      "Products of packed codes, weights of 1 bit and inputs of 1, 2, 4 and 8, against the own float"
          + " product of the same shape."
    })
final class PopcountCommand implements Callable<Integer> {
  private static final int[] WIDTHS = {1, 2, 4, 8};

  /** A text of 128 tokens at the FFN's first matrix of BERT-base. */
  private static final int ROWS = 128;

  private static final int INPUTS = 768;
  private static final int OUTPUTS = 3072;

  @Mixin private BenchOptions options;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    try (Workers workers = new Workers(options.common().threads())) {
      for (int width : WIDTHS) {
        spec.commandLine()
            .getOut()
            .println(
                PopcountBench.measure(ROWS, INPUTS, OUTPUTS, width, workers, options.inTurn())
                    .json());
      }
    }
    return 0;
  }
}
