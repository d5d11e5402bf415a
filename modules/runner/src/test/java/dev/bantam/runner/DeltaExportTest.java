package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code export --format delta}, and every command on what it wrote. */
class DeltaExportTest {
  private static final String EMBEDDINGS = "embeddings.word_embeddings.weight";
  private static final String MATRIX = "encoder.layer.0.output.dense.weight";
  private static final String NORM = "encoder.layer.0.output.LayerNorm.weight";

  @TempDir private Path temporary;
  private Path base;
  private Path tuned;

  /** The tiny model, and one that differs by little; some words are untouched. */
  @BeforeEach
  void models() {
    base = Tiny.in(temporary).model();
    tuned = base.resolveSibling("tuned");
    Folders.copy(base, tuned);
    final Random random = new Random(1);
    final SafetensorsWriter writer = new SafetensorsWriter();
    try (SafetensorsFile file = SafetensorsFile.open(base.resolve("model.safetensors"))) {
      for (String name : file.entries().keySet()) {
        final long[] shape = file.entry(name).shape();
        final float[] values = Floats.toArray(file.floats(name));
        for (int i = 0; i < values.length; i++) {
          final boolean untouched = name.equals(EMBEDDINGS) && i / shape[1] % 3 == 0;
          values[i] += untouched ? 0 : (float) (random.nextGaussian() * 1e-3);
        }
        writer.add(name, SafetensorsType.F32, Floats.tensor(values, shape));
      }
      writer.write(tuned.resolve("model.safetensors"));
    }
  }

  private static float[] read(Path folder, String name) {
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("model.safetensors"))) {
      return Floats.toArray(file.floats(name));
    }
  }

  /** The delta restored as plain safetensors. */
  private Path restored(Path delta) {
    final Path plain = temporary.resolve(delta.getFileName() + "-plain");
    Outcome.of("export", delta, "--format", "safetensors", "--dense", "-o", plain).code(0);
    return plain;
  }

  private Path export(String name, Object... options) {
    final Path delta = base.resolveSibling(name);
    final Object[] all = new Object[options.length + 8];
    System.arraycopy(
        new Object[] {"export", tuned, "--format", "delta", "--base", base, "-o", delta},
        0,
        all,
        0,
        8);
    System.arraycopy(options, 0, all, 8, options.length);
    Outcome.of(all).code(0).prints("smaller than float32", "|delta| median");
    return delta;
  }

  @Test
  void atThirtyTwoBitsTheModelComesBackBitForBit() {
    final Path plain = restored(export("exact", "--bits", 32));
    try (SafetensorsFile file = SafetensorsFile.open(tuned.resolve("model.safetensors"))) {
      for (String name : file.entries().keySet()) {
        assertArrayEquals(Floats.toArray(file.floats(name)), read(plain, name), name);
      }
    }
  }

  /** By definition: what is kept is the difference over the density, within half a step. */
  @ParameterizedTest
  @CsvSource({"seed,8", "bitmap,8", "gaps,16", "smallest,16"})
  void keptDifferencesAreRescaled(String positions, int bits) {
    final Path delta =
        export("dare", "--density", 0.25, "--positions", positions, "--bits", bits, "--seed", 5);
    final Path plain = restored(delta);
    for (String name : new String[] {EMBEDDINGS, MATRIX}) {
      final float[] b = read(base, name);
      final float[] t = read(tuned, name);
      final float[] got = read(plain, name);
      float peak = 0;
      for (int i = 0; i < b.length; i++) {
        peak = Math.max(peak, Math.abs(t[i] - b[i]) * 4);
      }
      final double step = bits == 8 ? peak / 127 : peak * 0x1p-10;
      int kept = 0;
      for (int i = 0; i < b.length; i++) {
        final double wanted = 4.0 * ((double) t[i] - b[i]);
        if (got[i] != b[i]) {
          assertEquals(wanted, (double) got[i] - b[i], step / 2 + 2e-7, name + "[" + i + "]");
          kept++;
        }
      }
      final double expected = b.length * .25 * (name.equals(EMBEDDINGS) ? 2 / 3.0 : 1);
      assertEquals(expected, kept, 5 * Math.sqrt(expected), name);
    }
    // normalizations are stored in full
    assertArrayEquals(read(tuned, NORM), read(plain, NORM));
  }

  @Test
  void signsHaveTheMeanMagnitude() {
    final Path plain = restored(export("signs", "--bits", 1));
    final float[] b = read(base, MATRIX);
    final float[] t = read(tuned, MATRIX);
    final float[] got = read(plain, MATRIX);
    double mean = 0;
    for (int i = 0; i < b.length; i++) {
      mean += Math.abs((double) t[i] - b[i]) / b.length;
    }
    for (int i = 0; i < b.length; i++) {
      assertEquals(t[i] < b[i] ? -mean : mean, (double) got[i] - b[i], 2e-7, "[" + i + "]");
    }
  }

  @Test
  void partsAddUpToTheFile() throws IOException {
    final Path seeded = export("seeded", "--density", 0.25, "--bits", 8);
    final JsonNode manifest =
        new ObjectMapper().readTree(Files.readAllBytes(seeded.resolve("manifest.json")));
    long sum = 0;
    for (JsonNode part : manifest.path("bytes")) {
      sum += part.asLong();
    }
    assertEquals(Files.size(seeded.resolve("delta.safetensors")), sum);
    final Path bitmap = export("bits", "--density", 0.25, "--bits", 8, "--positions", "bitmap");
    assertTrue(
        Files.size(seeded.resolve("delta.safetensors"))
            < Files.size(bitmap.resolve("delta.safetensors")));
    final Path again = export("again", "--density", 0.25, "--bits", 8, "--threads", 1);
    assertEquals(
        Folders.hashes(seeded).get("delta.safetensors"),
        Folders.hashes(again).get("delta.safetensors"));
  }

  @Test
  void theBaseIsFoundBesideItAndOthersAreRefused() {
    final Path delta = export("small", "--density", 0.5);
    Outcome.of("inspect", delta).code(0).prints(EMBEDDINGS);
    final Path away = base.resolveSibling("away");
    Folders.copy(base, away);
    dev.bantam.tensor.AtomicFiles.delete(base);
    Outcome.of("inspect", delta)
        .code(4)
        .says("holds differences to the model '" + Tiny.MODEL + "'", "was not found");
    Folders.copy(tuned, base);
    Outcome.of("inspect", delta).code(4).says("other weights");
    dev.bantam.tensor.AtomicFiles.delete(base);
    Folders.copy(away, base);
    Outcome.of("inspect", delta).code(0);
  }

  /** Quantiles of all differences, by sorting them. */
  @Test
  void inspectShowsHowFarTheModelsAre() {
    final java.util.List<Float> all = new java.util.ArrayList<>();
    double squares = 0;
    double norm = 0;
    try (SafetensorsFile file = SafetensorsFile.open(tuned.resolve("model.safetensors"))) {
      for (String name : file.entries().keySet()) {
        final float[] b = read(base, name);
        final float[] t = Floats.toArray(file.floats(name));
        for (int i = 0; i < b.length; i++) {
          all.add(Math.abs(t[i] - b[i]));
          squares += (double) (t[i] - b[i]) * (t[i] - b[i]);
          norm += (double) b[i] * b[i];
        }
      }
    }
    all.sort(null);
    final String out =
        Outcome.of("inspect", tuned, "--base", base).code(0).prints("layer 0", "embeddings").out();
    final String[] row =
        out.lines().filter(l -> l.startsWith("all")).findFirst().orElseThrow().split("\\s+");
    assertEquals(all.size(), Integer.parseInt(row[1].replace(",", "")));
    final double[] shares = {.5, .9, .99};
    for (int q = 0; q < shares.length; q++) {
      final double wanted = all.get((int) Math.ceil(shares[q] * all.size()) - 1);
      assertEquals(wanted, Double.parseDouble(row[2 + q]), .014 * wanted, "quantile " + shares[q]);
    }
    assertEquals(Math.sqrt(squares / norm), Double.parseDouble(row[6]), 1e-4);
    Outcome.of("inspect", tuned, "--base", tuned).code(0).prints("100.00%");
  }

  @Test
  void wrongUseIsRefused() {
    final Path out = temporary.resolve("out");
    Outcome.of("export", tuned, "--format", "delta", "-o", out).code(2).says("--base");
    Outcome.of("export", tuned, "--format", "delta", "--base", base, "--bits", 9, "-o", out)
        .code(2)
        .says("--bits is 9");
    Outcome.of("export", tuned, "--format", "delta", "--base", base, "--density", 0, "-o", out)
        .code(2)
        .says("--density is 0");
    Outcome.of("export", tuned, "--format", "onnx", "--density", 0.5, "-o", out)
        .code(2)
        .says("--format delta alone");
    Outcome.of("export", tuned, "--format", "delta", "--base", base, "-o", out, "--dry-run")
        .code(0)
        .prints("|delta| median", "Would write");
    assertTrue(Files.notExists(out));
  }
}
