package dev.bantam.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Jars whose hash was found right, one small file per hash: path, length and time of change. Only a
 * saving of time: whatever is missing, stale or cannot be written means hashing again.
 */
final class VerifiedJars {
  private final Path folder;

  VerifiedJars(Path folder) {
    this.folder = folder;
  }

  Optional<Path> find(MavenArtifact artifact) {
    try {
      final Path note = folder.resolve(artifact.sha256());
      if (!Files.isRegularFile(note)) {
        return Optional.empty();
      }
      final List<String> lines = Files.readAllLines(note);
      final Path jar = Path.of(lines.get(0));
      return Files.isRegularFile(jar) && lines.equals(describe(jar))
          ? Optional.of(jar)
          : Optional.empty();
    } catch (IOException | RuntimeException e) { // a damaged note is as good as none
      return Optional.empty();
    }
  }

  void remember(MavenArtifact artifact, Path jar) {
    final Path temporary = folder.resolve("." + UUID.randomUUID() + ".tmp");
    try {
      Files.createDirectories(folder);
      Files.write(temporary, describe(jar));
      Files.move(temporary, folder.resolve(artifact.sha256()), StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      try {
        Files.deleteIfExists(temporary);
      } catch (IOException alsoUnwritable) {
        e.addSuppressed(alsoUnwritable);
      }
      org.slf4j.LoggerFactory.getLogger(VerifiedJars.class)
          .debug("The hash of {} will be checked again next time", jar, e);
    }
  }

  private static List<String> describe(Path jar) throws IOException {
    return List.of(
        jar.toAbsolutePath().toString(),
        Long.toString(Files.size(jar)),
        Files.getLastModifiedTime(jar).toInstant().toString());
  }
}
