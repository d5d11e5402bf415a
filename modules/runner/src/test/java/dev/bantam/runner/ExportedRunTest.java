package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.Models;
import dev.bantam.tensor.AtomicFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Experiments that export ONNX files beside packed folders, and exports that are killed. */
class ExportedRunTest {
  private static final List<String> VARIANTS = List.of("dense", "magnitude-0.5", "rtn-int4");
  private static final List<String> FORMATS =
      List.of("safetensors", "onnx", "onnx-int8", "onnx-int4");

  @TempDir private static Path common;
  private static Path run;

  @TempDir private Path temporary;
  private Tiny tiny;

  private static Tiny folder(Path parent) {
    final Tiny tiny = Tiny.in(parent);
    tiny.edit("seeds: [1, 2]", "seeds: [1]");
    tiny.edit("epochs: 8", "epochs: 1");
    tiny.edit("export: [safetensors]", "export: [safetensors, onnx, onnx-int8, onnx-int4]");
    return tiny;
  }

  @BeforeAll
  static void runOnce() {
    run = common.resolve("run");
    Outcome.of("run", folder(common).experiment(), "-o", run, "--threads", 1)
        .code(0)
        .prints("3 cells (0 reused)");
  }

  @BeforeEach
  void copy() {
    tiny = folder(temporary);
  }

  private Path copyOfRun() {
    final Path copy = temporary.resolve("run");
    Folders.copy(run, copy);
    return copy;
  }

  private static Path exported(Path run, String variant, String format) {
    return run.resolve("exports").resolve(Tiny.CELL + variant).resolve(format);
  }

  @Test
  void everyVariantIsWrittenInEveryFormat() throws IOException {
    int found = 0;
    for (String variant : VARIANTS) {
      for (String format : FORMATS) {
        final Path folder = exported(run, variant, format);
        final String name = format.equals("safetensors") ? "model.safetensors" : "model.onnx";
        final SortedMap<String, String> hashes = Folders.hashes(folder);
        assertTrue(
            hashes
                .keySet()
                .containsAll(List.of("README.md", "config.json", "tokenizer.json", name)),
            folder + " holds " + hashes.keySet());
        final JsonNode manifest =
            new ObjectMapper().readTree(folder.resolve("manifest.json").toFile());
        assertEquals(format, manifest.path("format").textValue());
        assertEquals(hashes.get(name), manifest.path("file_sha256").textValue());
        assertEquals(12, manifest.path("check").path("inputs").intValue(), manifest.toString());
        if (!format.equals("safetensors")) {
          assertEquals("logits", manifest.path("output").textValue());
          final String card = Tiny.read(folder.resolve("README.md"));
          assertTrue(card.contains("Output `logits`, float32 [batch, 2]: no, yes."), card);
        }
        found++;
      }
    }
    assertEquals(12, found);
  }

  /** The size of a format follows from how it stores weights, so none can be another's copy. */
  @Test
  void aFloatFileOfACompressedVariantHoldsItsValues() throws IOException {
    final Path file = exported(run, "rtn-int4", "onnx").resolve("model.onnx");
    Outcome.of("evaluate", file, "--task", tiny.task())
        .code(0)
        .prints(
            "accuracy "
                + String.format(
                    java.util.Locale.ROOT,
                    "%.6f",
                    Double.parseDouble(Tiny.result(run, "rtn-int4", 1, "accuracy").orElseThrow())));
  }

  /** The logits of ONNX Runtime put every text of dev into the class that the report counted. */
  @Test
  void onnxRuntimeScoresAsReported() {
    final List<String> rows =
        Tiny.read(tiny.folder().resolve("signs-dev.tsv")).lines().skip(1).toList();
    final Path folder = exported(run, "rtn-int4", "onnx");
    final var model = Models.open(folder.resolve("model.onnx").toString(), Models.Options.DEFAULT);
    final var texts =
        rows.stream()
            .map(
                r ->
                    model.tokenizer().orElseThrow().encode(r.split("\t", -1)[0], model.maxLength()))
            .toList();
    try (OrtFile file = new OrtFile(folder.resolve("model.onnx"))) {
      final float[] logits = file.run(texts);
      int right = 0;
      for (int i = 0; i < rows.size(); i++) {
        final String label = logits[2 * i] >= logits[2 * i + 1] ? "no" : "yes";
        right += label.equals(rows.get(i).split("\t", -1)[1]) ? 1 : 0;
      }
      assertEquals(
          Double.parseDouble(Tiny.result(run, "rtn-int4", 1, "accuracy").orElseThrow()),
          (double) right / rows.size(),
          1e-12);
    }
  }

  @Test
  void threadsDoNotChangeABit() {
    final Path other = temporary.resolve("other");
    Outcome.of("run", tiny.experiment(), "-o", other, "--threads", 2).code(0);
    final SortedMap<String, String> hashes = Folders.stable(run);
    assertEquals(9, hashes.keySet().stream().filter(f -> f.endsWith(".onnx")).count());
    assertEquals(List.of(), Folders.differences(hashes, Folders.stable(other)));
  }

  @Test
  void aRerunWritesOnlyWhatIsNotThere() throws IOException {
    final Path copy = copyOfRun();
    final Path spoilt = exported(copy, "dense", "onnx-int8").resolve("model.onnx");
    Files.writeString(spoilt, "spoilt");
    AtomicFiles.delete(exported(copy, "rtn-int4", "onnx"));
    final FileTime old = FileTime.fromMillis(1_000_000_000_000L);
    final Map<Path, Boolean> files = new TreeMap<>();
    for (String variant : VARIANTS) {
      for (String format : FORMATS) {
        final Path folder = exported(copy, variant, format);
        for (String file : Files.isDirectory(folder) ? Folders.files(folder) : List.<String>of()) {
          Files.setLastModifiedTime(folder.resolve(file), old);
          files.put(folder.resolve(file), spoilt.startsWith(folder));
        }
      }
    }
    Outcome.of("run", tiny.experiment(), "-o", copy).code(0).prints("3 cells (3 reused)");
    for (Map.Entry<Path, Boolean> file : files.entrySet()) {
      assertEquals(
          file.getValue(),
          !Files.getLastModifiedTime(file.getKey()).equals(old),
          file.getKey() + " was written again");
    }
    assertEquals(List.of(), Folders.differences(Folders.stable(run), Folders.stable(copy)));
  }

  @Test
  void aKilledRunExportsTheRest() {
    final Path copy = copyOfRun();
    AtomicFiles.delete(copy.resolve("exports"));
    final Path first = exported(copy, "dense", "onnx");
    try (Child child = Child.start(temporary, "run", tiny.experiment(), "-o", copy)) {
      child.until(() -> Files.isDirectory(first)).kill();
    }
    Outcome.of("run", tiny.experiment(), "-o", copy).code(0).prints("3 cells (3 reused)");
    assertEquals(List.of(), Folders.differences(Folders.stable(run), Folders.stable(copy)));
    assertEquals(List.of(), Folders.leftovers(copy));
  }

  /** While it works there is only a folder of a temporary name; then all of the files. */
  @Test
  void aKilledExportLeavesNothingHalf() throws IOException {
    final Path target = Files.createDirectory(temporary.resolve("target"));
    final Object[] command = {
      "export", tiny.enlarged().model(), "--format", "onnx-int8", "-o", target.resolve("m.onnx")
    };
    try (Child child = Child.start(temporary, command)) {
      child.until(() -> !Folders.leftovers(target).isEmpty()).kill();
    }
    assertTrue(
        Folders.files(target).stream().allMatch(f -> f.startsWith(".")),
        "half an export: " + Folders.files(target));
    Outcome.of(command).code(0);
    assertEquals(
        List.of("m.manifest.json", "m.md", "m.onnx", "tokenizer.json"),
        Folders.files(target).stream().filter(f -> !f.startsWith(".")).toList());
  }
}
