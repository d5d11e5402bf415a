package dev.bantam.runner.run;

import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.UnwritableException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;

/** Keeps two processes from working in one run folder. Freed by the system when a process dies. */
final class RunFolderLock implements AutoCloseable {
  static final String FILE = ".lock";

  private final Path file;
  private final FileChannel channel;

  private RunFolderLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Takes the lock.
   *
   * @throws BantamException (resume mismatch) if another process holds it
   */
  static RunFolderLock of(Path folder) {
    final Path file = folder.resolve(FILE);
    try {
      while (true) {
        final FileChannel channel =
            FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        if (tryLock(channel) == null) {
          channel.close();
          throw new BantamException(
              ExitCode.RESUME_MISMATCH,
              "Another run is at work in "
                  + folder
                  + ". Wait until it has ended, or choose another folder with -o.");
        }
        // A length of our own tells whether the name still is our file. It must not be opened to
        // find out: on POSIX systems closing any descriptor of a file gives up its locks.
        final long length = 1L + new SecureRandom().nextInt(1 << 16);
        channel.truncate(0).write(ByteBuffer.allocate(1), length - 1);
        if (Files.exists(file) && Files.size(file) == length) {
          return new RunFolderLock(file, channel);
        }
        channel.close(); // the holder before deleted the file between our opening and locking it
      }
    } catch (IOException e) {
      throw UnwritableException.of(file, e);
    }
  }

  private static FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  @Override
  public void close() {
    AtomicFiles.delete(file);
    try {
      channel.close();
    } catch (IOException e) {
      throw BantamException.badInput("Cannot close " + file + ": " + e + ".", e);
    }
  }
}
