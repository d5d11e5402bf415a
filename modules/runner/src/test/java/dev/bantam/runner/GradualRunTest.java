package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.compression.TensorSelector;
import dev.bantam.export.PackedFile;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pruning in the events of a training: counts, starts, the same bytes after a kill, refusals. */
class GradualRunTest {
  private static final String OBERT =
      "method: obert, gradients: 6, batch: 8, block: 12, dampening: 1e-4";
  private static final String VARIANTS =
      """
      variants:
        - {name: dense}
        - {name: dense-start, finetune: {epochs: 2, learning-rate: 3e-3}}
        - name: obert-gradual-0.8
          start: dense-start
          steps: [{prune: {%s, schedule: {to: 0.8, events: 4}, train: {epochs: 3, batch: 8, teacher: dense}}}]
        - name: gmp-0.8
          start: dense-start
          steps: [{prune: {method: magnitude, schedule: {from: 0.3, to: 0.8, events: 3, end: 0.6, rewind: events}, train: {epochs: 3, batch: 8, hardness: 0.5}}}]
        - name: obert-2of4-trained
          steps: [{prune: {%s, pattern: 2of4, train: {epochs: 1, batch: 8, teacher: none}}}]
      """
          .formatted(OBERT, OBERT);

  @TempDir private static Path temporary;
  private static Tiny tiny;
  private static Path experiment;
  private static Path run;
  private static SortedMap<String, String> files;

  @BeforeAll
  static void runOnce() {
    tiny = Tiny.in(temporary).enlarged();
    experiment = tiny.write("gradual.yaml", withVariants(VARIANTS));
    run = temporary.resolve("run");
    Outcome.of("run", experiment, "-o", run, "--threads", 2).code(0);
    files = Folders.stable(run);
  }

  /** The experiment's head with other variants, one seed. */
  private static String withVariants(String variants) {
    final String text = tiny.text();
    return text.substring(0, text.indexOf("variants:")).replaceAll("(?m)^seeds:.*$", "seeds: [1]")
        + variants;
  }

  private static JsonNode result(String variant) {
    try {
      return new ObjectMapper()
          .readTree(
              Files.readAllBytes(
                  run.resolve("cells")
                      .resolve(Tiny.CELL + variant + ".s1")
                      .resolve("result.json")));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static long[] zerosAndAll(String variant) {
    final long[] counts = new long[2];
    PackedFile.read(run.resolve("cells/" + Tiny.CELL + variant + ".s1/model.safetensors"))
        .tensors()
        .forEach(
            (name, form) -> {
              if (TensorSelector.isEncoderMatrix(name)) {
                for (float w : Floats.toArray(form.dense())) {
                  counts[0] += w == 0f ? 1 : 0;
                  counts[1]++;
                }
              }
            });
    return counts;
  }

  @Test
  void exactlyTheShareIsGoneAtTheEnd() {
    for (String variant : List.of("obert-gradual-0.8", "gmp-0.8")) {
      final long[] counts = zerosAndAll(variant);
      assertEquals((long) Math.rint(0.8 * counts[1]), counts[0], variant);
    }
    final long[] half = zerosAndAll("obert-2of4-trained");
    assertEquals(half[1], 2 * half[0]);
  }

  @Test
  void eventsFollowTheCubic() {
    final JsonNode step = result("obert-gradual-0.8").path("steps").get(0);
    assertEquals("obert-gradual", step.path("method").asText());
    final double[] expected = {0.5, 0.5 + 0.3 * 19 / 27, 0.5 + 0.3 * 26 / 27, 0.8};
    assertEquals(4, step.path("events").size());
    for (int e = 0; e < 4; e++) {
      final JsonNode event = step.path("events").get(e);
      assertEquals(e + 1, event.path("number").asInt());
      assertEquals(expected[e], event.path("sparsity").asDouble(), 1e-4);
      assertTrue(event.path("loss_after").asDouble() > 0, event.toString());
      assertTrue(event.path("predicted_loss").asDouble() > 0, event.toString());
    }
    assertEquals(
        "obert-trained", result("obert-2of4-trained").path("steps").get(0).path("method").asText());
    assertEquals(
        "gmp", result("gmp-0.8").path("steps").get(0).path("method").asText(), "method of gmp");
  }

  /** Another start gives other results; the start itself is trained as it says. */
  @Test
  void stepsBeginWithTheirStart() {
    assertNotEquals(result("dense").path("sha256"), result("dense-start").path("sha256"));
    final Path other =
        tiny.write("other.yaml", withVariants(VARIANTS.replace("    start: dense-start\n", "")));
    final Path second = temporary.resolve("other");
    Outcome.of("run", other, "-o", second, "--threads", 2).code(0);
    final SortedMap<String, String> found = Folders.stable(second);
    final String start = "cells/" + Tiny.CELL + "dense-start.s1/model.safetensors";
    final String gradual = "cells/" + Tiny.CELL + "gmp-0.8.s1/model.safetensors";
    assertEquals(files.get(start), found.get(start));
    assertNotEquals(files.get(gradual), found.get(gradual));
  }

  /** Killed right after an event and after an epoch; both times the rest gives the same bytes. */
  @Test
  void aKilledTrainingGoesOn() {
    final Path killed = temporary.resolve("killed");
    final Path half = killed.resolve("cells/." + Tiny.CELL + "obert-gradual-0.8.s1.work");
    try (Child child = Child.start(temporary, "run", experiment, "-o", killed, "--threads", 2)) {
      child.until(() -> Files.isRegularFile(half.resolve("training-1.resume.safetensors"))).kill();
    }
    try (Child child = Child.start(temporary, "run", experiment, "-o", killed, "--threads", 2)) {
      child.until("epoch 1/3").kill();
    }
    Outcome.of("run", experiment, "-o", killed, "--threads", 1).code(0).prints("(2 reused)");
    assertEquals(List.of(), Folders.differences(files, Folders.stable(killed)));
    assertEquals(List.of(), Folders.leftovers(killed));
  }

  @Test
  void aSmokeRunTrainsLess() {
    final Path smoke = temporary.resolve("smoke");
    Outcome.of("run", experiment, "--smoke", "-o", smoke).code(0);
    final String resolved = Tiny.read(smoke.resolve("experiment.resolved.yaml"));
    assertFalse(resolved.contains("epochs: 3"), resolved);
    assertTrue(resolved.contains("events: 4"), resolved);
  }

  @Test
  void refusals() {
    refused("start: dens-start", "start: dense-start", "no fine-tuned variant", "dense-start");
    refused("schedule: {to: 0.8, events: 4}, ", "", "prune.sparsity is missing");
    refused(
        ", train: {epochs: 3, batch: 8, teacher: dense}", "", "its events are parts of a training");
    refused("to: 0.8, events: 4", "to: 0.4, events: 4", "from is a share up to 'to'");
    refused("teacher: dense", "teacher: none, hardness: 0.5", "no effect");
    refused(
        "schedule: {to: 0.8, events: 4}", "sparsity: 0.5, schedule: {to: 0.8}", "Delete the key");
    refused(
        "epochs: 3, batch: 8, teacher: dense",
        "epochs: 3, freeze: [embeddings.*, encoder.layer.0.*]",
        "keeps it from being trained");
    refused(
        "schedule: {to: 0.8, events: 4}",
        "targets: embeddings.word_embeddings.weight, schedule: {to: 0.8}",
        "only the matrices of encoder layers");
    refused("end: 0.6, rewind: events", "rewind: none, floor: 0.1", "floor has no effect");
    refused("pattern: 2of4", "pattern: 2of4, schedule: {to: 0.8}", "nothing can be gradual");
    refused(
        "finetune: {epochs: 2, learning-rate: 3e-3}}",
        "finetune: {epochs: 2}, steps: [{prune: {sparsity: 0.5}}]}",
        "has its own finetune and takes no steps");
    refused("{name: dense}", "{name: dense, finetune: {epochs: 3}}", "the experiment's 'finetune'");
    refused("{epochs: 2, learning-rate: 3e-3}", "{epochs: 2, freeze: words.*}", "words.*");
  }

  /** Where {@code from} is not in the variants, {@code to} is, and is replaced by it. */
  private static void refused(String from, String to, String... says) {
    final boolean there = VARIANTS.contains(from);
    final String changed =
        there ? VARIANTS.replaceFirst(quoted(from), to) : VARIANTS.replaceFirst(quoted(to), from);
    assertFalse(changed.equals(VARIANTS), from);
    Outcome.of("plan", tiny.write("wrong.yaml", withVariants(changed))).code(3).says(says);
  }

  private static String quoted(String text) {
    return java.util.regex.Pattern.quote(text);
  }
}
