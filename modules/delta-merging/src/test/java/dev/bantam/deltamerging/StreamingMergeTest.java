package dev.bantam.deltamerging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsFolder;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Model folders: shards, whole numbers, types, damaged values, messages. */
class StreamingMergeTest {
  private static final List<String> NAMES =
      List.of("embeddings.weight", "encoder.layer.0.w.weight", "encoder.layer.1.w.weight");

  @TempDir private Path temporary;

  private Path model(String name, long seed, SafetensorsType type, long ids) {
    final Path folder = temporary.resolve(name);
    AtomicFiles.createFolders(folder);
    final SafetensorsWriter writer = new SafetensorsWriter();
    for (String tensor : NAMES) {
      final SplittableRandom random = new SplittableRandom(seed * 31 + tensor.hashCode());
      final float[] values = new float[77];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (random.nextDouble() - .5);
      }
      writer.add(tensor, type, Floats.tensor(values, 7, 11));
    }
    final ByteBuffer numbers = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    numbers.putLong(0).putLong(ids);
    writer.add("embeddings.position_ids", SafetensorsType.I64, new long[] {1, 2}, numbers.array());
    writer.write(folder.resolve("model.safetensors"));
    AtomicFiles.write(folder.resolve("config.json"), "{\"model_type\": \"bert\"}");
    return folder;
  }

  private static MergeSources.Folder folder(Path path) {
    return new MergeSources.Folder(path.getFileName().toString(), path, Optional.empty());
  }

  private static MergeSources sources(long shardBytes, Path base, Path... models) {
    final List<MergeSources.Folder> folders = new ArrayList<>();
    for (Path model : models) {
      folders.add(folder(model));
    }
    return new MergeSources(
        Optional.ofNullable(base).map(StreamingMergeTest::folder),
        folders,
        MergeSources.Heads.AUTO,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        shardBytes);
  }

  private Path merge(String name, MergeRecipe recipe, MergeSources sources) {
    final Path target = temporary.resolve(name);
    try (Workers workers = new Workers(2);
        StreamingMerge merge = StreamingMerge.open(recipe, sources, 1)) {
      merge.write(target, false, workers, Progress.NONE, done -> AtomicFiles.move(done, target));
    }
    return target;
  }

  private static float[] read(Path folder, String tensor) {
    try (SafetensorsFolder file = SafetensorsFolder.open(folder)) {
      return Floats.toArray(file.floats(tensor));
    }
  }

  private static MergeRecipe dare(String... models) {
    final List<MergeRecipe.Model> list = new ArrayList<>();
    for (String model : models) {
      list.add(MergeRecipe.Model.of(model, .5));
    }
    return MergeRecipe.of(
        MergeMethod.DARE_TIES, "base", list, Map.of("density", ParameterValue.of(.5)));
  }

  /** Shards in and out: the tensors of one file, and an index that lists them all. */
  @Test
  void shardsHoldTheSameTensors() throws IOException {
    final Path base = model("base", 1, SafetensorsType.F32, 1);
    final Path a = model("a", 2, SafetensorsType.F32, 1);
    final Path b = model("b", 3, SafetensorsType.F32, 1);
    final Path one = merge("one", dare("a", "b"), sources(1_000_000, base, a, b));
    final Path many = merge("many", dare("a", "b"), sources(400, base, a, b));
    final JsonNode index =
        new ObjectMapper()
            .readTree(Files.readAllBytes(many.resolve("model.safetensors.index.json")));
    final TreeSet<String> files = new TreeSet<>();
    index.path("weight_map").forEach(file -> files.add(file.asText()));
    assertEquals(
        List.of(
            "model-00001-of-00003.safetensors",
            "model-00002-of-00003.safetensors",
            "model-00003-of-00003.safetensors"),
        List.copyOf(files));
    assertEquals(3 * 77 * 4 + 16, index.path("metadata").path("total_size").asLong());
    for (String tensor : NAMES) {
      assertArrayEquals(read(one, tensor), read(many, tensor), tensor);
    }
    // and again from the shards
    final MergeRecipe copy =
        MergeRecipe.of(
            MergeMethod.PASSTHROUGH,
            null,
            List.of(new MergeRecipe.Model("many", Map.of())),
            Map.of());
    final Path again = merge("again", copy, sources(1_000_000, null, many));
    for (String tensor : NAMES) {
      assertArrayEquals(read(one, tensor), read(again, tensor), tensor);
    }
    assertArrayEquals(
        Files.readAllBytes(one.resolve("model.safetensors")),
        Files.readAllBytes(again.resolve("model.safetensors")));
  }

  /** Files of 16 bits merge in 16 bits: small differences vanish, as in mergekit. */
  @Test
  void arithmeticIsThatOfTheFilesUnlessAskedOtherwise() {
    final Path base = model("base", 1, SafetensorsType.BF16, 1);
    final Path a = model("a", 2, SafetensorsType.BF16, 1);
    final MergeRecipe half =
        MergeRecipe.of(
            MergeMethod.TASK_ARITHMETIC, "base", List.of(MergeRecipe.Model.of("a", .3)), Map.of());
    final Path merged = merge("merged", half, sources(1_000_000, base, a));
    try (SafetensorsFolder file = SafetensorsFolder.open(merged)) {
      assertEquals(SafetensorsType.BF16, file.entry(NAMES.get(0)).type());
    }
    final float[] x = read(base, NAMES.get(0));
    final float[] y = read(a, NAMES.get(0));
    final float[] got = read(merged, NAMES.get(0));
    for (int i = 0; i < x.length; i++) {
      final float delta = bfloat(y[i] - x[i]);
      assertEquals(bfloat(x[i] + bfloat(bfloat(.3f) * delta)), got[i], 0f, "[" + i + "]");
    }
  }

  /** To 8 significant bits, ties to even, by arithmetic instead of bits. */
  private static float bfloat(float value) {
    if (value == 0) {
      return value;
    }
    final double unit = Math.pow(2, Math.getExponent(value) - 7);
    return (float) (Math.rint(value / unit) * unit);
  }

  @Test
  void wholeNumbersAreCopiedOrRefused() {
    final Path base = model("base", 1, SafetensorsType.F32, 1);
    final Path a = model("a", 2, SafetensorsType.F32, 1);
    final Path other = model("other", 2, SafetensorsType.F32, 5);
    final Path merged = merge("merged", dare("a"), sources(1_000_000, base, a));
    try (SafetensorsFolder file = SafetensorsFolder.open(merged)) {
      assertEquals(SafetensorsType.I64, file.entry("embeddings.position_ids").type());
    }
    final BantamException refusal =
        assertThrows(
            BantamException.class,
            () -> merge("no", dare("other"), sources(1_000_000, base, other)));
    assertTrue(
        refusal.getMessage().contains("'embeddings.position_ids' holds whole numbers"),
        refusal.getMessage());
    assertTrue(Files.notExists(temporary.resolve("no")));
  }

  @Test
  void infiniteWeightsAreNamed() {
    final Path base = model("base", 1, SafetensorsType.F32, 1);
    final Path bad = model("bad", 2, SafetensorsType.F32, 1);
    final SafetensorsWriter writer = new SafetensorsWriter();
    final float[] values = new float[77];
    values[5] = Float.NaN;
    for (String tensor : NAMES) {
      writer.add(tensor, SafetensorsType.F32, Floats.tensor(values, 7, 11));
    }
    writer.write(bad.resolve("model.safetensors"));
    final BantamException refusal =
        assertThrows(
            BantamException.class, () -> merge("no", dareAll(), sources(1_000_000, base, bad)));
    assertTrue(refusal.getMessage().contains("element 5"), refusal.getMessage());
  }

  private static MergeRecipe dareAll() {
    return MergeRecipe.of(
        MergeMethod.TIES, "base", List.of(MergeRecipe.Model.of("bad", 1)), Map.of());
  }

  /** Models far from their base are reported when elements are dropped at random. */
  @Test
  void largeDeltasAreReported() {
    final Path base = model("base", 1, SafetensorsType.F32, 1);
    final Path a = model("a", 2, SafetensorsType.F32, 1); // another draw: not a fine-tune at all
    final List<String> said = new ArrayList<>();
    final Progress listening =
        new Progress() {
          @Override
          public void message(String text) {
            said.add(text);
          }

          @Override
          public Bar start(String task, long total, String unit) {
            return Progress.NONE.start(task, total, unit);
          }
        };
    final Path target = temporary.resolve("merged");
    try (Workers workers = new Workers(1);
        StreamingMerge merge = StreamingMerge.open(dare("a"), sources(1_000_000, base, a), 1)) {
      merge.write(target, false, workers, listening, done -> AtomicFiles.move(done, target));
    }
    assertTrue(
        said.stream().anyMatch(text -> text.contains("deltas of a are large")), said.toString());
  }
}
