package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MavenArtifactsTest {
  /** A jar that this build has already fetched, so that nothing is downloaded. */
  private static final MavenArtifact SMALL =
      new MavenArtifact(
          "org.apiguardian:apiguardian-api:1.1.2",
          "b509448ac506d607319f182537f0b35d71007582ec741832a1f111e5b5b70b38",
          6_806,
          "Apache-2.0");

  @TempDir Path temp;

  @Test
  void findsVerifiesAndRemembers() throws IOException {
    final MavenArtifacts artifacts = new MavenArtifacts(Progress.NONE, true, temp);
    final Path jar = artifacts.resolve(SMALL);
    assertEquals(SMALL.bytes(), Files.size(jar));
    assertEquals(jar, artifacts.resolve(SMALL));
    try (Stream<Path> notes = Files.list(temp.resolve("verified-jars"))) {
      assertEquals(List.of(SMALL.sha256()), notes.map(p -> p.getFileName().toString()).toList());
    }
  }

  @Test
  void refusesOtherContentNamingBothHashes() {
    final String wrong = "0".repeat(64);
    final MavenArtifact pinned =
        new MavenArtifact(SMALL.coordinates(), wrong, SMALL.bytes(), SMALL.licence());
    final MavenArtifacts artifacts = new MavenArtifacts(Progress.NONE, true, temp);
    for (int i = 0; i < 2; i++) { // a refused jar is not remembered
      Cases.refused(
          () -> artifacts.resolve(pinned), wrong, SMALL.sha256(), SMALL.coordinates(), "Delete");
    }
  }

  @Test
  void offlineSaysWhatToDo() {
    final MavenArtifact missing =
        new MavenArtifact("dev.bantam.nowhere:none:1", "0".repeat(64), 83_000_000, "MIT");
    final List<String> messages = new ArrayList<>();
    final MavenArtifacts artifacts =
        new MavenArtifacts(new HuggingFaceFolderTest.Recorder(messages), true, temp);
    Cases.refused(
        () -> artifacts.resolve(missing), "dev.bantam.nowhere:none:1", "83.0 MB", "--offline");
    assertEquals(List.of(), messages);
  }

  @Test
  void aNoteHoldsOnlyWhileTheJarIsUnchanged() throws IOException {
    final Path jar = Files.write(temp.resolve("a.jar"), new byte[] {1, 2, 3});
    final VerifiedJars verified = new VerifiedJars(temp.resolve("notes"));
    assertTrue(verified.find(SMALL).isEmpty());
    verified.remember(SMALL, jar);
    assertEquals(jar, verified.find(SMALL).orElseThrow());
    Files.setLastModifiedTime(jar, FileTime.fromMillis(1_000_000));
    assertTrue(verified.find(SMALL).isEmpty());
    verified.remember(SMALL, jar);
    Files.write(jar, new byte[] {1, 2, 3, 4});
    Files.setLastModifiedTime(jar, FileTime.fromMillis(1_000_000));
    assertTrue(verified.find(SMALL).isEmpty());
    Files.write(temp.resolve("notes").resolve(SMALL.sha256()), new byte[] {(byte) 0xff});
    assertTrue(verified.find(SMALL).isEmpty());
  }

  @Test
  void artifactsAreChecked() {
    assertThrows(
        IllegalArgumentException.class, () -> new MavenArtifact("a:b", "0".repeat(64), 1, "MIT"));
    assertThrows(
        IllegalArgumentException.class, () -> new MavenArtifact("a:b:1", "beef", 1, "MIT"));
  }

  @Test
  void theCacheFollowsThePlatform() {
    assertEquals(Path.of("/h/.cache/bantam"), CacheFolder.path(Map.of(), "Linux", "/h"));
    assertEquals(
        Path.of("/x/bantam"), CacheFolder.path(Map.of("XDG_CACHE_HOME", "/x"), "Linux", "/h"));
    assertEquals(
        Path.of("/own"),
        CacheFolder.path(Map.of("XDG_CACHE_HOME", "/x", "BANTAM_CACHE", "/own"), "Linux", "/h"));
    assertEquals(Path.of("/h/Library/Caches/bantam"), CacheFolder.path(Map.of(), "Mac OS X", "/h"));
    assertEquals(
        Path.of("/l/bantam/cache"),
        CacheFolder.path(Map.of("LOCALAPPDATA", "/l"), "Windows 11", "/h"));
  }
}
