package dev.bantam.runner.run;

import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Keeps two processes from working in one run folder. Freed by the system when a process dies. */
final class RunFolderLock implements AutoCloseable {
  private static final String FILE = ".lock";

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
      final FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      final FileLock lock = tryLock(channel);
      if (lock == null) {
        channel.close();
        throw new BantamException(
            ExitCode.RESUME_MISMATCH,
            "Another run is at work in "
                + folder
                + ". Wait until it has ended, or choose another folder with -o.");
      }
      return new RunFolderLock(file, channel);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot write to " + folder + ": " + e + ".", e);
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
