package dev.bantam.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
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
import java.util.UUID;

/**
 * Files and folders that appear whole or not at all: written under a temporary name beside the
 * target, synced to disk, then renamed. Every failure is an error for the user that names the file.
 */
public final class AtomicFiles {
  /** Ends the names of temporaries; a run that was killed may leave some behind. */
  public static final String TEMPORARY = ".tmp";

  private AtomicFiles() {}

  /** Writes a text in UTF-8, replacing a file of the same name. */
  public static void write(Path file, String text) {
    write(file, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes bytes, replacing a file of the same name. */
  public static void write(Path file, byte[] bytes) {
    final Path temporary = temporary(file);
    try {
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
        final ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
        channel.force(true);
      }
      rename(temporary, file);
    } catch (IOException e) {
      throw unwritable(file, e);
    } finally {
      deleteQuietly(temporary);
    }
  }

  /** A name beside the target that nothing else uses. */
  public static Path temporary(Path target) {
    return target.resolveSibling("." + UUID.randomUUID() + TEMPORARY);
  }

  /** Renames a file or folder, replacing a file of the target's name. */
  public static void move(Path from, Path to) {
    try {
      rename(from, to);
    } catch (IOException e) {
      throw unwritable(to, e);
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
      throw unwritable(folder, e);
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
          "Cannot delete " + path + ": " + reason(e) + ". Check its permissions.", e);
    }
  }

  private static void deleteQuietly(Path temporary) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      temporary.toFile().deleteOnExit();
    }
  }

  private static BantamException unwritable(Path file, IOException e) {
    return BantamException.badInput(
        "Cannot write "
            + file
            + ": "
            + reason(e)
            + ". Check the folder's permissions and the free space, or choose another folder.",
        e);
  }

  /** The operating system's words; the message of a file error is often just the file's name. */
  private static String reason(IOException e) {
    return e.getClass() == IOException.class
        ? e.getMessage()
        : e.getClass().getSimpleName().replaceAll("(Exception)$", "") + " " + e.getMessage();
  }
}
