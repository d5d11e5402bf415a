package dev.bantam.compression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.Floats;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Bytes of the forms against those that other programs wrote. */
class GoldenFormsTest {
  static List<Path> bitmasks() {
    return GoldenCase.folders("pruning", "bitmask").stream()
        .filter(p -> !p.getFileName().toString().contains("24"))
        .toList();
  }

  static List<Path> twoOfFour() {
    return GoldenCase.folders("pruning", "bitmask-24");
  }

  static List<Path> packs() {
    return GoldenCase.folders("quantization", "ct-pack");
  }

  static List<Path> written() {
    return GoldenCase.folders("quantization", "ct-weights");
  }

  static List<Path> blobs() {
    return GoldenCase.folders("quantization", "ort-matmul-nbits-s");
  }

  static List<Path> products() {
    return GoldenCase.folders("binarization", "popcount-products");
  }

  private static INDArray dense(GoldenCase c) {
    final SafetensorsType type = c.entry("in.dense").type();
    return Floats.tensor(DenseTensor.toFloats(c.bytes("in.dense"), type), c.shape("in.dense"));
  }

  private static Map<String, byte[]> bytes(CompressedTensor form) {
    final Map<String, byte[]> bytes = new TreeMap<>();
    form.encode().forEach(e -> bytes.put(e.suffix(), e.bytes()));
    return bytes;
  }

  @ParameterizedTest
  @MethodSource("bitmasks")
  void bitmasksAsCompressedTensors(Path folder) {
    try (GoldenCase c = new GoldenCase(folder)) {
      final BitmaskTensor form = BitmaskTensor.of(dense(c), c.entry("in.dense").type());
      assertArrayEquals(c.bytes("out.bitmask"), bytes(form).get(".mask"));
      assertArrayEquals(c.bytes("out.compressed"), bytes(form).get(".values"));
      final float[] restored = Floats.toArray(form.dense());
      final float[] original = Floats.toArray(dense(c));
      for (int i = 0; i < original.length; i++) {
        assertEquals(
            Float.floatToIntBits(original[i] == 0 ? 0f : original[i]), // -0 comes back as +0
            Float.floatToIntBits(restored[i]));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("twoOfFour")
  void twoOfFourAsCompressedTensors(Path folder) {
    try (GoldenCase c = new GoldenCase(folder)) {
      // the library prunes on the way; its own result is what is to be stored
      final float[] pruned = new float[(int) (c.shape("in.dense")[0] * c.shape("in.dense")[1])];
      final byte[] mask = c.bytes("out.bitmask");
      final SafetensorsType type = c.entry("out.compressed").type();
      final float[] values = DenseTensor.toFloats(c.bytes("out.compressed"), type);
      for (int i = 0, k = 0; i < pruned.length; i++) {
        if ((mask[i / 8] >> (i % 8) & 1) == 1) {
          pruned[i] = values[k++];
        }
      }
      final NOfMTensor form = NOfMTensor.of(Floats.tensor(pruned, c.shape("in.dense")), 2, 4, type);
      assertArrayEquals(pruned, Floats.toArray(form.dense()));
      assertEquals(
          values.length, form.encode().get(1).shape()[0] * form.encode().get(1).shape()[1]);
      boolean full = true; // which zeros fill up a group is not defined
      for (float v : values) {
        full &= v != 0;
      }
      if (full) {
        assertArrayEquals(mask, bytes(form).get(".mask"));
        assertArrayEquals(c.bytes("out.compressed"), bytes(form).get(".values"));
      } else {
        assertTrue(c.toString().contains("ties"), "only there groups are short: " + c);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("packs")
  void codesAsCompressedTensorsPacksThem(Path folder) {
    int checked = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      for (int bits = 1; bits <= 8; bits++) {
        final int[] q = c.ints("input.q.k" + bits);
        final int rows = (int) c.shape("input.q.k" + bits)[0];
        final int columns = q.length / rows;
        assertRows(codes(q), rows, columns, bits, c.bytes("expected.words.k" + bits + ".dim1"));
        // along the other dimension the words of a column hold the codes of all rows
        final byte[] zeros = c.bytes("expected.words.k" + bits + ".dim0");
        final int[] transposed = new int[q.length];
        final byte[] byColumn = new byte[zeros.length];
        final int words = zeros.length / 4 / columns;
        for (int col = 0; col < columns; col++) {
          for (int r = 0; r < rows; r++) {
            transposed[col * rows + r] = q[r * columns + col];
          }
          for (int w = 0; w < words; w++) {
            System.arraycopy(zeros, 4 * (w * columns + col), byColumn, 4 * (col * words + w), 4);
          }
        }
        assertRows(codes(transposed), columns, rows, bits, byColumn);
        final byte[] ascending = new byte[33];
        for (int i = 0; i < ascending.length; i++) {
          ascending[i] = (byte) (i & ((1 << bits) - 1));
        }
        final byte[] expected = c.bytes("expected.bytes_ascending.k" + bits);
        assertArrayEquals(
            Arrays.copyOf(expected, PackedCodes.rowBytes(33, bits)),
            PackedCodes.pack(ascending, 1, 33, bits));
        checked++;
      }
    }
    assertEquals(8, checked);
  }

  private static byte[] codes(int[] q) {
    final byte[] codes = new byte[q.length];
    for (int i = 0; i < q.length; i++) {
      codes[i] = (byte) q[i];
    }
    return codes;
  }

  /** Every row of the form's codes begins as the words do; the words' further bytes are zero. */
  private static void assertRows(byte[] codes, int rows, int columns, int bits, byte[] words) {
    final float[] ones = new float[rows];
    Arrays.fill(ones, 1f);
    final byte[] packed =
        bytes(
                GroupedTensor.symmetric(
                    new long[] {rows, columns},
                    bits,
                    Groups.perRow(rows, columns),
                    codes,
                    ones,
                    SafetensorsType.F32))
            .get(".codes");
    final int ours = packed.length / rows;
    final int theirs = words.length / rows;
    for (int r = 0; r < rows; r++) {
      for (int b = 0; b < theirs; b++) {
        assertEquals(
            words[r * theirs + b], b < ours ? packed[r * ours + b] : 0, "row " + r + " byte " + b);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("written")
  void packedWeightsOfAnotherLibraryAreReadAndRestoreAsThere(Path folder) {
    int checked = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      for (String name : c.names()) {
        if (!name.startsWith("expected.weight_packed.")) {
          continue;
        }
        final String key = name.substring("expected.weight_packed.".length());
        final int bits = c.parameters().path(key).path("num_bits").asInt();
        final int rows = (int) c.shape("expected.dense." + key)[0];
        final int columns = (int) c.shape("expected.dense." + key)[1];
        final int size = c.parameters().path(key).path("group").asInt();
        final byte[] words = c.bytes(name);
        final int stride = PackedCodes.rowBytes(columns, bits);
        final byte[] rowsOnly = new byte[rows * stride];
        for (int r = 0; r < rows; r++) {
          System.arraycopy(words, r * (words.length / rows), rowsOnly, r * stride, stride);
        }
        final byte[] codes =
            Levels.signed(PackedCodes.unpack(rowsOnly, rows, columns, bits, ".codes"), bits);
        final Groups groups = Groups.ofColumns(rows, columns, size == 0 ? columns : size);
        final float[] scales = c.floats("expected.weight_scale." + key);
        final long[] shape = {rows, columns};
        final GroupedTensor form =
            c.has("expected.zero_point_unpacked." + key)
                ? GroupedTensor.affine(
                    shape,
                    bits,
                    groups,
                    codes,
                    scales,
                    codes(c.ints("expected.zero_point_unpacked." + key)),
                    SafetensorsType.F32)
                : GroupedTensor.symmetric(shape, bits, groups, codes, scales, SafetensorsType.F32);
        assertArrayEquals(rowsOnly, bytes(form).get(".codes"), key);
        assertArrayEquals(c.floats("expected.dense." + key), Floats.toArray(form.dense()), key);
        checked++;
      }
    }
    assertEquals(7, checked);
  }

  /** Blobs of ONNX Runtime's MatMulNBits: rows of whole blocks, the last one padded. */
  @ParameterizedTest
  @MethodSource("blobs")
  void matMulNBitsRestoresTheSameWeights(Path folder) {
    int checked = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      for (String name : c.names()) {
        if (!name.startsWith("expected.dense.")) {
          continue;
        }
        final String key = name.substring("expected.dense.".length());
        final int bits = Integer.parseInt(key.substring(1, key.indexOf('.')));
        final int block = Integer.parseInt(key.replaceAll(".*\\.g(\\d+)\\..*", "$1"));
        final int k = c.expected().path("K." + key).asInt(c.parameters().path("K." + key).asInt());
        final int n = (int) c.shape("input.B." + key)[0];
        final int blocks = (int) c.shape("input.B." + key)[1];
        final byte[] blob = c.bytes("input.B." + key);
        final byte[] padded = PackedCodes.unpack(blob, n, blocks * block, bits, ".codes");
        final byte[] codes = new byte[n * k];
        for (int r = 0; r < n; r++) {
          System.arraycopy(padded, r * blocks * block, codes, r * k, k);
        }
        final byte[] zeros = new byte[n * blocks];
        if (c.has("input.zero_points." + key)) {
          final byte[] points =
              PackedCodes.unpack(
                  c.bytes("input.zero_points." + key), n, blocks, bits, ".zero_points");
          System.arraycopy(Levels.signed(points, bits), 0, zeros, 0, zeros.length);
        }
        final GroupedTensor form =
            GroupedTensor.affine(
                new long[] {n, k},
                bits,
                Groups.ofColumns(n, k, Math.min(block, k)),
                Levels.signed(codes, bits),
                c.floats("input.scales." + key),
                zeros,
                SafetensorsType.F32);
        final float[] restored = Floats.toArray(form.dense());
        final float[] expected = c.floats(name); // transposed, with the bias added
        final float[] bias =
            c.has("input.bias." + key) ? c.floats("input.bias." + key) : new float[n];
        for (int r = 0; r < n; r++) {
          for (int i = 0; i < k; i++) {
            assertEquals(
                expected[i * n + r],
                restored[r * k + i] + bias[r],
                1e-6 + 1e-6 * Math.abs(expected[i * n + r]),
                key);
          }
        }
        checked++;
      }
    }
    assertTrue(checked >= 20, "checked " + checked);
  }

  /** Sign bits are packed as for a product of signs; ternary codes agree with the bit planes. */
  @ParameterizedTest
  @MethodSource("products")
  void signsAsWordsOfAProductOfSigns(Path folder) {
    int checked = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      for (String name : c.names()) {
        if (!name.endsWith(".w.words")) {
          continue;
        }
        final String k = name.substring(0, name.indexOf('.'));
        final int columns = Integer.parseInt(k.substring(1));
        final int rows = (int) c.shape(name)[0];
        final long[] words = c.longs(name);
        final long[] nonzero = c.longs(k + ".w_ternary.nonzero.words");
        final long[] sign = c.longs(k + ".w_ternary.sign.words");
        final int perRow = words.length / rows;
        final boolean[] positive = new boolean[rows * columns];
        final byte[] ternary = new byte[rows * columns];
        for (int i = 0; i < positive.length; i++) {
          final int word = i / columns * perRow + i % columns / 64;
          positive[i] = (words[word] >>> (i % columns) & 1) == 1;
          final boolean there = (nonzero[word] >>> (i % columns) & 1) == 1;
          ternary[i] = (byte) (there ? (sign[word] >>> (i % columns) & 1) == 1 ? 1 : -1 : 0);
        }
        final float[] ones = new float[rows];
        Arrays.fill(ones, 1f);
        final Groups groups = Groups.perRow(rows, columns);
        final long[] shape = {rows, columns};
        final byte[] packed =
            BinaryTensor.of(shape, groups, positive, ones, SafetensorsType.F32).packedSigns();
        final ByteBuffer expected = ByteBuffer.wrap(c.bytes(name)).order(ByteOrder.LITTLE_ENDIAN);
        final int stride = packed.length / rows;
        for (int r = 0; r < rows; r++) {
          for (int b = 0; b < stride; b++) {
            assertEquals(expected.get(8 * perRow * r + b), packed[r * stride + b], name);
          }
        }
        final TernaryTensor three =
            TernaryTensor.of(shape, groups, ternary, ones, SafetensorsType.F32);
        assertArrayEquals(ternary, three.codes());
        assertEquals(rows * ((columns + 4) / 5) + 4 * rows, three.storedBytes());
        checked++;
      }
    }
    assertTrue(checked >= 6, "checked " + checked);
  }
}
