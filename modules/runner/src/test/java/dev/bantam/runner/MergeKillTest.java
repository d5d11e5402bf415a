package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.AtomicFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A merge that is killed goes on, and ends with the bytes of one that was left alone. */
class MergeKillTest {
  /** Tensors of 3 MB: several are on disk before the first note of it, and many come after. */
  private static final int TENSORS = 20;

  @TempDir private Path temporary;

  private SortedMap<String, String> undisturbed;
  private Path file;
  private Path output;
  private Path partial;

  @Test
  void aKilledMergeGoesOnAndGivesTheSameBytes() {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    for (int i = 0; i < TENSORS; i++) {
      shapes.put("encoder.layer." + i + ".output.dense.weight", new long[] {768, 1024});
    }
    for (int model = 0; model < 3; model++) {
      MergeModels.write(temporary.resolve("m" + model), shapes, model, 0);
    }
    file = temporary.resolve("merge.yaml");
    AtomicFiles.write(
        file,
        """
        merge_method: della
        base_model: m0
        models:
          - {model: m1, parameters: {weight: 0.5, density: 0.5}}
          - {model: m2, parameters: {weight: 0.5, density: [0.4, 0.7]}}
        """);
    final Path calm = temporary.resolve("calm");
    Outcome.of("merge", file, "-o", calm).code(0);
    undisturbed = Folders.hashes(calm);
    assertEquals(List.of("config.json", "merge.json", "model.safetensors"), Folders.files(calm));
    output = temporary.resolve("out");
    partial = temporary.resolve("out.partial");

    try (Child child = start()) {
      child.until(() -> Files.exists(partial.resolve("model/model.safetensors"))).kill();
    }
    finish("at the first tensor");

    try (Child child = start()) {
      child.until(() -> length(partial.resolve("done")) > 0);
      Outcome.of("merge", file, "-o", output)
          .code(7)
          .says("Another merge is at work in " + partial, "-o");
      child.kill();
    }
    assertFalse(Files.exists(output), "no half folder under the final name");
    // what was killed belongs to its seed and recipe
    Outcome.of("merge", file, "-o", output, "--seed", 2)
        .code(7)
        .says("differs in: seed", "--force");
    finish("in the middle").says("Going on:");

    // killed twice, with a note that was cut off, and a file that lost its end
    try (Child child = start()) {
      child.until(() -> length(partial.resolve("done")) > 0).kill();
    }
    try (Child child = start()) {
      child.until("Going on").kill();
    }
    truncate(partial.resolve("done"), 5);
    finish("twice");

    try (Child child = start()) {
      child.until(() -> length(partial.resolve("done")) > 0).kill();
    }
    truncate(partial.resolve("model/model.safetensors"), 1000);
    finish("with a damaged file");

    // another merge there is given up when that is asked for
    try (Child child = start()) {
      child.until(() -> length(partial.resolve("done")) > 0).kill();
    }
    Outcome.of("merge", file, "-o", output, "--seed", 2, "--force").code(0);
    assertTrue(
        Folders.differences(undisturbed, Folders.hashes(output)).contains("model.safetensors"));
  }

  private Child start() {
    return Child.start(temporary, "merge", file, "-o", output, "--threads", 2);
  }

  private Outcome finish(String when) {
    assertFalse(Files.exists(output), "no half folder under the final name, " + when);
    final Outcome outcome = Outcome.of("merge", file, "-o", output).code(0);
    assertEquals(
        List.of(),
        Folders.differences(undisturbed, Folders.hashes(output)),
        "files that differ after a kill " + when);
    assertFalse(Files.exists(partial), "work folder after a kill " + when);
    AtomicFiles.delete(output);
    return outcome;
  }

  private static long length(Path file) {
    return file.toFile().length();
  }

  private static void truncate(Path file, long lost) {
    try (var channel =
        java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() - lost);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
