package dev.bantam.checkpoint;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/** The folder where things that can be made again are kept between runs. */
public final class CacheFolder {
  private CacheFolder() {}

  /**
   * The system property {@code bantam.cache}, the environment variable {@code BANTAM_CACHE}, or the
   * platform's place for caches. The folder need not exist yet.
   */
  public static Path path() {
    final String property = System.getProperty("bantam.cache");
    return property != null && !property.isBlank()
        ? Path.of(property)
        : path(System.getenv(), System.getProperty("os.name"), System.getProperty("user.home"));
  }

  static Path path(Map<String, String> environment, String system, String home) {
    final String own = environment.get("BANTAM_CACHE");
    if (own != null && !own.isBlank()) {
      return Path.of(own);
    }
    final String os = system.toLowerCase(Locale.ROOT);
    if (os.startsWith("windows")) {
      final String local = environment.get("LOCALAPPDATA");
      return local == null
          ? Path.of(home, "AppData", "Local", "bantam", "cache")
          : Path.of(local, "bantam", "cache");
    }
    if (os.startsWith("mac")) {
      return Path.of(home, "Library", "Caches", "bantam");
    }
    final String xdg = environment.get("XDG_CACHE_HOME");
    return xdg == null || xdg.isBlank()
        ? Path.of(home, ".cache", "bantam")
        : Path.of(xdg, "bantam");
  }
}
