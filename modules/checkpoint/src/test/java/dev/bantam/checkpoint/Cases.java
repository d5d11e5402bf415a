package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.function.Executable;

/** Reads the golden cases under src/test/resources. */
final class Cases {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Cases() {}

  static Path folder(String name) {
    try {
      return Path.of(Objects.requireNonNull(Cases.class.getResource("/" + name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static JsonNode json(Path file) {
    try {
      return JSON.readTree(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static List<JsonNode> lines(Path file) {
    try {
      final List<JsonNode> rows = new ArrayList<>();
      for (final String line : Files.readAllLines(file)) {
        rows.add(JSON.readTree(line));
      }
      return rows;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static int[] ints(JsonNode list) {
    final int[] values = new int[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = list.get(i).intValue();
    }
    return values;
  }

  /** A copy of a model folder that a test may damage. */
  static Path copy(Path folder, Path target) {
    try (Stream<Path> files = Files.walk(folder)) {
      for (final Path file : files.toList()) {
        final Path to = target.resolve(folder.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(to);
        } else {
          Files.copy(file, to);
        }
      }
      return target;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Asserts a refusal as bad input whose message holds every part. */
  static String refused(Executable action, String... parts) {
    final BantamException e = assertThrows(BantamException.class, action);
    assertTrue(e.exitCode() == ExitCode.BAD_INPUT, e.exitCode() + ": " + e.getMessage());
    for (final String part : parts) {
      assertTrue(e.getMessage().contains(part), "no '" + part + "' in: " + e.getMessage());
    }
    return e.getMessage();
  }
}
