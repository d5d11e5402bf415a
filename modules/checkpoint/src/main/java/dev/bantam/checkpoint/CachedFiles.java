package dev.bantam.checkpoint;

import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What lies in the folder of {@link CacheFolder}. A user may have named any folder, so only files
 * are taken for Bantam's own that stand where it puts them and are called as it calls them; links
 * are never followed.
 */
public final class CachedFiles {
  private static final Pattern NOTE = Pattern.compile("[0-9a-f]{64}|\\.[0-9a-f-]{36}\\.tmp");

  private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");

  private CachedFiles() {}

  /**
   * A file.
   *
   * @param path below the cache folder
   * @param bytes its length
   * @param own whether Bantam made it and can make it again
   */
  public record Entry(Path path, long bytes, boolean own) {}

  /**
   * Every file of a folder, in order of their paths; none if there is no such folder.
   *
   * @throws BantamException (bad input) if it cannot be read
   */
  public static List<Entry> list(Path cache) {
    if (!Files.isDirectory(cache)) {
      return List.of();
    }
    final List<Entry> entries = new ArrayList<>();
    try (Stream<Path> files = Files.walk(cache)) {
      for (final Path file : files.sorted().toList()) {
        if (!Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
          final boolean plain = Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
          entries.add(
              new Entry(
                  cache.relativize(file),
                  plain ? Files.size(file) : 0,
                  plain && isOwn(cache.relativize(file))));
        }
      }
    } catch (IOException | java.io.UncheckedIOException e) {
      throw BantamException.badInput(
          "Cannot read the cache folder " + cache + ": " + e.getMessage() + ".", e);
    }
    return entries;
  }

  private static boolean isOwn(Path file) {
    final String name = file.getFileName().toString();
    if (file.getNameCount() == 2 && file.startsWith(MavenArtifacts.NOTES)) {
      return NOTE.matcher(name).matches();
    }
    return file.getNameCount() == 3
        && file.startsWith(UnpackedBert.FOLDER)
        && HASH.matcher(file.getName(1).toString()).matches()
        && (UnpackedBert.FILES.contains(name) || AtomicFiles.isTemporary(file));
  }

  /**
   * Removes Bantam's own files, and the folders that they leave empty.
   *
   * @return what was removed
   * @throws BantamException (bad input) naming the file that cannot be removed
   */
  public static List<Entry> clean(Path cache) {
    final List<Entry> own = list(cache).stream().filter(Entry::own).toList();
    Path at = cache;
    try {
      for (final Entry entry : own) {
        at = cache.resolve(entry.path());
        Files.deleteIfExists(at);
      }
      final Set<Path> folders = new LinkedHashSet<>();
      own.forEach(entry -> folders.add(cache.resolve(entry.path()).getParent()));
      folders.add(cache.resolve(MavenArtifacts.NOTES));
      folders.add(cache.resolve(UnpackedBert.FOLDER));
      for (final Path folder : folders) {
        at = folder;
        if (Files.isDirectory(at, LinkOption.NOFOLLOW_LINKS) && isEmpty(at)) {
          Files.delete(at);
        }
      }
    } catch (IOException e) {
      throw BantamException.badInput("Cannot remove " + at + ": " + e.getMessage() + ".", e);
    }
    return own;
  }

  private static boolean isEmpty(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.findAny().isEmpty();
    }
  }
}
