package dev.bantam.runner;

import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * A model folder that a command writes. It appears whole or not at all; an existing one is refused,
 * or replaced when the new one is finished.
 *
 * @param path where
 * @param force whether an existing model folder may be replaced
 */
record NewFolder(Path path, boolean force) {
  private static final List<String> WEIGHTS =
      List.of(
          "model.safetensors", "model.safetensors.index.json", "model.onnx", "delta.safetensors");

  /** Refuses a folder that exists, unless it is a model's or empty and may be replaced. */
  void check() {
    if (!Files.exists(path)) {
      return;
    }
    if (!force) {
      throw Main.usage(
          path + " exists already. Choose another folder, or replace it with --force.");
    }
    if (!isReplaceable()) {
      throw Main.usage(
          path
              + " is not a model folder, and --force replaces nothing else. Choose another"
              + " folder.");
    }
  }

  private boolean isReplaceable() {
    final String[] content = path.toFile().list();
    return content != null
        && (content.length == 0
            || ((Files.isRegularFile(path.resolve("config.json"))
                    || Files.isRegularFile(path.resolve("network.zip")))
                && WEIGHTS.stream().anyMatch(w -> Files.isRegularFile(path.resolve(w)))));
  }

  /**
   * Makes the folder.
   *
   * @param content fills an empty folder of another name
   */
  void write(Consumer<Path> content) {
    final Path temporary = AtomicFiles.temporary(path.toAbsolutePath());
    AtomicFiles.createFolders(temporary);
    try {
      content.accept(temporary);
      publish(temporary);
    } finally {
      AtomicFiles.delete(temporary);
    }
  }

  /**
   * Gives a finished folder its name. The old one goes only when the new one has taken its name;
   * else it comes back.
   *
   * @param temporary on the same disk
   */
  void publish(Path temporary) {
    if (!Files.exists(path)) {
      AtomicFiles.move(temporary, path);
      return;
    }
    final Path old = AtomicFiles.temporary(path.toAbsolutePath());
    AtomicFiles.move(path, old);
    try {
      AtomicFiles.move(temporary, path);
    } catch (BantamException e) {
      AtomicFiles.move(old, path);
      throw e;
    }
    AtomicFiles.delete(old);
  }
}
