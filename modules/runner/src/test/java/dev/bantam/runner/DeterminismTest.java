package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The same inputs give the same hash-stable files whatever runs them. The model is large enough for
 * several shards and panels, the run it is compared with a warm one on two threads.
 */
class DeterminismTest {
  private static final String OTHER_JAVA = "BANTAM_OTHER_JAVA_HOME";

  @TempDir private static Path temporary;

  private static Path experiment;
  private static SortedMap<String, String> expected;

  @BeforeAll
  static void run() {
    experiment = Tiny.in(temporary).enlarged().experiment();
    expected = inThisProcess("two-threads", 2);
    assertFalse(expected.isEmpty());
  }

  private static SortedMap<String, String> inThisProcess(String name, int threads) {
    final Path run = temporary.resolve(name);
    Outcome.of("run", experiment, "-o", run, "--threads", threads).code(0);
    return Folders.stable(run);
  }

  private static void assertSame(String what, SortedMap<String, String> files) {
    assertEquals(List.of(), Folders.differences(expected, files), what + " differ");
  }

  @Test
  void onOneThreadAndOnThree() {
    assertSame("on one thread", inThisProcess("one-thread", 1));
    assertSame("on three threads", inThisProcess("three-threads", 3));
  }

  @Test
  void againInAWarmProcess() {
    assertSame("the second time", inThisProcess("again", 2));
  }

  @Test
  void withThePlainKernels() {
    assertSame("with the plain kernels", inAProcess("plain", List.of(), thisJava()));
  }

  @Test
  void inAColdProcessWithTheVectorKernels() {
    assertSame("in a cold process", inAProcess("cold", Child.VECTORS, thisJava()));
  }

  /** As on a processor without AVX-512: other tiles, other panels. */
  @Test
  void withVectorsOf256Bits() {
    final List<String> flags = new ArrayList<>(Child.VECTORS);
    flags.addAll(List.of("-XX:+IgnoreUnrecognizedVMOptions", "-XX:UseAVX=2"));
    assertSame("with narrow vectors", inAProcess("narrow", flags, thisJava()));
  }

  @Test
  void onAnotherJava() {
    final String home = System.getenv(OTHER_JAVA);
    assumeTrue(home != null, "SKIPPED: set " + OTHER_JAVA + " to a JDK of another version");
    assertSame("on another Java", inAProcess("other", Child.VECTORS, Path.of(home)));
  }

  private static Path thisJava() {
    return Path.of(System.getProperty("java.home"));
  }

  private static SortedMap<String, String> inAProcess(String name, List<String> flags, Path home) {
    final Path run = temporary.resolve(name);
    final Path java = home.resolve("bin").resolve("java");
    assertTrue(Files.isExecutable(java), java + " is no program");
    try (Child child =
        Child.startOn(java, flags, temporary, "run", experiment, "-o", run, "--threads", 2)) {
      assertEquals(0, child.end(), child::said);
    }
    return Folders.stable(run);
  }
}
