package dev.bantam.tensor;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Something could not be written. The next file would fare no better, so this ends a whole run and
 * not one part of it.
 *
 * <p>{@link ExitCode#WOULD_NOT_FIT} if there is no room, {@link ExitCode#BAD_INPUT} otherwise.
 */
public final class UnwritableException extends BantamException {
  private static final long serialVersionUID = 1L;

  /** What C libraries say of a full disk, a full quota and a limit on the size of files. */
  private static final List<String> FULL =
      List.of("No space left on device", "Disk quota exceeded", "File too large");

  private UnwritableException(ExitCode code, String message, Throwable cause) {
    super(code, message, cause);
  }

  /**
   * What the system said when it refused to write.
   *
   * @param target file or folder that was to be written
   */
  public static UnwritableException of(Path target, IOException cause) {
    final String reason = reason(cause);
    final boolean full = FULL.stream().anyMatch(reason::contains) || isFull(target);
    return new UnwritableException(
        full ? ExitCode.WOULD_NOT_FIT : ExitCode.BAD_INPUT,
        "Cannot write "
            + target
            + ": "
            + reason
            + (full
                ? ". Free some space, or choose another folder; then run the command again."
                : ". Check the folder's permissions, or choose another folder."),
        cause);
  }

  /**
   * A file that is larger than what is free.
   *
   * @param bytes needed
   * @param free there
   */
  public static UnwritableException noRoom(Path target, long bytes, long free) {
    return new UnwritableException(
        ExitCode.WOULD_NOT_FIT,
        String.format(
            Locale.ROOT,
            "%s needs %,d bytes and its disk has %,d free. Free some space, or choose another"
                + " folder; then run the command again.",
            target,
            bytes,
            free),
        null);
  }

  /** For systems that say it in another language. */
  private static boolean isFull(Path target) {
    Path at = target.toAbsolutePath();
    while (at != null && !Files.exists(at)) {
      at = at.getParent();
    }
    try {
      final FileStore store = at == null ? null : Files.getFileStore(at);
      return store != null && store.getTotalSpace() > 0 && store.getUsableSpace() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** The operating system's words; the message of a file error is often just the file's name. */
  static String reason(IOException e) {
    if (e instanceof FileSystemException known && known.getReason() != null) {
      return known.getReason();
    }
    return e.getClass() == IOException.class
        ? String.valueOf(e.getMessage())
        : e.getClass().getSimpleName().replaceAll("(Exception)$", "") + " " + e.getMessage();
  }
}
