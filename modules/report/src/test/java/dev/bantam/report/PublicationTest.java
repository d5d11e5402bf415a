package dev.bantam.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PublicationTest {
  private static final List<CellRecord> GOOD =
      List.of(Samples.ok("dense", 1, 0.8), Samples.ok("half", 1, 0.4));

  @TempDir Path folder;
  private Path run;
  private Path reports;

  @BeforeEach
  void folders() {
    run = folder.resolve("run-1");
    reports = folder.resolve("reports");
  }

  private String refusal(List<CellRecord> records, Consumer<ObjectNode> change) throws Exception {
    final ObjectNode manifest = Samples.manifest(records);
    change.accept(manifest);
    Samples.write(run, records, Map.of(), manifest);
    final ReportContext context = Samples.context();
    final BantamException e =
        assertThrows(
            BantamException.class, () -> Reports.publish(List.of(run), reports, "tiny", context));
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    assertFalse(Files.exists(reports.resolve("tiny")), "nothing may be written");
    return e.getMessage();
  }

  private static void contains(String message, String... parts) {
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
  }

  @Test
  void allThatStandsAgainstItIsSaidAtOnce() throws Exception {
    contains(
        refusal(GOOD, m -> m.put("smoke", true).put("limit", 100)),
        "run-1 is a smoke run",
        "--limit",
        "names no commit");
  }

  @Test
  void smokeFalseIsNoSmokeRun() throws Exception {
    final String message = refusal(GOOD, m -> m.put("smoke", false));
    assertFalse(message.contains("smoke"), message);
  }

  @Test
  void unfinishedAndFailedCellsAreNamed() throws Exception {
    final List<CellRecord> records =
        List.of(GOOD.get(0), GOOD.get(1), Samples.failed(Samples.id("bad", 3), "no memory left"));
    contains(
        refusal(records, m -> m.withArray("cells").add("later-s1-d1")),
        "later-s1-d1",
        "bad-s3-d1 failed: no memory left");
    contains(refusal(GOOD, m -> m.remove("cells")), "no list 'cells'");
  }

  @Test
  void everyRecoveryMustBeKnown() throws Exception {
    contains(
        refusal(List.of(Samples.ok("half", 4, 0.4)), m -> m.put("commit", "abc")),
        "recovery of half",
        "seed 4");
  }

  @Test
  void namesStayInTheirFolder() throws Exception {
    Samples.write(run, GOOD);
    final ReportContext context = Samples.context().withCommit("abc");
    for (String name : List.of("../x", "a/b", "", ".hidden")) {
      assertThrows(
          BantamException.class, () -> Reports.publish(List.of(run), reports, name, context), name);
    }
  }

  private JsonNode published(List<Path> runs) {
    final Report.Written written =
        Reports.publish(runs, reports, "tiny", Samples.context().withCommit("abc123"));
    for (String file : written.files()) {
      assertTrue(Files.isRegularFile(reports.resolve("tiny").resolve(file)), file);
    }
    assertTrue(written.files().contains("manifest.json"));
    return Json.tree(reports.resolve("tiny/manifest.json"));
  }

  @Test
  void oneRunKeepsItsManifest() throws Exception {
    Samples.write(run, GOOD);
    final JsonNode manifest = published(List.of(run));
    assertEquals("abc123", manifest.path("commit").asText());
    // printf 'name: tiny\n' | sha256sum
    assertEquals(
        "738f3d001935a878f5eafb18f616795e3f8241c0bf0d19384f2b82cf4d9f01b2",
        manifest.path("resolved_sha256").asText());
    assertEquals("dense", manifest.path("variants").path(0).asText());
    assertTrue(Files.readString(reports.resolve("tiny/report.html")).contains("abc123"));
  }

  @Test
  void severalRunsStandInAList() throws Exception {
    Samples.write(run, GOOD);
    final Path second =
        Samples.write(folder.resolve("run-2"), List.of(GOOD.get(0), Samples.ok("more", 1, 0.6)));
    Files.writeString(second.resolve("experiment.resolved.yaml"), "name: other\n");
    final JsonNode runs = published(List.of(run, second)).path("runs");
    assertEquals(2, runs.size());
    assertEquals(Samples.hash("name: other\n"), runs.path(1).path("resolved_sha256").asText());
    assertEquals("abc123", runs.path(0).path("commit").asText());
    final String summary = Files.readString(reports.resolve("tiny/summary.csv"));
    assertEquals(4, summary.lines().count(), summary);
  }
}
