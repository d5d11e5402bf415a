package dev.bantam.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressedTensors;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Files of pruned matrices against the usual layouts of sparse matrices, by their formulas: none
 * may be more than 2 % smaller than ours.
 */
class SparseFileSizeTest {
  private static final List<int[]> SHAPES =
      List.of(new int[] {384, 384}, new int[] {1536, 384}, new int[] {384, 1536});
  private static final double SLACK = 1.02;
  private static final int BLOCK = 4;

  @TempDir Path folder;

  static Stream<Arguments> cases() {
    return DoubleStream.of(0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)
        .boxed()
        .flatMap(s -> Stream.of(4, 2, 1).map(bytes -> Arguments.of(s, bytes)));
  }

  /** The same for weights that were pruned in blocks of four inputs. */
  static Stream<Arguments> blockCases() {
    return cases();
  }

  /** Gaussian weights without the given share of blocks, those of the smallest first weights. */
  private static float[] prunedInBlocks(int elements, double sparsity) {
    final float[] first = pruned(elements / BLOCK, sparsity);
    final Random random = new Random(elements + 1L);
    final float[] weights = new float[elements];
    for (int i = 0; i < elements; i++) {
      weights[i] = first[i / BLOCK] == 0f ? 0f : 1f + random.nextFloat();
    }
    return weights;
  }

  /** Gaussian weights without the given share of the smallest, exactly. */
  private static float[] pruned(int elements, double sparsity) {
    final Random random = new Random(elements);
    final float[] weights = new float[elements];
    for (int i = 0; i < elements; i++) {
      weights[i] = (float) random.nextGaussian();
    }
    final float[] sorted = weights.clone();
    for (int i = 0; i < elements; i++) {
      sorted[i] = Math.abs(sorted[i]);
    }
    Arrays.sort(sorted);
    final float last = sorted[(int) Math.rint(sparsity * elements) - 1];
    for (int i = 0; i < elements; i++) {
      weights[i] = Math.abs(weights[i]) <= last ? 0f : weights[i];
    }
    return weights;
  }

  private static CompressedTensor form(float[] weights, int rows, int columns, int bytes) {
    if (bytes > 1) {
      return CompressedTensors.cheapestSparse(
          Floats.tensor(weights, rows, columns),
          bytes == 4 ? SafetensorsType.F32 : SafetensorsType.F16);
    }
    final byte[] codes = new byte[weights.length];
    for (int i = 0; i < weights.length; i++) {
      codes[i] = (byte) Math.max(-127, Math.min(127, Math.rint(weights[i] * 32))); // never 0: > 1/2
    }
    final float[] scales = new float[rows];
    Arrays.fill(scales, 0.03125f);
    return CompressedTensors.cheapestGrouped(
        GroupedTensor.symmetric(
            new long[] {rows, columns},
            8,
            Groups.perRow(rows, columns),
            codes,
            scales,
            SafetensorsType.F16));
  }

  /**
   * Bytes of the smallest of the usual layouts.
   *
   * @param kept values that are stored, b bytes each
   */
  private static double cheapestLayout(int rows, int columns, long kept, double b) {
    final double n = (double) rows * columns;
    final double sparsity = 1 - kept / n;
    final double fill8 = Math.pow(sparsity, 255) / (1 - Math.pow(sparsity, 255));
    final double fill4 = Math.pow(sparsity, 15) / (1 - Math.pow(sparsity, 15));
    return DoubleStream.of(
            b * n, // dense
            b * kept + rows * Math.ceil(columns / 8.0), // bit mask
            (b + 4) * kept + 4.0 * (rows + 1), // compressed rows, 32 bit
            (b + 2) * kept + 4.0 * (rows + 1), // compressed rows, 16 bit
            (b + 1) * kept * (1 + fill8), // gaps of 8 bit, with fillers
            (b + 0.5) * kept * (1 + fill4), // gaps of 4 bit, with fillers
            (b + 8) * kept) // coordinates
        .min()
        .orElseThrow();
  }

  private static long headerBytes(Path file) throws IOException {
    final ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel in = FileChannel.open(file)) {
      assertEquals(Long.BYTES, in.read(length, 0));
    }
    return Long.BYTES + length.getLong(0);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void noUsualLayoutIsMuchSmaller(double sparsity, int bytes) throws IOException {
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    double cheapest = 0;
    for (int[] shape : SHAPES) {
      final float[] weights = pruned(shape[0] * shape[1], sparsity);
      long kept = 0;
      for (float w : weights) {
        kept += w == 0f ? 0 : 1;
      }
      assertEquals(weights.length - Math.rint(sparsity * weights.length), kept);
      final CompressedTensor form = form(weights, shape[0], shape[1], bytes);
      tensors.put("matrix." + tensors.size(), form);
      cheapest += cheapestLayout(shape[0], shape[1], kept, bytes);
      cheapest += bytes == 1 ? 2.0 * shape[0] : 0; // scales
      assertZeros(weights, Floats.toArray(form.dense()));
    }
    assertLength(tensors, cheapest);
  }

  private void assertLength(Map<String, CompressedTensor> tensors, double cheapest)
      throws IOException {
    final Path file = folder.resolve("model.safetensors");
    PackedFile.write(new CompressedModel(tensors), file);
    final double most = SLACK * cheapest + headerBytes(file);
    final long length = Files.size(file);
    assertTrue(length <= most, length + " bytes, the cheapest layout allows " + most);
    assertTrue(length > 0.5 * cheapest, "the layouts are counted right: " + cheapest);
  }

  /** One bit or 16-bit column for each block of four inputs. */
  @ParameterizedTest
  @MethodSource("blockCases")
  void noLayoutOfBlocksIsMuchSmaller(double sparsity, int bytes) throws IOException {
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    double cheapest = 0;
    for (int[] shape : SHAPES) {
      final float[] weights = prunedInBlocks(shape[0] * shape[1], sparsity);
      long kept = 0;
      for (float w : weights) {
        kept += w == 0f ? 0 : 1;
      }
      final CompressedTensor form = form(weights, shape[0], shape[1], bytes);
      tensors.put("matrix." + tensors.size(), form);
      final double n = (double) shape[0] * shape[1];
      cheapest +=
          Math.min(
              bytes * kept + n / (8 * BLOCK),
              bytes * kept + 2.0 * kept / BLOCK + 4.0 * (shape[0] + 1));
      cheapest += bytes == 1 ? 2.0 * shape[0] : 0; // scales
      assertEquals(Integer.toString(BLOCK), form.attributes().get("run"));
      assertZeros(weights, Floats.toArray(form.dense()));
    }
    assertLength(tensors, cheapest);
  }

  private static void assertZeros(float[] weights, float[] back) {
    for (int i = 0; i < weights.length; i++) {
      assertEquals(weights[i] == 0f, back[i] == 0f, "element " + i);
    }
  }
}
