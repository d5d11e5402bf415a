package dev.bantam.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** Rows of named tasks as they were published, outside of the repository. */
final class ReferenceRows {
  private ReferenceRows() {}

  /**
   * The lines of a split behind the header; ends the test as skipped where the environment variable
   * BANTAM_TEST_DATA is not set.
   */
  static List<String> of(String task, Split split) throws IOException {
    final String folder = System.getenv("BANTAM_TEST_DATA");
    Assumptions.assumeTrue(
        folder != null,
        "skipped: set BANTAM_TEST_DATA to the folder that holds maven-derived/" + task);
    final List<String> lines =
        Files.readAllLines(Path.of(folder, "maven-derived", task, split.id() + ".tsv"));
    return lines.subList(1, lines.size());
  }
}
