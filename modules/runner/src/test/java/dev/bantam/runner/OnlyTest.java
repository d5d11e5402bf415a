package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.AtomicFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Parts of an experiment, run in different folders or one after the other in the same. */
class OnlyTest {
  @TempDir private static Path temporary;

  private static Path experiment;
  private static Path whole;

  @BeforeAll
  static void runAtOnce() {
    experiment = Tiny.in(temporary).experiment();
    whole = temporary.resolve("whole");
    Outcome.of("run", experiment, "-o", whole).code(0);
  }

  private static Outcome part(Path folder, String only) {
    return Outcome.of("run", experiment, "-o", folder, "--only", only);
  }

  @Test
  void joinedPartsAreTheWhole() {
    final Path first = temporary.resolve("first");
    final Path second = temporary.resolve("second");
    part(first, "seed=1").code(0).prints("3 cells");
    part(second, "seed=2")
        .code(0)
        .prints("3 cells")
        .says("Not exported, since --only leaves their cells out: " + Tiny.CELL + "dense.s1");
    final Path joined = temporary.resolve("joined");
    Outcome.of("report", first, second, "-o", joined).code(0);
    for (String table : List.of("results.csv", "charts/score-by-size.svg")) {
      assertEquals(Tiny.read(whole.resolve(table)), Tiny.read(joined.resolve(table)), table);
    }
  }

  @Test
  void partsInOneFolderAddUp() {
    final Path folder = temporary.resolve("one");
    part(folder, "seed=1,variant=dense").code(0).prints("1 cells");
    part(folder, "variant=rtn-*").code(0).prints("4 cells (1 reused)");
    assertTrue(Tiny.read(folder.resolve("summary.csv")).contains("rtn-int4"));
    Outcome.of("run", experiment, "-o", folder).code(0).prints("6 cells (4 reused)");
    assertEquals(
        List.of(), Folders.differences(Folders.stable(whole), Folders.stable(folder)), "differ");
  }

  @Test
  void aVariantBringsWhatItStartsFrom() {
    final Path folder = temporary.resolve("needs");
    part(folder, "variant=rtn-int4,seed=2").code(0).prints("2 cells");
    assertTrue(Files.isDirectory(folder.resolve("cells/" + Tiny.CELL + "dense.s2")));
    assertFalse(Files.exists(folder.resolve("cells/" + Tiny.CELL + "dense.s1")));
  }

  @Test
  void severalAddTheirCells() {
    Outcome.of(
            "run",
            experiment,
            "-o",
            temporary.resolve("several"),
            "--only",
            "seed=1,variant=dense",
            "--only",
            "seed=2,variant=dense")
        .code(0)
        .prints("2 cells");
  }

  /** What the report shows belongs to the file as it is now, also where it is not computed now. */
  @Test
  void cellsOfOtherSettingsDoNotStay() {
    final Tiny own = Tiny.in(temporary.resolve("changed"));
    final Path folder = temporary.resolve("stale");
    Outcome.of("run", own.experiment(), "-o", folder).code(0);
    own.edit("bits: 4", "bits: 5");
    final Object[] dense = {"run", own.experiment(), "-o", folder, "--only", "variant=dense"};
    Outcome.of(dense).code(7).says("rtn-int4.s1", "rtn-int4.s2", "'steps' was");
    final Object[] forced = Arrays.copyOf(dense, dense.length + 1);
    forced[dense.length] = "--force";
    Outcome.of(forced)
        .code(0)
        .prints("2 cells (2 reused)")
        .says("Deleted, because settings changed: " + Tiny.CELL + "rtn-int4.s1");
    assertFalse(Tiny.read(folder.resolve("summary.csv")).contains("rtn-int4"));
    assertTrue(Tiny.read(folder.resolve("summary.csv")).contains("magnitude-0.5"));
  }

  @Test
  void cellsThatNothingTellsOfAreRefused() {
    final Path folder = temporary.resolve("orphans");
    Folders.copy(whole, folder);
    AtomicFiles.delete(folder.resolve("cells/" + Tiny.CELL + "dense.s2"));
    part(folder, "seed=1").code(7).says("rtn-int4.s2", "not in this folder any more", "--only");
    Outcome.of("run", experiment, "-o", folder).code(0).prints("6 cells (5 reused)");
  }

  @Test
  void whatSelectsNothingIsRefused() {
    part(temporary.resolve("none"), "seed=3")
        .code(2)
        .says("--only seed=3 selects no cell", "seed: 1, 2");
    part(temporary.resolve("none"), "sede=1").code(2).says("does not know 'sede'", "'seed'?");
    part(temporary.resolve("none"), "seed").code(2).says("'seed' is no condition");
    part(temporary.resolve("none"), "seed=1,seed=2").code(2).says("names 'seed' twice");
    part(temporary.resolve("none"), "variant=re:(").code(2).says("re:(");
    assertFalse(Files.exists(temporary.resolve("none")));
  }
}
