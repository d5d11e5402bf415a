package dev.bantam.tensor;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Files and folders that appear whole or not at all: written under a temporary name beside the
 * target, synced to disk, then renamed. Every failure is an error for the user that names the file.
 */
public final class AtomicFiles {
  /** Ends the names of temporaries; a run that was killed may leave some behind. */
  public static final String TEMPORARY = ".tmp";

  private static final Pattern NAME =
      Pattern.compile("\\.[0-9a-f-]{36}" + Pattern.quote(TEMPORARY));

  private AtomicFiles() {}

  /** Writes a text in UTF-8, replacing a file of the same name. */
  public static void write(Path file, String text) {
    write(file, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes bytes, replacing a file of the same name. */
  public static void write(Path file, byte[] bytes) {
    write(file, out -> out.write(bytes));
  }

  /** Writes a file's content to a stream. */
  @FunctionalInterface
  public interface Content {
    /** Writes all of it; the stream is closed by the caller. */
    void to(OutputStream out) throws IOException;
  }

  /** Writes content that need not lie in one array, replacing a file of the same name. */
  public static void write(Path file, Content content) {
    final Path temporary = temporary(file);
    try {
      try (FileChannel channel =
              FileChannel.open(temporary, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
          OutputStream out = Channels.newOutputStream(channel)) {
        content.to(out);
        out.flush();
        channel.force(true);
      }
      rename(temporary, file);
    } catch (IOException e) {
      throw UnwritableException.of(file, e);
    } finally {
      deleteQuietly(temporary);
    }
  }

  /** A name beside the target that nothing else uses. */
  public static Path temporary(Path target) {
    return target.resolveSibling("." + UUID.randomUUID() + TEMPORARY);
  }

  /**
   * Deletes what processes that were killed left under temporary names, anywhere in a folder. Only
   * for a folder that no other process works in.
   */
  public static void deleteTemporaries(Path folder) {
    final List<Path> found;
    try (Stream<Path> files = Files.walk(folder)) {
      found = files.filter(AtomicFiles::isTemporary).toList();
    } catch (IOException | UncheckedIOException e) {
      throw BantamException.badInput("Cannot list " + folder + ": " + e + ".", e);
    }
    found.forEach(AtomicFiles::delete);
  }

  /** Whether a name is one of {@link #temporary}. */
  public static boolean isTemporary(Path path) {
    return NAME.matcher(path.getFileName().toString()).matches();
  }

  /** Deletes a file or folder, which is gone at once: a kill leaves no part under its name. */
  public static void discard(Path path) {
    if (Files.exists(path)) {
      final Path temporary = temporary(path);
      move(path, temporary);
      delete(temporary);
    }
  }

  /** Renames a file or folder, replacing a file of the target's name. */
  public static void move(Path from, Path to) {
    try {
      rename(from, to);
    } catch (IOException e) {
      throw UnwritableException.of(to, e);
    }
  }

  private static void rename(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /** Makes a folder and its parents. */
  public static void createFolders(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw UnwritableException.of(folder, e);
    }
  }

  /** Deletes a file, or a folder with everything in it; links are not followed. */
  public static void delete(Path path) {
    try {
      Files.walkFileTree(
          path,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.delete(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, IOException failure)
                throws IOException {
              if (failure != null) {
                throw failure;
              }
              Files.delete(folder);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (NoSuchFileException e) {
      return; // gone already, which is what was asked for
    } catch (IOException e) {
      throw BantamException.badInput(
          "Cannot delete "
              + path
              + ": "
              + UnwritableException.reason(e)
              + ". Check its permissions.",
          e);
    }
  }

  /**
   * Deletes a temporary file while something else has failed, whose error is the one to tell; if
   * that does not work, the next run in the folder does it.
   */
  public static void deleteQuietly(Path temporary) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      temporary.toFile().deleteOnExit();
    }
  }
}
