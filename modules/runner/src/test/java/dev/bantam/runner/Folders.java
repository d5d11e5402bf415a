package dev.bantam.runner;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/** What lies in a folder: names, hashes, differences. */
final class Folders {
  private Folders() {}

  /** Files of a folder by name with slashes, each with its SHA-256. */
  static SortedMap<String, String> hashes(Path folder) {
    final SortedMap<String, String> hashes = new TreeMap<>();
    for (Path path : all(folder)) {
      if (Files.isRegularFile(path)) {
        hashes.put(name(folder, path), sha256(path));
      }
    }
    return hashes;
  }

  /** Names of all files of a folder. */
  static List<String> files(Path folder) {
    return List.copyOf(hashes(folder).keySet());
  }

  /** The files that must keep their bytes when a run is repeated; at least those of six cells. */
  static SortedMap<String, String> stable(Path run) {
    final SortedMap<String, String> hashes = hashes(run);
    hashes.keySet().removeIf(name -> !isStable(name));
    if (hashes.size() < 6) {
      throw new AssertionError("hardly a run: " + hashes.keySet());
    }
    return hashes;
  }

  /** By the design's list of files whose bytes may change. */
  private static boolean isStable(String name) {
    final String file = name.substring(name.lastIndexOf('/') + 1);
    return !file.equals("timings.json")
        && !file.equals("manifest.json")
        && !file.equals("summary.csv")
        && !file.startsWith("report.")
        && !name.startsWith("charts/")
        && !file.endsWith(".log");
  }

  /** Names that are in one of the two only, or whose hashes differ. */
  static List<String> differences(Map<String, String> one, Map<String, String> other) {
    final TreeSet<String> names = new TreeSet<>(one.keySet());
    names.addAll(other.keySet());
    names.removeIf(name -> one.containsKey(name) && one.get(name).equals(other.get(name)));
    return List.copyOf(names);
  }

  /** Files and folders of a run that only an unfinished one may hold. */
  static List<String> leftovers(Path run) {
    final List<String> found = new ArrayList<>();
    for (Path path : all(run)) {
      final String file = path.getFileName().toString();
      if (file.startsWith(".") || file.endsWith(".tmp") || file.startsWith("resume")) {
        found.add(name(run, path));
      }
    }
    return found;
  }

  static void copy(Path from, Path to) {
    try {
      for (Path path : all(from)) {
        final Path target = to.resolve(name(from, path));
        Files.createDirectories(target.getParent());
        if (Files.isDirectory(path)) {
          Files.createDirectories(target);
        } else {
          Files.copy(path, target);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Everything below a folder, sorted by name. */
  private static List<Path> all(Path folder) {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.filter(path -> !path.equals(folder)).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String name(Path folder, Path path) {
    return folder.relativize(path).toString().replace('\\', '/');
  }

  private static String sha256(Path file) {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
