package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.SortedMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nothing is lost where nothing can be written, and the message says what to do. */
class UnwritableTest {
  /**
   * Blocks of 512 bytes: enough for what the JVM unpacks (a library of 150 kB), too few for the
   * weights of the first compressed cell and for the state of a training.
   */
  private static final int BLOCKS = 350;

  @TempDir private Path temporary;

  private Tiny tiny;
  private Path run;

  @BeforeEach
  void copy() {
    tiny = Tiny.in(temporary).enlarged();
    run = temporary.resolve("run");
  }

  /**
   * A limit on the size of files stands for a full disk: the system refuses the same call in the
   * same place.
   */
  @Test
  void aFileThatDoesNotFitEndsTheRunAndNothingIsLost() {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "/bin/sh is needed");
    final Path calm = temporary.resolve("calm");
    Outcome.of("run", tiny.experiment(), "-o", calm).code(0);
    final SortedMap<String, String> undisturbed = Folders.stable(calm);
    // the training is done; the first cell after it has no room
    tiny.edit("  - {name: magnitude-0.5", "  #- {name: magnitude-0.5");
    tiny.edit("  - {name: rtn-int4", "  #- {name: rtn-int4");
    Outcome.of("run", tiny.experiment(), "-o", run).code(0);
    tiny.edit("  #- {name: magnitude-0.5", "  - {name: magnitude-0.5");
    tiny.edit("  #- {name: rtn-int4", "  - {name: rtn-int4");
    final SortedMap<String, String> before = cells(run);
    try (Child child = limited()) {
      assertEquals(6, child.end(), child.said());
      assertTrue(child.said().contains("Cannot write " + run.resolve("cells")), child.said());
      assertTrue(child.said().contains("File too large. Free some space"), child.said());
      assertFalse(child.said().contains("\tat "), child.said());
    }
    final SortedMap<String, String> after = cells(run);
    before.forEach((file, hash) -> assertEquals(hash, after.get(file), file));
    Outcome.of("run", tiny.experiment(), "-o", run).code(0).prints("(2 reused)");
    assertEquals(List.of(), Folders.differences(undisturbed, Folders.stable(run)));
    assertEquals(List.of(), Folders.leftovers(run));
  }

  /** What trained before goes on from its last epoch, though the next one could not be saved. */
  @Test
  void savedEpochsOutliveAFullDisk() {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "/bin/sh is needed");
    try (Child child = Child.start(temporary, "run", tiny.experiment(), "-o", run)) {
      child.until("epoch 3/8").kill();
    }
    try (Child child = limited()) {
      assertEquals(6, child.end(), child.said());
      assertTrue(child.said().contains("resume.safetensors: File too large"), child.said());
    }
    final String resumed = Outcome.of("run", tiny.experiment(), "-o", run).code(0).err();
    assertFalse(
        resumed.substring(0, resumed.indexOf("[1/6]")).contains("epoch 1/8"),
        "it began again:\n" + resumed);
  }

  /** Starts the run under a limit on the size of each file. */
  private Child limited() {
    return Child.startBy(
        List.of("/bin/sh", "-c", "ulimit -f " + BLOCKS + " && exec \"$@\"", "sh"),
        temporary,
        "run",
        tiny.experiment(),
        "-o",
        run);
  }

  /**
   * A disk of its own, which root can make: too small from the start, and filled up during a run.
   */
  @Test
  void aFullDiskEndsTheRunAndNothingIsLost() throws IOException, InterruptedException {
    final Path calm = temporary.resolve("calm");
    final Path disk = Files.createDirectory(temporary.resolve("disk"));
    assumeTrue(mount(disk, "200k"), "only root can mount a disk of its own");
    try {
      Outcome.of("run", tiny.experiment(), "-o", disk.resolve("run"))
          .code(6)
          .says("The experiment needs about ", "MB of disk and there are 0.2 MB", "-o");
      assertFalse(Files.exists(disk.resolve("run")), "something was written");
    } finally {
      unmount(disk);
    }
    Outcome.of("run", tiny.experiment(), "-o", calm).code(0);
    run = disk.resolve("run");
    assumeTrue(mount(disk, "20m"), "only root can mount a disk of its own");
    try {
      try (Child child = Child.start(temporary, "run", tiny.experiment(), "-o", run)) {
        child.until("epoch 2/8");
        command("dd", "if=/dev/zero", "of=" + disk.resolve("filler"), "bs=4k");
        assertEquals(6, child.end(), child.said());
        assertTrue(
            child.said().contains(" free. Free some space") // told before it is written
                || child.said().contains("No space left on device. Free some space"),
            child.said());
      }
      Files.delete(disk.resolve("filler"));
      final String resumed = Outcome.of("run", tiny.experiment(), "-o", run).code(0).err();
      assertFalse(
          resumed.substring(0, resumed.indexOf("[1/6]")).contains("epoch 1/8"),
          "it began again:\n" + resumed);
      assertEquals(List.of(), Folders.differences(Folders.stable(calm), Folders.stable(run)));
      assertEquals(List.of(), Folders.leftovers(run));
    } finally {
      unmount(disk);
    }
  }

  /** Lazily: files of it stay mapped into this process until the garbage collector comes by. */
  private static void unmount(Path folder) throws IOException, InterruptedException {
    command("umount", "-l", folder.toString());
  }

  private static boolean mount(Path folder, String size) throws IOException, InterruptedException {
    return command("mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", folder.toString());
  }

  private static boolean command(String... words) throws IOException, InterruptedException {
    try {
      return new ProcessBuilder(words)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException e) {
      return false; // there is no such program
    }
  }

  private static SortedMap<String, String> cells(Path run) {
    final SortedMap<String, String> files = Folders.stable(run);
    files.keySet().removeIf(name -> !name.startsWith("cells/"));
    assertFalse(files.isEmpty());
    return files;
  }

  @Test
  void aFolderWithoutPermissionIsFourAndSaysSo() throws IOException {
    final Path closed =
        Files.createDirectory(
            temporary.resolve("closed"),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("r-xr-xr-x")));
    assumeTrue(!Files.isWritable(closed), "permissions do not hold for root");
    final Path target = closed.resolve("run");
    Outcome.of("run", tiny.experiment(), "-o", target)
        .code(4)
        .says("Cannot write " + target, "permissions", "choose another folder");
  }

  /** Not even root makes folders there. */
  @Test
  void aPlaceWhereNothingCanBeMadeIsFourAndSaysSo() {
    assumeTrue(Files.isDirectory(Path.of("/proc/self")), "/proc is needed");
    Outcome.of("run", tiny.experiment(), "-o", "/proc/bantam/run")
        .code(4)
        .says("Cannot write /proc/bantam/run", "permissions", "choose another folder");
  }

  @Test
  void aFileInTheWayOfTheFolderIsFourAndSaysSo() throws IOException {
    final Path file = Files.writeString(temporary.resolve("file"), "text");
    Outcome.of("run", tiny.experiment(), "-o", file.resolve("run"))
        .code(4)
        .says("Cannot write " + file.resolve("run"));
    assertEquals("text", Tiny.read(file));
  }
}
