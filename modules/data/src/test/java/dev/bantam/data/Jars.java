package dev.bantam.data;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Jars of named tasks: those on the class path of the tests, and small ones made by tests. */
final class Jars {
  private Jars() {}

  /** The jar on the class path that holds an entry. */
  static Path holding(String entry) {
    try {
      final JarURLConnection connection =
          (JarURLConnection) Jars.class.getClassLoader().getResource(entry).openConnection();
      return Path.of(connection.getJarFileURL().toURI());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A new jar in {@code folder} of those entries, text by name, in the order of their names. */
  static Path of(Path folder, Map<String, String> entries) throws IOException {
    final Path file = Files.createTempFile(folder, "made", ".jar");
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      for (Map.Entry<String, String> entry : new TreeMap<>(entries).entrySet()) {
        zip.putNextEntry(new ZipEntry(entry.getKey()));
        zip.write(entry.getValue().getBytes(StandardCharsets.UTF_8));
        zip.closeEntry();
      }
    }
    return file;
  }
}
