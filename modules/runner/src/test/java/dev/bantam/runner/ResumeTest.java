package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** What a run makes of a folder that is not empty. */
class ResumeTest {
  private static final String RTN = Tiny.CELL + "rtn-int4.s1";
  private static final String DENSE = Tiny.CELL + "dense.s1";

  @TempDir private static Path temporary;

  private static Path finished;

  /** A finished run of its own for each test. */
  private Path run;

  private Tiny tiny;

  @BeforeAll
  static void runOnce() {
    finished = temporary.resolve("finished");
    Outcome.of("run", Tiny.in(temporary).experiment(), "-o", finished).code(0);
  }

  @BeforeEach
  void copy(TestInfo test) {
    final Path own = temporary.resolve(test.getTestMethod().orElseThrow().getName());
    tiny = Tiny.in(own);
    run = own.resolve("run");
    Folders.copy(finished, run);
  }

  private Outcome rerun(Object... options) {
    final Object[] arguments = new Object[4 + options.length];
    arguments[0] = "run";
    arguments[1] = tiny.experiment();
    arguments[2] = "-o";
    arguments[3] = run;
    System.arraycopy(options, 0, arguments, 4, options.length);
    return Outcome.of(arguments);
  }

  private void assertLikeFinished() {
    assertEquals(
        List.of(), Folders.differences(Folders.stable(finished), Folders.stable(run)), "changed");
    assertEquals(Folders.files(finished), Folders.files(run));
  }

  @Test
  void otherSettingsAreRefusedNamingThemAndNothingChanges() {
    tiny.edit("bits: 4", "bits: 5");
    rerun().code(7).says(RTN, "'steps' was", "bits: 4", "bits: 5", "-o", "--force");
    assertLikeFinished();
  }

  @Test
  void otherTrainingIsRefusedForEverySeedInOneGo() {
    tiny.edit("epochs: 8", "epochs: 9");
    rerun().code(7).says(DENSE, Tiny.CELL + "dense.s2", "'finetune' was", "epochs: 9");
    assertLikeFinished();
  }

  @Test
  void otherDataIsRefused() {
    tiny.write("signs-dev.tsv", "sentence\tlabel\nthe good cat\tyes\nthe bad cat\tno\n");
    rerun().code(7).says("'dev_sha256' was", "'evaluated_examples' was 32 and is now 2");
    assertLikeFinished();
  }

  @Test
  void anotherModelIsRefused() {
    tiny.weight("embeddings.LayerNorm.bias", 0.5f);
    rerun().code(7).says("'model_sha256' was");
    assertLikeFinished();
  }

  @Test
  void forceComputesAgainWhatChanged() {
    final SortedMap<String, String> before = Folders.stable(run);
    tiny.edit("bits: 4", "bits: 3");
    rerun("--force")
        .code(0)
        .prints("(4 reused)")
        .says("Computing again, because settings changed: " + RTN);
    final List<String> changed = Folders.differences(before, Folders.stable(run));
    assertTrue(changed.contains("cells/" + RTN + "/model.safetensors"), changed.toString());
    assertTrue(changed.contains("exports/" + Tiny.CELL + "rtn-int4/safetensors/README.md"));
    assertEquals(
        List.of(),
        changed.stream()
            .filter(f -> !f.contains("rtn-int4"))
            .filter(f -> !f.equals("results.csv") && !f.equals("experiment.resolved.yaml"))
            .toList(),
        "changed, and has nothing to do with it");
  }

  /** The weights of the dense cells stay as they are; what was measured on them does not. */
  @Test
  void forceRewritesTheCardOfAnExportWhoseWeightsStayed() {
    final Path card = run.resolve("exports/" + Tiny.CELL + "dense/safetensors/README.md");
    assertTrue(Tiny.read(card).contains("on dev"));
    tiny.edit("export:", "evaluate: {split: tune}\nexport:");
    rerun("--force").code(0);
    assertTrue(Tiny.read(card).contains("accuracy on tune"), Tiny.read(card));
  }

  @Test
  void moreVariantsAreAddedToWhatIsThere() {
    tiny.edit("export:", "  - {name: rtn-int8, steps: [{quantize: {bits: 8}}]}\nexport:");
    rerun().code(0).prints("8 cells (6 reused)", "rtn-int8");
  }

  @Test
  void aVariantThatWasTakenOutLeavesTheReport() {
    tiny.edit("  - {name: rtn-int4, steps: [{quantize: {bits: 4}}]}\n", "");
    rerun().code(0).prints("4 cells (4 reused)");
    assertFalse(Tiny.read(run.resolve("summary.csv")).contains("rtn-int4"));
    assertFalse(Tiny.read(run.resolve("results.csv")).contains("rtn-int4"));
  }

  @Test
  void aForeignFolderIsRefusedAndNotTouched() throws IOException {
    final Path foreign = Files.createDirectories(run.resolveSibling("foreign"));
    Files.writeString(foreign.resolve("thesis.txt"), "chapter one");
    Outcome.of("run", tiny.experiment(), "-o", foreign, "--force")
        .code(7)
        .says(foreign.toString(), "not empty", "-o");
    assertEquals(List.of("thesis.txt"), Folders.files(foreign));
    assertEquals("chapter one", Tiny.read(foreign.resolve("thesis.txt")));
  }

  @Test
  void aFileInPlaceOfTheFolderIsRefused() throws IOException {
    final Path file = Files.writeString(run.resolveSibling("file"), "text");
    Outcome.of("run", tiny.experiment(), "-o", file).code(7).says("is a file");
    assertEquals("text", Tiny.read(file));
  }

  @Test
  void anEmptyFolderIsUsed() throws IOException {
    final Path empty = Files.createDirectories(run.resolveSibling("empty"));
    Outcome.of("run", tiny.experiment(), "-o", empty, "--smoke").code(0);
  }

  @Test
  void aDamagedRecordIsRefusedSayingWhatToDo() throws IOException {
    final Path record = run.resolve("cells").resolve(RTN).resolve("result.json");
    Files.writeString(record, Tiny.read(record).substring(0, 300));
    rerun().code(4).says(record.toString(), "elete");
    Files.delete(record); // what the message asks for, or a part of it
    rerun().code(0).prints("(5 reused)");
    assertLikeFinished();
  }

  @Test
  void aDamagedKeyIsRefusedSayingWhatToDo() throws IOException {
    final Path key = run.resolve("cells").resolve(RTN).resolve("key.json");
    for (String damaged : List.of("", "{\"bantam\": ", "[1]", "null")) {
      Files.writeString(key, damaged);
      rerun().code(4).says(key.toString(), "elete");
    }
  }

  @Test
  void changedWeightsAreRefusedSayingWhatToDo() throws IOException {
    final Path cell = run.resolve("cells").resolve(RTN);
    final Path weights = cell.resolve("model.safetensors");
    final byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] ^= 1;
    Files.write(weights, bytes);
    rerun().code(4).says(weights.toString(), "not the file that was measured", "Delete the folder");
    delete(cell);
    rerun().code(0).prints("(5 reused)");
    assertLikeFinished();
  }

  @Test
  void damagedTimingsOfAFinishedCellAreRefusedSayingWhatToDo() throws IOException {
    final Path timings = run.resolve("cells").resolve(DENSE).resolve("timings.json");
    Files.writeString(timings, "{");
    rerun().code(4).says(timings.toString());
  }

  /**
   * States that a kill can leave between two system calls and that no test hits by chance: half of
   * a file that is not replaced at once, a folder that was being deleted, temporaries anywhere.
   */
  @Test
  void whateverAKillLeavesBehindIsCleanedUp() throws IOException {
    final Path cells = run.resolve("cells");
    final Path work = cells.resolve("." + RTN + ".work");
    Files.move(cells.resolve(RTN), work);
    Files.writeString(work.resolve("timings.json"), "{\n  \"compress_");
    Files.delete(work.resolve("result.json"));
    final Path dense = cells.resolve("." + DENSE + ".work");
    Files.move(cells.resolve(DENSE), dense);
    Files.writeString(dense.resolve("timings.json"), "");
    Files.delete(dense.resolve("result.json"));
    Files.delete(cells.resolve(Tiny.CELL + "rtn-int4.s2").resolve("result.json"));
    for (Path folder :
        List.of(run, cells, work, dense, run.resolve("exports"), run.resolve("charts"))) {
      Files.writeString(folder.resolve(".0a1b2c3d-0000-4000-8000-000000000000.tmp"), "half");
    }
    final Path half =
        run.resolve("exports/" + Tiny.CELL + "dense/.0a1b2c3d-0000-4000-8000-000000000001.tmp");
    Files.createDirectories(half);
    Files.writeString(half.resolve("config.json"), "{");
    Files.writeString(run.resolve(".lock"), "");
    rerun().code(0);
    assertLikeFinished();
    assertEquals(List.of(), Folders.leftovers(run));
  }

  /** Files that a user put beside the run are none of its business. */
  @Test
  void theUsersOwnFilesStay() throws IOException {
    Files.writeString(run.resolve("notes.txt"), "mine");
    Files.writeString(run.resolve(".gitignore"), "*");
    rerun().code(0);
    assertEquals("mine", Tiny.read(run.resolve("notes.txt")));
    assertEquals("*", Tiny.read(run.resolve(".gitignore")));
  }

  @Test
  void anExportIsWrittenAgainIfItsWeightsWereChanged() throws IOException {
    final Path export = run.resolve("exports/" + Tiny.CELL + "dense/safetensors");
    final String before = Folders.hashes(export).get("model.safetensors");
    final Path weights = export.resolve("model.safetensors");
    final byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] ^= 1;
    Files.write(weights, bytes);
    assertNotEquals(before, Folders.hashes(export).get("model.safetensors"));
    rerun().code(0);
    assertEquals(before, Folders.hashes(export).get("model.safetensors"));
  }

  private static void delete(Path folder) throws IOException {
    for (String file : Folders.files(folder)) {
      Files.delete(folder.resolve(file));
    }
    Files.delete(folder);
  }
}
