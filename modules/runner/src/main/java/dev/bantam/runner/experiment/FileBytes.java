package dev.bantam.runner.experiment;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Bytes of a file that a user named. */
final class FileBytes {
  private FileBytes() {}

  /**
   * All bytes, or a few more than {@link YamlComposer} accepts if there are too many.
   *
   * @param what what the file is, for messages: {@code experiment file}
   * @throws BantamException if there is no such file or it cannot be read
   */
  static byte[] read(Path file, String what) {
    if (Files.isDirectory(file)) {
      throw BantamException.badInput(
          "The " + what + " '" + file + "' is a folder. Name a file in it.");
    }
    if (!Files.exists(file)) {
      throw BantamException.badInput(
          "The " + what + " '" + file + "' does not exist. Check the spelling and the folder.");
    }
    try (InputStream in = Files.newInputStream(file)) {
      return in.readNBytes(YamlComposer.MAX_BYTES + 1);
    } catch (IOException e) {
      throw BantamException.badInput(
          "The " + what + " '" + file + "' cannot be read: " + e + ". Check its permissions.", e);
    }
  }
}
