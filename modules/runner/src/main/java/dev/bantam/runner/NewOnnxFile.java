package dev.bantam.runner;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * An ONNX file that a command writes, and what belongs beside it: {@code tokenizer.json}, and under
 * the file's own name the card ({@code .md}) and the manifest ({@code .manifest.json}). Several
 * files of one model can lie in one folder.
 *
 * @param path the file; ends in {@code .onnx}
 * @param force whether files of these names may be replaced
 */
record NewOnnxFile(Path path, boolean force) {
  private static final String TOKENIZER = "tokenizer.json";

  private Path beside(String name) {
    return path.toAbsolutePath().resolveSibling(name);
  }

  /** Where each file of an exported folder goes; what is not here stays behind. */
  private Map<String, Path> places() {
    final String name = String.valueOf(path.getFileName());
    final String stem = name.substring(0, name.length() - ".onnx".length());
    final Map<String, Path> places = new LinkedHashMap<>();
    places.put(TOKENIZER, beside(TOKENIZER));
    places.put("README.md", beside(stem + ".md"));
    places.put("manifest.json", beside(stem + ".manifest.json"));
    places.put(name, beside(name)); // last: whoever sees it finds the others
    return places;
  }

  /** Refuses files that exist. */
  void check() {
    places()
        .forEach(
            (name, place) -> {
              if (!name.equals(TOKENIZER) && Files.exists(place) && !force) {
                throw Main.usage(
                    place + " exists already. Choose another name, or replace it with --force.");
              }
              if (Files.isDirectory(place)) {
                throw Main.usage(place + " is a folder. Choose another name.");
              }
            });
  }

  /** Refuses a folder that holds another model's tokenizer. */
  void check(Checkpoint model) {
    final Path there = beside(TOKENIZER);
    if (model.tokenizer().isEmpty() || !Files.exists(there) || force) {
      return;
    }
    try {
      if (!Arrays.equals(Files.readAllBytes(there), model.tokenizer().get().file())) {
        throw Main.usage(
            there
                + " is not the tokenizer of '"
                + model.name()
                + "'. Choose another folder, or replace it with --force.");
      }
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + there + ": " + e + ".", e);
    }
  }

  /**
   * Makes the files.
   *
   * @param content fills an empty folder; the ONNX file has its name already
   */
  void write(Consumer<Path> content) {
    final Path temporary = AtomicFiles.temporary(path.toAbsolutePath());
    AtomicFiles.createFolders(temporary);
    try {
      content.accept(temporary);
      places()
          .forEach(
              (name, place) -> {
                if (Files.exists(temporary.resolve(name))) {
                  AtomicFiles.move(temporary.resolve(name), place);
                }
              });
    } finally {
      AtomicFiles.delete(temporary);
    }
  }
}
