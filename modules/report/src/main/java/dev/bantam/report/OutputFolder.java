package dev.bantam.report;

import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** Writes the files of a report, each under a temporary name first. Remembers what it wrote. */
final class OutputFolder {
  private final Path folder;
  private final Set<String> written = new LinkedHashSet<>();

  OutputFolder(Path folder) {
    this.folder = folder;
  }

  void write(String name, String text) {
    write(name, text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Replaces a file; readers see the old or the new one, never half of one.
   *
   * @param name relative to the folder, with slashes
   */
  void write(String name, byte[] bytes) {
    final Path file = folder.resolve(name);
    AtomicFiles.createFolders(file.getParent());
    AtomicFiles.write(file, bytes);
    written.add(name);
  }

  /** Deletes pictures of a folder that were not written this time, and unfinished ones. */
  void deleteOtherPictures(String name) {
    final Path pictures = folder.resolve(name);
    if (!Files.isDirectory(pictures)) {
      return;
    }
    try (Stream<Path> files = Files.list(pictures)) {
      for (Path file : files.sorted().toList()) {
        final String found = file.getFileName().toString();
        final boolean picture =
            found.endsWith(".svg")
                || found.endsWith(".png")
                || found.endsWith(AtomicFiles.TEMPORARY);
        if (picture && !written.contains(name + "/" + found)) {
          Files.delete(file);
        }
      }
    } catch (IOException e) {
      throw BantamException.badInput(
          "Cannot delete charts of an earlier report in " + pictures + ": " + e.getMessage() + ".",
          e);
    }
  }

  /** Names of the files, relative to the folder, in the order of writing. */
  List<String> written() {
    return new ArrayList<>(written);
  }
}
