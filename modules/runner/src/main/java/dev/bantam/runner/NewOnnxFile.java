package dev.bantam.runner;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.runner.run.ModelExport;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
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

  /** What the files are called. */
  ModelExport.Names names() {
    final String name = String.valueOf(path.getFileName());
    final String stem = name.substring(0, name.length() - ".onnx".length());
    return new ModelExport.Names(name, stem + ".md", stem + ".manifest.json");
  }

  /** The files that leave an exported folder; others stay behind. */
  private List<String> files() {
    final ModelExport.Names names = names();
    // the ONNX file last: whoever sees it finds the others
    return List.of(TOKENIZER, names.card(), names.manifest(), names.onnx());
  }

  /** Refuses files that exist. */
  void check() {
    if (names().card().equals(".md")) {
      throw Main.usage(path + " is no name of a file. Write for example model.onnx.");
    }
    for (String name : files()) {
      final Path place = beside(name);
      if (Files.isDirectory(place)) {
        throw Main.usage(place + " is a folder. Choose another name.");
      }
      if (!name.equals(TOKENIZER) && Files.exists(place) && !force) {
        throw Main.usage(
            place + " exists already. Choose another name, or replace it with --force.");
      }
    }
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
   * @param content fills an empty folder; files have their names already
   */
  void write(Consumer<Path> content) {
    final Path temporary = AtomicFiles.temporary(path.toAbsolutePath());
    AtomicFiles.createFolders(temporary);
    try {
      content.accept(temporary);
      for (String name : files()) {
        if (Files.exists(temporary.resolve(name))) {
          AtomicFiles.move(temporary.resolve(name), beside(name));
        }
      }
    } finally {
      AtomicFiles.delete(temporary);
    }
  }
}
