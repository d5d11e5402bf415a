package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ctrl-C and the system's termination signal stop a run cleanly, and it goes on from there. */
class InterruptTest {
  /** Signals that a parent ignores stay ignored in its children, and some build servers do so. */
  private static final List<String> STARTER = List.of("env", "--default-signal=INT,TERM");

  @TempDir private Path temporary;

  private Tiny tiny;
  private SortedMap<String, String> undisturbed;
  private Path run;

  @BeforeEach
  void runUndisturbed() throws IOException, InterruptedException {
    assumeTrue(resetsSignals(), "'env --default-signal' of GNU coreutils 8.31 or later is needed");
    tiny = Tiny.in(temporary).enlarged();
    final Path calm = temporary.resolve("calm");
    Outcome.of("run", tiny.experiment(), "-o", calm).code(0);
    undisturbed = Folders.stable(calm);
    run = temporary.resolve("run");
  }

  private static boolean resetsSignals() throws InterruptedException {
    try {
      return new ProcessBuilder("env", "--default-signal=INT,TERM", "true").start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void interruptedInTrainingItSaysWhatIsKeptAndGoesOn() {
    try (Child child = start()) {
      assertEquals(130, child.until("epoch 2/8").signal("INT").end(), child.said());
      assertStoppedCleanly(child, "keeps 0 of 6 cells, and the training of " + Tiny.CELL + "dense");
    }
    final String resumed = finish().err();
    assertFalse(
        resumed.substring(0, resumed.indexOf("[1/6]")).contains("epoch 1/8"),
        "it began again:\n" + resumed);
  }

  @Test
  void terminatedBetweenCellsItKeepsThem() {
    try (Child child = start()) {
      assertEquals(143, child.until("[3/6]").signal("TERM").end(), child.said());
      assertStoppedCleanly(child, " of 6 cells");
      assertFalse(child.said().contains("keeps 0 of"), child.said());
    }
    assertFalse(finish().out().contains("(0 reused)"), "nothing was kept");
  }

  /** No temporaries, a lock that can be taken, and no trace of a crash in native code. */
  private void assertStoppedCleanly(Child child, String kept) {
    assertTrue(child.said().contains("Stopped. " + run + " keeps "), child.said());
    assertTrue(child.said().contains(kept), child.said());
    assertTrue(child.said().contains("The same command goes on from there."), child.said());
    assertFalse(child.said().contains("\tat "), "a stack trace:\n" + child.said());
    assertFalse(Files.exists(run.resolve(".lock")), "the lock is still there");
    assertEquals(
        List.of(),
        Folders.files(temporary).stream()
            .map(name -> name.substring(name.lastIndexOf('/') + 1))
            .filter(n -> n.endsWith(".tmp") || n.startsWith("hs_err") || n.startsWith("core"))
            .toList());
  }

  private Outcome finish() {
    final Outcome outcome = Outcome.of("run", tiny.experiment(), "-o", run).code(0);
    assertEquals(
        List.of(), Folders.differences(undisturbed, Folders.stable(run)), "files that differ");
    assertEquals(List.of(), Folders.leftovers(run));
    return outcome;
  }

  private Child start() {
    return Child.startBy(STARTER, temporary, "run", tiny.experiment(), "-o", run, "--threads", 2);
  }
}
