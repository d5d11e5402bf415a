package dev.bantam.benchmarks;

import java.util.List;
import picocli.CommandLine.Option;

/** Which models to measure. */
final class ModelsOption {
  @Option(
      names = "--model",
      paramLabel = "MODEL",
      arity = "1..*",
      description =
          "A named model, a folder in Hugging Face layout or an .onnx file (default:"
              + " all-minilm-l6-v2 and bge-small-en-v1.5).")
  private List<String> names = List.of("all-minilm-l6-v2", "bge-small-en-v1.5");

  List<String> names() {
    return names;
  }
}
