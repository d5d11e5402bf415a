package dev.bantam.compression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Choices, sizes and the worked examples of docs/formats.md. */
class CompressedTensorsTest {
  private static INDArray random(int rows, int columns, double sparsity) {
    final Random random = new Random(8);
    final float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextDouble() < sparsity ? 0f : (float) random.nextGaussian();
    }
    return Floats.tensor(values, rows, columns);
  }

  @ParameterizedTest
  @CsvSource({
    "0, F32, dense",
    "0.02, F32, dense",
    "0.1, F32, bitmask-sparse",
    "0.4, F32, bitmask-sparse",
    "0.7, F32, index-sparse",
    "0.95, F16, index-sparse",
    "1, F32, index-sparse",
    "0.05, F16, dense",
    "0.3, F16, bitmask-sparse"
  })
  void theFormOfFewestBytes(double sparsity, SafetensorsType type, String form) {
    final INDArray tensor = random(64, 96, sparsity);
    final CompressedTensor chosen = CompressedTensors.cheapestSparse(tensor, type);
    assertEquals(form, chosen.form());
    final long least =
        List.of(
                DenseTensor.of(tensor, type),
                BitmaskTensor.of(tensor, type),
                IndexTensor.of(tensor, type))
            .stream()
            .mapToLong(CompressedTensor::storedBytes)
            .min()
            .getAsLong();
    if (sparsity < 1) {
      assertEquals(least, chosen.storedBytes());
    } else {
      assertTrue(chosen.storedBytes() < least, "a run of zeros is one gap");
    }
  }

  /** The example of the document: (0 0 1 2 0 0 3 0) in runs of two. */
  @Test
  void runs() {
    final CompressedTensor form =
        CompressedTensors.cheapestSparse(
            Floats.tensor(new float[] {0f, 0f, 1f, 2f, 0f, 0f, 3f, 0f}, 1, 8), SafetensorsType.F16);
    final CompressedTensor inRuns =
        CompressedTensors.decode(
            "bitmask-sparse",
            Map.of("shape", "1,8", "run", "2"),
            Map.of(
                StoredEntry.MASK,
                new StoredEntry(
                    StoredEntry.MASK, SafetensorsType.U8, new long[] {1, 1}, new byte[] {0x0a}),
                StoredEntry.VALUES,
                new StoredEntry(
                    StoredEntry.VALUES,
                    SafetensorsType.F16,
                    new long[] {4},
                    new byte[] {0, 0x3c, 0, 0x40, 0, 0x42, 0, 0})));
    assertEquals(form.dense(), inRuns.dense());
  }

  /** Bytes of 384 x 384 positions against the entropy bound N H2(s) / 8, the least possible. */
  @ParameterizedTest
  @CsvSource({
    "0.5, 1",
    "0.8, 0.7219",
    "0.9, 0.4690",
    "0.95, 0.2864",
    "0.97, 0.1944",
    "0.99, 0.0808"
  })
  void gapsComeCloseToTheEntropyBound(double sparsity, double entropy) {
    final CompressedTensor index = IndexTensor.of(random(384, 384, sparsity), SafetensorsType.F32);
    final long indices = index.parts().get(CompressedTensor.Part.INDICES);
    final double bound = 384 * 384 * entropy / 8;
    assertTrue(indices > 0.98 * bound, indices + " bytes, bound " + bound);
    assertTrue(indices < 1.16 * bound, indices + " bytes, bound " + bound);
    if (sparsity >= 0.8) {
      assertTrue(indices < 384 * 48, "smaller than a mask");
    }
  }

  @Test
  void sizesFollowTheFormulas() {
    final INDArray tensor = random(13, 37, 0.6);
    int kept = 0;
    for (float v : Floats.toArray(tensor)) {
      kept += v == 0 ? 0 : 1;
    }
    assertEquals(4 * kept + 13 * 5, BitmaskTensor.of(tensor, SafetensorsType.F32).storedBytes());
    assertEquals(2 * kept + 13 * 5, BitmaskTensor.of(tensor, SafetensorsType.F16).storedBytes());
    // FFN-up of a 384 wide encoder at 4 bits, groups of 128, half scales: 304,128 bytes
    final Groups groups = Groups.ofColumns(1536, 384, 128);
    final float[] scales = new float[groups.count()];
    Arrays.fill(scales, 1f);
    final GroupedTensor form =
        GroupedTensor.symmetric(
            new long[] {1536, 384}, 4, groups, new byte[1536 * 384], scales, SafetensorsType.F16);
    assertEquals(304_128, form.storedBytes());
    assertEquals(294_912, form.parts().get(CompressedTensor.Part.CODES));
    assertEquals(9_216, form.parts().get(CompressedTensor.Part.SCALES));
  }

  @Test
  void negativeZeroComesBackAsZero() {
    final INDArray tensor = Floats.tensor(new float[] {-0f, 1f, -0f, -2f}, 2, 2);
    for (CompressedTensor form :
        List.of(
            BitmaskTensor.of(tensor, SafetensorsType.F32),
            IndexTensor.of(tensor, SafetensorsType.F32))) {
      final float[] back = Floats.toArray(form.dense());
      assertEquals(0, Float.floatToRawIntBits(back[0]));
      assertArrayEquals(new float[] {0f, 1f, 0f, -2f}, back);
    }
  }

  @Test
  void whatRoundsToZeroInHalfPrecisionIsNotStored() {
    final INDArray tensor = Floats.tensor(new float[] {1e-9f, 1f, 0f, 6e-8f}, 4);
    final BitmaskTensor form = BitmaskTensor.of(tensor, SafetensorsType.F16);
    assertEquals(1 + 2 * 2, form.storedBytes());
  }

  private static float[] halves(float... values) {
    return values;
  }

  private static Groups row(int rows, int columns) {
    return Groups.perRow(rows, columns);
  }

  private static String hex(CompressedTensor form) {
    return form.encode().stream()
        .map(
            e ->
                e.suffix()
                    + " "
                    + e.type()
                    + Arrays.toString(e.shape()).replace(" ", "")
                    + " "
                    + HexFormat.ofDelimiter(" ").formatHex(e.bytes()))
        .collect(Collectors.joining("; "));
  }

  /** Every example that stands in docs/formats.md, byte for byte. */
  @Test
  void examplesOfTheFormatDescription() throws Exception {
    final String page = java.nio.file.Files.readString(page());
    final float[] w = {
      0f, 1.5f, 0f, 0f, 0f, 0f, 0f, 0f, 2f, 0f, 0f, 0f, 0f, -3f, 0f, 0f, 0f, 0f, 0f, 4f
    };
    final INDArray tensor = Floats.tensor(w, 2, 10);
    final byte[] codes = {-8, -1, 0, 1, 7};
    final GroupedTensor four =
        GroupedTensor.symmetric(
            new long[] {1, 5}, 4, row(1, 5), codes, halves(0.5f), SafetensorsType.F16);
    final Map<String, CompressedTensor> examples =
        new java.util.LinkedHashMap<>(
            Map.of(
                "dense",
                DenseTensor.of(Floats.tensor(new float[] {1f, -2f}, 2), SafetensorsType.F16),
                "bitmask-sparse",
                BitmaskTensor.of(tensor, SafetensorsType.F16),
                "index-sparse",
                IndexTensor.of(tensor, SafetensorsType.F16),
                "n-of-m",
                NOfMTensor.of(
                    Floats.tensor(new float[] {0f, 1f, 0f, 2f, 3f, 0f, 0f, 0f}, 1, 8),
                    2,
                    4,
                    SafetensorsType.F16),
                "grouped",
                four,
                "sparse-grouped",
                SparseGroupedTensor.of(four),
                "binary",
                BinaryTensor.of(
                    new long[] {1, 9},
                    row(1, 9),
                    new boolean[] {true, false, false, true, true, false, true, false, true},
                    halves(0.5f),
                    SafetensorsType.F16),
                "ternary",
                TernaryTensor.of(
                    new long[] {1, 6},
                    row(1, 6),
                    new byte[] {-1, 0, 1, 1, 0, -1},
                    halves(0.5f),
                    SafetensorsType.F16)));
    examples.put(
        "grouped, integer zero points",
        GroupedTensor.affine(
            new long[] {3, 2},
            4,
            row(3, 2),
            new byte[] {1, 2, -2, 7, 3, -8},
            halves(0.5f, 1f, 2f),
            new byte[] {1, -2, 3},
            SafetensorsType.F16));
    examples.put(
        "grouped, offsets",
        GroupedTensor.withOffsets(
            new long[] {2, 4},
            2,
            Groups.whole(2, 4),
            new byte[] {-2, -1, 0, 1, 1, 0, -1, -2},
            halves(0.5f),
            halves(-1f),
            SafetensorsType.F16));
    final StringBuilder missing = new StringBuilder();
    examples.forEach(
        (name, form) -> {
          final String bytes = hex(form).replace("; ", "\n");
          if (!page.contains(bytes)) {
            missing
                .append(name)
                .append(' ')
                .append(form.attributes())
                .append('\n')
                .append(bytes)
                .append('\n');
          }
        });
    assertEquals("", missing.toString(), "examples that docs/formats.md lacks");
    assertEquals(10, examples.size());
  }

  private static java.nio.file.Path page() {
    java.nio.file.Path folder = java.nio.file.Path.of("").toAbsolutePath();
    while (!java.nio.file.Files.exists(folder.resolve("docs/formats.md"))) {
      folder = folder.getParent();
    }
    return folder.resolve("docs/formats.md");
  }

  @Test
  void scalesMustBeRoundedBeforeCodesAreComputed() {
    final IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                GroupedTensor.symmetric(
                    new long[] {1, 1},
                    4,
                    row(1, 1),
                    new byte[1],
                    new float[] {0.1f},
                    SafetensorsType.F16));
    assertTrue(e.getMessage().contains("0.1"), e.getMessage());
  }

  @Test
  void wrongUseIsRefused() {
    final float[] one = {1f};
    final long[] shape = {1, 2};
    final byte[] codes = {0, 1};
    final Groups groups = row(1, 2);
    final SafetensorsType f32 = SafetensorsType.F32;
    for (Runnable wrong :
        List.<Runnable>of(
            () -> GroupedTensor.symmetric(shape, 9, groups, codes, one, f32),
            () -> GroupedTensor.symmetric(shape, 1, groups, codes, one, f32), // 1 is beyond a bit
            () -> GroupedTensor.symmetric(shape, 4, groups, new byte[3], one, f32),
            () -> GroupedTensor.symmetric(shape, 4, row(2, 1), codes, new float[2], f32),
            () -> GroupedTensor.symmetric(shape, 4, groups, codes, new float[] {0f}, f32),
            () -> GroupedTensor.symmetric(shape, 4, groups, codes, new float[] {Float.NaN}, f32),
            () -> GroupedTensor.symmetric(new long[] {0, 2}, 4, groups, codes, one, f32),
            () -> GroupedTensor.symmetric(shape, 4, groups, codes, one, SafetensorsType.BF16),
            () -> TernaryTensor.of(shape, groups, new byte[] {0, 2}, one, f32),
            () -> NOfMTensor.of(Floats.tensor(new float[] {1, 2, 3, 0}, 1, 4), 2, 4, f32),
            () -> NOfMTensor.of(Floats.tensor(new float[6], 1, 6), 2, 4, f32),
            () -> new Groups(4, 4, 5, 1),
            () -> BitmaskTensor.of(Floats.tensor(new float[1]), f32))) {
      assertThrows(IllegalArgumentException.class, wrong::run);
    }
  }

  @Test
  void namedDamageIsNamed() {
    final Map<String, String> shape = Map.of("shape", "1,10");
    final StoredEntry values =
        new StoredEntry(".values", SafetensorsType.F32, new long[] {1}, new byte[4]);
    refused("bitmask-sparse", shape, "2 values", mask(3, 0), values);
    refused("bitmask-sparse", shape, "bits set after the last code", mask(1, 0x80), values);
    refused("sparse-bitmask", Map.of(), "'sparse-bitmask' is not known");
    refused(
        "index-sparse",
        Map.of("shape", "1,10", "gap-bits", "4"),
        "beyond the 10 elements",
        new StoredEntry(".indices", SafetensorsType.U8, new long[] {1}, new byte[] {0x0e}),
        values);
    refused(
        "index-sparse",
        Map.of("shape", "1,10", "gap-bits", "4"),
        "does not end with the 10 elements",
        new StoredEntry(".indices", SafetensorsType.U8, new long[] {1}, new byte[] {0x33}),
        values);
    refused(
        "ternary",
        Map.of("shape", "1,5", "group", "1,5"),
        "holds 243 at byte 0",
        new StoredEntry(".codes", SafetensorsType.U8, new long[] {1, 1}, new byte[] {(byte) 243}),
        new StoredEntry(".scales", SafetensorsType.F32, new long[] {1, 1}, new byte[4]));
    refused(
        "grouped",
        Map.of("shape", "1,2", "group", "1,2", "bits", "4", "zero", "none"),
        "holds a 0",
        new StoredEntry(".codes", SafetensorsType.U8, new long[] {1, 1}, new byte[1]),
        new StoredEntry(".scales", SafetensorsType.F32, new long[] {1, 1}, new byte[4]));
    refused("grouped", Map.of("shape", "99999,99999"), "more than 536870911 elements");
    refused("grouped", Map.of("shape", "4,x"), "not a list of whole numbers");
  }

  private static StoredEntry mask(int first, int second) {
    return new StoredEntry(
        ".mask", SafetensorsType.U8, new long[] {1, 2}, new byte[] {(byte) first, (byte) second});
  }

  private static void refused(
      String form, Map<String, String> attributes, String reason, StoredEntry... entries) {
    final Map<String, StoredEntry> bySuffix =
        Arrays.stream(entries).collect(Collectors.toMap(StoredEntry::suffix, e -> e));
    final BantamException e =
        assertThrows(
            BantamException.class, () -> CompressedTensor.decode(form, attributes, bySuffix));
    assertTrue(e.getMessage().contains(reason), e.getMessage());
  }
}
