package dev.bantam.benchmarks;

import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.NamedModel;
import dev.bantam.checkpoint.NamedModels;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Finds the ONNX file of a model. */
final class OnnxSource {
  private static final List<String> USUAL = List.of("model.onnx", "onnx/model.onnx");

  private OnnxSource() {}

  /**
   * The bytes of a model's ONNX file: of a named model, the one that its weights are read from; of
   * a folder, {@code model.onnx} or {@code onnx/model.onnx} in it.
   *
   * @throws BantamException (bad input) if there is none
   */
  static byte[] read(String model, MavenArtifacts artifacts) {
    final Optional<NamedModel> named = NamedModels.find(model);
    if (named.isPresent()) {
      return NamedModels.onnx(named.get(), artifacts);
    }
    final Path path = Path.of(model);
    final Path file =
        model.toLowerCase(Locale.ROOT).endsWith(".onnx")
            ? path
            : USUAL.stream()
                .map(path::resolve)
                .filter(Files::isRegularFile)
                .findFirst()
                .orElseThrow(
                    () ->
                        BantamException.badInput(
                            "ONNX Runtime needs an ONNX file to be compared with, and "
                                + path
                                + " has neither "
                                + String.join(" nor ", USUAL)
                                + ". Put the encoder there, exported in float32 with the output"
                                + " last_hidden_state."));
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e + ".", e);
    }
  }
}
