package dev.bantam.model;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Finds golden cases by what they hold, so that further ones only have to be dropped in. */
final class GoldenCases {
  private GoldenCases() {}

  /** All cases of an area that fit; never none. */
  static Stream<String> all(String area, Predicate<GoldenCase> fits) {
    final List<String> found =
        names(area).stream().filter(name -> fits.test(new GoldenCase(name))).toList();
    if (found.isEmpty()) {
      throw new AssertionError("no case fits in " + area);
    }
    return found.stream();
  }

  /** All cases of an area whose folder's name starts with {@code prefix}; never none. */
  static Stream<String> named(String area, String prefix) {
    return all(area, golden -> golden.folder.getFileName().toString().startsWith(prefix));
  }

  private static List<String> names(String area) {
    final URL url = GoldenCases.class.getResource("/" + area);
    if (url == null) {
      throw new AssertionError("no area " + area);
    }
    try (Stream<Path> folders = Files.list(Path.of(url.toURI()))) {
      return folders
          .filter(folder -> Files.isRegularFile(folder.resolve("case.json")))
          .map(folder -> area + "/" + folder.getFileName())
          .sorted()
          .toList();
    } catch (IOException | URISyntaxException e) {
      throw new AssertionError("area " + area, e);
    }
  }
}
