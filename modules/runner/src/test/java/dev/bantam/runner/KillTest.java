package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SortedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that is killed goes on, and ends with the bytes of a run that was left alone. */
class KillTest {
  @TempDir private Path temporary;

  private SortedMap<String, String> undisturbed;
  private Tiny tiny;
  private Path run;

  /** One folder, killed four times; each time a copy is finished, so that no kill hides another. */
  @Test
  void aKilledRunGoesOnAndGivesTheSameBytes() {
    tiny = Tiny.in(temporary);
    final Path calm = temporary.resolve("calm");
    Outcome.of("run", tiny.experiment(), "-o", calm).code(0);
    undisturbed = Folders.stable(calm);
    run = temporary.resolve("run");

    try (Child child = start()) {
      child.until("6 cells into");
      Outcome.of("run", tiny.experiment(), "-o", run)
          .code(7)
          .says("Another run is at work in " + run, "-o");
      child.kill();
    }
    finishCopy("at its first message");

    try (Child child = start()) {
      child.until("epoch 3/8").kill();
    }
    final String resumed = finishCopy("in the middle of fine-tuning").err();
    final String firstSeed = resumed.substring(0, resumed.indexOf("[1/6]"));
    assertFalse(firstSeed.contains("epoch 1/8"), "it began again:\n" + resumed);
    assertTrue(firstSeed.contains("epoch 5/8"), resumed);

    try (Child child = start()) {
      child.until("[2/6]").kill();
    }
    finishCopy("between two cells").prints("(2 reused)");

    final Path export = run.resolve("exports");
    try (Child child = start()) {
      child.until(() -> Files.isDirectory(export)).kill();
    }
    finishCopy("while it exported").prints("(6 reused)");
  }

  private Child start() {
    return Child.start(temporary, "run", tiny.experiment(), "-o", run, "--threads", 2);
  }

  private Outcome finishCopy(String when) {
    final Path copy = temporary.resolve(when.replace(' ', '-'));
    Folders.copy(run, copy);
    final Outcome outcome = Outcome.of("run", tiny.experiment(), "-o", copy).code(0);
    assertEquals(
        java.util.List.of(),
        Folders.differences(undisturbed, Folders.stable(copy)),
        "files that differ after a kill " + when);
    assertEquals(java.util.List.of(), Folders.leftovers(copy), "after a kill " + when);
    return outcome;
  }
}
