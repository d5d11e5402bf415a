package dev.bantam.benchmarks;

import dev.bantam.runner.Common;
import dev.bantam.runner.Main;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options that every benchmark takes. */
final class BenchOptions {
  private static final double TURN_SECONDS = 0.25;

  @Option(
      names = "--case",
      paramLabel = "C",
      arity = "1..*",
      description =
          "Shapes to time instead of the usual ones, each SENTENCESxTOKENS or, for the encoder,"
              + " real-text.")
  private List<String> cases;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      description = "Seconds to measure each case for (default: ${DEFAULT-VALUE}).",
      defaultValue = "20")
  private double seconds;

  @Option(
      names = "--warm-up",
      paramLabel = "S",
      description =
          "Seconds of untimed work before, for both sides together (default: ${DEFAULT-VALUE}).",
      defaultValue = "6")
  private double warmUp;

  @Mixin private Common common;

  Common common() {
    return common;
  }

  /** The cases asked for, or the usual ones. */
  List<BenchCase> cases(String... usual) {
    return (cases == null ? List.of(usual) : cases).stream().map(BenchCase::parse).toList();
  }

  /**
   * As {@link #cases}, of equal lengths alone.
   *
   * @param what is measured, for the message
   */
  List<BenchCase> shapes(String what, String... usual) {
    final List<BenchCase> shapes = cases(usual);
    if (shapes.stream().anyMatch(BenchCase::realText)) {
      throw Main.usage(
          what + " is measured on batches of equal lengths, e.g. --case " + usual[0] + ".");
    }
    return shapes;
  }

  InTurn inTurn() {
    if (!(seconds > 0 && seconds <= 3600)) {
      throw Main.usage("--seconds is " + seconds + " and must be in (0, 3600].");
    }
    if (!(warmUp >= 0 && warmUp <= 3600)) {
      throw Main.usage("--warm-up is " + warmUp + " and must be in [0, 3600].");
    }
    return new InTurn(new InTurn.Budget(warmUp, seconds, TURN_SECONDS));
  }
}
