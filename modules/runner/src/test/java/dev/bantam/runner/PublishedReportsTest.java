package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.compression.Step;
import dev.bantam.runner.experiment.ExperimentReader;
import dev.bantam.runner.experiment.ResolvedExperiment;
import dev.bantam.runner.run.StepCatalogue;
import dev.bantam.tensor.Hashes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A published report shows what the experiment beside it gives, not what it once gave. */
class PublishedReportsTest {
  @Test
  void everyReportBelongsToItsExperimentAsItIsNow() throws IOException {
    final Path repository = Repository.root();
    final Path reports = repository.resolve("reports");
    assumeTrue(Files.isDirectory(reports), "no report has been published yet");
    final List<Path> folders;
    try (Stream<Path> all = Files.list(reports)) {
      folders = all.filter(Files::isDirectory).sorted().toList();
    }
    assertFalse(folders.isEmpty(), "reports/ is empty: delete it");
    for (Path report : folders) {
      check(report, name -> repository.resolve("experiments").resolve(name).toString());
    }
  }

  /**
   * Compares the hashes of a report's manifest with the experiments they came from.
   *
   * @param experiment the folder of an experiment by its name
   */
  static void check(Path report, UnaryOperator<String> experiment) throws IOException {
    final JsonNode manifest = new ObjectMapper().readTree(report.resolve("manifest.json").toFile());
    final List<JsonNode> runs = new ArrayList<>();
    if (manifest.has("runs")) {
      manifest.path("runs").forEach(runs::add);
    } else {
      runs.add(manifest);
    }
    assertFalse(runs.isEmpty(), report + " names no run");
    for (JsonNode run : runs) {
      final String name = run.path("experiment").asText();
      assertEquals(
          resolvedSha256(Path.of(experiment.apply(name))),
          run.path("resolved_sha256").asText(),
          () ->
              "reports/"
                  + report.getFileName()
                  + " was made from another version of the experiment '"
                  + name
                  + "'. Run it again and publish: ./bantam report runs/"
                  + name
                  + " --publish");
    }
  }

  private static String resolvedSha256(Path experiment) {
    return Hashes.of(
        ResolvedExperiment.write(
            new ExperimentReader<Step>(new StepCatalogue()).read(experiment).experiment()));
  }
}
