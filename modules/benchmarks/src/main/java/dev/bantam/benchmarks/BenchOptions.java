package dev.bantam.benchmarks;

import dev.bantam.runner.Common;
import dev.bantam.runner.Main;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options that every benchmark takes. */
final class BenchOptions {
  private static final List<String> MODELS = List.of("all-minilm-l6-v2", "bge-small-en-v1.5");

  private static final double TURN_SECONDS = 0.25;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      arity = "1..*",
      description =
          "A named model, a folder in Hugging Face layout or an .onnx file (default:"
              + " all-minilm-l6-v2 and bge-small-en-v1.5).")
  private List<String> models = MODELS;

  @Option(
      names = "--case",
      paramLabel = "C",
      arity = "1..*",
      description =
          "Cases to measure instead of the usual ones, each SENTENCESxTOKENS or, for the encoder,"
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

  List<String> models() {
    return models;
  }

  Common common() {
    return common;
  }

  /** The cases asked for, or the usual ones. */
  List<BenchCase> cases(String... usual) {
    return (cases == null ? List.of(usual) : cases).stream().map(BenchCase::parse).toList();
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
