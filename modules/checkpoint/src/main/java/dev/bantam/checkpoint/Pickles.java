package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Weights as Python pickles, which can run code when they are loaded and are never read. */
final class Pickles {
  private static final Set<String> ENDINGS = Set.of("bin", "pt", "pth", "pkl", "pickle", "ckpt");

  private Pickles() {}

  /** Whether a file is a pickle by its name. */
  static boolean isPickle(Path file) {
    final String name = HuggingFaceFolder.name(file).toLowerCase(Locale.ROOT);
    return ENDINGS.contains(name.substring(name.lastIndexOf('.') + 1)) && name.contains(".");
  }

  /** The first pickle of a folder by name, or its index. */
  static Optional<Path> find(Path folder) {
    final Set<Path> found = new TreeSet<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (final Path file : files) {
        if (Files.isRegularFile(file)
            && (isPickle(file) || file.endsWith("pytorch_model.bin.index.json"))) {
          found.add(file);
        }
      }
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + folder + ": " + e.getMessage() + ".", e);
    }
    return found.stream().findFirst();
  }

  /** The refusal, with the way to weights that can be read. */
  static BantamException refused(Path file) {
    return BantamException.badInput(
        file
            + " is a pickle, which can run code when it is loaded and is not read. Convert the"
            + " model's folder DIR to safetensors once, where you trust it, in Python:"
            + " from transformers import AutoModel;"
            + " AutoModel.from_pretrained('DIR').save_pretrained('DIR')"
            + " (AutoModelForSequenceClassification to keep a head); or let the Hugging Face Hub do"
            + " it (its space safetensors/convert) and download model.safetensors.");
  }
}
