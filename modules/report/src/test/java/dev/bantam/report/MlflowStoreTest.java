package dev.bantam.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The layout, as MLflow 3 wrote and read it. */
class MlflowStoreTest {
  @TempDir Path folder;

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  private static List<String> tree(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.map(f -> folder.relativize(f).toString()).sorted().toList();
    }
  }

  @Test
  void everyCellIsARun() throws Exception {
    final CellRecord good = Samples.ok("rtn-int4", 3, 0.75);
    final CellRecord bad = Samples.failed(Samples.id("rtn-int2", 3), "no memory");
    final RunFolder run = RunFolder.read(Samples.write(folder.resolve("run"), List.of(good, bad)));
    final Path store = folder.resolve("mlruns");
    assertEquals(2, new MlflowStore(store).add(run));

    final Path experiment = list(store).get(0);
    final JsonNode meta = Json.tree(experiment.resolve("meta.yaml"));
    assertEquals("tiny", meta.path("name").asText());
    assertEquals(experiment.getFileName().toString(), meta.path("experiment_id").asText());
    assertTrue(meta.path("experiment_id").asText().matches("[0-9]{1,18}"));
    int finished = 0;
    for (Path cell : list(experiment)) {
      if (!Files.isDirectory(cell)) {
        continue;
      }
      final JsonNode runMeta = Json.tree(cell.resolve("meta.yaml"));
      assertTrue(cell.getFileName().toString().matches("[0-9a-f]{32}"));
      assertEquals(cell.getFileName().toString(), runMeta.path("run_id").asText());
      assertTrue(Files.isDirectory(cell.resolve("artifacts")));
      if (runMeta.path("status").asInt() == 3) {
        finished++;
        assertEquals("rtn-int4", Files.readString(cell.resolve("params/variant")));
        final String[] accuracy = Files.readString(cell.resolve("metrics/accuracy")).split(" ");
        assertEquals(List.of("0.75", "0\n"), List.of(accuracy[1], accuracy[2]));
      } else {
        assertEquals("no memory", Files.readString(cell.resolve("tags/bantam.error")));
      }
    }
    assertEquals(1, finished);
  }

  @Test
  void writingAgainReplaces() throws Exception {
    final RunFolder run =
        RunFolder.read(Samples.write(folder.resolve("run"), List.of(Samples.ok("dense", 1, 0.8))));
    final Path store = folder.resolve("mlruns");
    new MlflowStore(store).add(run);
    final List<String> before = tree(store);
    new MlflowStore(store).add(run);
    assertEquals(before, tree(store));
  }

  /** The same cell on fewer rows is another run. */
  @Test
  void otherSettingsAreAnotherRun() throws Exception {
    final Path store = folder.resolve("mlruns");
    for (String key : List.of("a", "b")) {
      final CellRecord record =
          CellRecord.ok(
              Samples.id("dense", 1), Samples.hash(key), Samples.result("accuracy", 0.8, 1000));
      new MlflowStore(store)
          .add(RunFolder.read(Samples.write(folder.resolve("run-" + key), List.of(record))));
    }
    assertEquals(1, list(store).size());
    assertEquals(2, list(list(store).get(0)).stream().filter(Files::isDirectory).count());
  }

  /** As MLflow names and writes experiments of its own. */
  @Test
  void anExperimentOfTheNameIsTaken() throws Exception {
    final Path store = folder.resolve("mlruns");
    final Path theirs = Files.createDirectories(store.resolve("123456"));
    Files.writeString(
        theirs.resolve("meta.yaml"),
        "artifact_location: x\nexperiment_id: '123456'\nlifecycle_stage: active\nname: tiny\n");
    new MlflowStore(store)
        .add(
            RunFolder.read(
                Samples.write(folder.resolve("run"), List.of(Samples.ok("dense", 1, 0.8)))));
    assertEquals(List.of(theirs), list(store));
    final Path cell = list(theirs).stream().filter(Files::isDirectory).findFirst().orElseThrow();
    assertEquals("123456", Json.tree(cell.resolve("meta.yaml")).path("experiment_id").asText());
  }

  @Test
  void aRunFolderIsNoStore() throws Exception {
    final Path run = Samples.write(folder.resolve("run"), List.of(Samples.ok("dense", 1, 0.8)));
    final RunFolder read = RunFolder.read(run);
    assertThrows(BantamException.class, () -> new MlflowStore(run).add(read));
  }
}
