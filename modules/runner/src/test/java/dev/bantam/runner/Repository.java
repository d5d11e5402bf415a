package dev.bantam.runner;

import java.nio.file.Files;
import java.nio.file.Path;

/** The sources that a test runs in. */
final class Repository {
  private Repository() {}

  /** The folder above all modules. */
  static Path root() {
    Path at = Path.of("").toAbsolutePath();
    while (!Files.isDirectory(at.resolve("modules"))
        || !Files.isDirectory(at.resolve("experiments"))) {
      at = at.getParent();
      if (at == null) {
        throw new IllegalStateException(
            "not in a clone of the sources: " + Path.of("").toAbsolutePath());
      }
    }
    return at;
  }
}
