package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code run} and {@code report --publish}, killed at random moments by SIGKILL and started again,
 * end with the bytes of an undisturbed run. How many kills is told by {@code -Dbantam.kills}; from
 * 20 on every kind of work must have been hit.
 */
class RandomKillTest {
  private static final int FEW = 4;
  private static final int MANY = 20;

  /** Seeds of the moments; one more comes from the clock. */
  private static final long[] SEEDS = {11, 22, 33};

  /** Kinds of work in their order; which one was hit is read from what the dead process left. */
  private enum Phase {
    FINE_TUNING,
    COMPRESSING,
    EVALUATING,
    WRITING,
    REPORTING,
    EXPORTING,
    PUBLISHING,
    /** None: it had not begun, or had ended by itself. */
    NOTHING
  }

  @TempDir private Path temporary;

  private Tiny tiny;
  private SortedMap<String, String> undisturbed;
  private SortedMap<String, String> published;
  private final Map<Phase, Integer> hits = new EnumMap<>(Phase.class);

  @BeforeEach
  void runUndisturbed() throws IOException, InterruptedException {
    tiny = Tiny.in(temporary).enlarged();
    tiny.edit("epochs: 8", "epochs: 3");
    assumeTrue(
        git("init", "-q")
            && git("add", "tiny/experiment.yaml")
            && git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "t"),
        "no git here, and what is published names a commit");
    final Path calm = temporary.resolve("calm");
    Outcome.of("run", tiny.experiment(), "-o", calm).code(0);
    undisturbed = Folders.stable(calm);
    try (Child child = publish(calm, "calm")) {
      assertEquals(0, child.end(), child.said());
    }
    published = Folders.hashes(reports("calm"));
  }

  @Test
  void aRunKilledAtRandomMomentsEndsWithTheSameBytes() throws IOException {
    final int kills = Integer.getInteger("bantam.kills", FEW);
    final Set<Phase> missing = EnumSet.complementOf(EnumSet.of(Phase.NOTHING));
    final long clock = System.nanoTime();
    final List<String> story = new ArrayList<>();
    int done = 0;
    // beyond the number asked for, a few more where a kind of work has not been hit yet
    while (done < kills || (kills >= MANY && !missing.isEmpty() && done < 3 * kills)) {
      final long seed =
          done % (SEEDS.length + 1) < SEEDS.length ? SEEDS[done % (SEEDS.length + 1)] : clock;
      final Random random = new Random(31 * seed + done);
      final Phase aim =
          done < kills
              ? Phase.values()[3 * done % Phase.NOTHING.ordinal()]
              : missing.iterator().next();
      final Phase hit = kill(done, aim, random);
      story.add(done + " (seed " + seed + "): aimed at " + aim + ", hit " + hit);
      hits.merge(hit, 1, Integer::sum);
      missing.remove(hit);
      finish(done, story);
      done++;
    }
    System.out.println(done + " kills by kind of work: " + hits);
    if (kills >= MANY) {
      assertTrue(missing.isEmpty(), "never hit " + missing + ": " + story);
    }
  }

  /** Starts, waits for a kind of work to begin and a random time more, and kills. */
  private Phase kill(int number, Phase aim, Random random) throws IOException {
    final Path run = temporary.resolve("run" + number);
    final boolean publishing = aim == Phase.PUBLISHING;
    if (publishing) {
      Folders.copy(temporary.resolve("calm"), run);
    }
    final Path watched = publishing ? reports("run" + number) : run;
    try (Child child = publishing ? publish(run, "run" + number) : start(run)) {
      final int skipped = random.nextInt(timesInARun(aim));
      Phase now = null;
      int begun = -1;
      while (child.isAlive() && begun < skipped) {
        final Phase next = phase(watched, publishing);
        if (next == aim && now != aim) {
          begun++;
        }
        now = next;
        if (aim != Phase.WRITING) {
          LockSupport.parkNanos(300_000);
        }
      }
      if (aim != Phase.WRITING) { // which is over too soon to wait in
        LockSupport.parkNanos((long) (random.nextDouble() * random.nextInt(300) * 1e6));
      }
      return child.killIfAlive() ? phase(watched, publishing) : Phase.NOTHING;
    }
  }

  /**
   * How often a kind of work is begun in one run of two seeds, three variants and their exports.
   */
  private static int timesInARun(Phase phase) {
    return switch (phase) {
      case WRITING -> 12;
      case COMPRESSING, EVALUATING -> 4;
      case FINE_TUNING -> 2;
      case REPORTING, EXPORTING, PUBLISHING, NOTHING -> 1;
    };
  }

  /** What a process was doing, by what lies in its folder. */
  private static Phase phase(Path folder, boolean publishing) throws IOException {
    if (publishing) {
      return Files.isDirectory(folder) ? Phase.PUBLISHING : Phase.NOTHING;
    }
    final Path cells = folder.resolve("cells");
    final List<String> names = new ArrayList<>();
    try (Stream<Path> all = Files.isDirectory(folder) ? Files.walk(folder) : Stream.empty()) {
      all.forEach(path -> names.add(folder.relativize(path).toString()));
    } catch (java.io.UncheckedIOException e) {
      return Phase.WRITING; // something was renamed while it was listed
    }
    if (names.stream().anyMatch(n -> n.startsWith("cells/") && n.endsWith(".tmp"))) {
      return Phase.WRITING;
    }
    final List<String> half =
        names.stream().filter(n -> n.startsWith("cells/.") && n.endsWith(".work")).toList();
    if (!half.isEmpty()) {
      final Path work = folder.resolve(half.get(0));
      if (half.get(0).contains(".dense.")) {
        return Files.exists(work.resolve("finetune.json")) ? Phase.EVALUATING : Phase.FINE_TUNING;
      }
      return Files.exists(work.resolve("model.safetensors")) ? Phase.EVALUATING : Phase.COMPRESSING;
    }
    if (!Files.isDirectory(cells) || cells(names) < 6) {
      return Phase.FINE_TUNING; // between two cells, or before the first
    }
    return Files.exists(folder.resolve("report.html")) ? Phase.EXPORTING : Phase.REPORTING;
  }

  private static long cells(List<String> names) {
    return names.stream().filter(n -> n.matches("cells/[^/.][^/]*/result\\.json")).count();
  }

  /** Runs again until it ends, publishes, and compares. */
  private void finish(int number, List<String> story) {
    final Path run = temporary.resolve("run" + number);
    final String when = "after kill " + String.join("\n", story);
    Outcome.of("run", tiny.experiment(), "-o", run).code(0);
    assertEquals(
        List.of(), Folders.differences(undisturbed, Folders.stable(run)), "files differ " + when);
    assertEquals(List.of(), Folders.leftovers(run), when);
    if (Files.isDirectory(reports("run" + number))) {
      try (Child child = publish(run, "run" + number)) {
        assertEquals(0, child.end(), child.said());
      }
      final SortedMap<String, String> again = Folders.hashes(reports("run" + number));
      assertEquals(published.keySet(), again.keySet(), "published files " + when);
      assertEquals(published.get("results.csv"), again.get("results.csv"), when);
      assertEquals(List.of(), Folders.leftovers(reports("run" + number)), when);
    }
  }

  private Child start(Path run) {
    return Child.start(temporary, "run", tiny.experiment(), "-o", run, "--threads", 2);
  }

  private Child publish(Path run, String name) {
    return Child.start(temporary, "report", run, "--publish", "--name", name);
  }

  private Path reports(String name) {
    return temporary.resolve("reports").resolve(name);
  }

  private boolean git(String... arguments) throws IOException, InterruptedException {
    final List<String> command = new ArrayList<>(List.of("git"));
    command.addAll(List.of(arguments));
    try {
      return new ProcessBuilder(command).directory(temporary.toFile()).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }
}
