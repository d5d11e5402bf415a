package dev.bantam.reader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.BinaryTensor;
import dev.bantam.compression.BitmaskTensor;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressedTensors;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.compression.IndexTensor;
import dev.bantam.compression.NOfMTensor;
import dev.bantam.compression.SparseGroupedTensor;
import dev.bantam.compression.TernaryTensor;
import dev.bantam.export.PackedFile;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What Bantam's own writer writes, in every form, comes back with the bits that the writer's forms
 * restore. The two sides share no code, only docs/formats.md.
 */
class WriterTest {
  private static final long[][] SHAPES = {
    {1}, {7}, {1, 1}, {8, 1}, {1, 33}, {3, 5}, {13, 24}, {2, 3, 10}, {31, 67}, {5, 1, 2, 8}
  };
  private static final double[] DENSITIES = {0, 0.01, 0.3, 1};

  @TempDir Path folder;

  private final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
  private final Random random = new Random(20260101);

  @Test
  void everyFormComesBackBitForBit() throws IOException {
    for (final long[] shape : SHAPES) {
      for (final SafetensorsType type : List.of(SafetensorsType.F32, SafetensorsType.F16)) {
        for (final double density : DENSITIES) {
          addValues(shape, type, density);
          addCodes(shape, type, density);
        }
        addSigns(shape, type);
      }
    }
    put("scalar", DenseTensor.float32(Floats.tensor(new float[] {2.5f})));
    put("nan", DenseTensor.of(Floats.tensor(special(), special().length), SafetensorsType.F32));
    put(
        "nan half",
        DenseTensor.of(Floats.tensor(special(), special().length), SafetensorsType.F16));
    put("nan kept", BitmaskTensor.of(Floats.tensor(special(), 1, 8), SafetensorsType.F16));
    PackedFile.write(new CompressedModel(tensors), folder.resolve("model.safetensors"));

    final Set<Form> forms = EnumSet.noneOf(Form.class);
    final Set<String> attributes = new TreeSet<>();
    try (PackedModel model = PackedModel.open(folder)) {
      assertEquals(List.copyOf(tensors.keySet()), List.copyOf(model.names()));
      for (final Map.Entry<String, CompressedTensor> tensor : tensors.entrySet()) {
        final String name = tensor.getKey();
        final CompressedTensor written = tensor.getValue();
        assertEquals(written.form(), model.form(name).label());
        assertArrayEquals(written.shape(), model.shape(name), name);
        assertTrue(model.isFloat(name), name);
        assertArrayEquals(bits(Floats.toArray(written.dense())), bits(model.floats(name)), name);
        forms.add(model.form(name));
        attributes.addAll(written.attributes().keySet());
      }
    }
    assertEquals(EnumSet.allOf(Form.class), forms);
    // both ways of saying which codes are kept were among them
    assertEquals(
        Set.of("bits", "gap-bits", "run", "group", "kept", "m", "n", "shape", "zero"), attributes);
  }

  private static int[] bits(float[] values) {
    final int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  private static float[] special() {
    return new float[] {
      Float.NaN, Float.POSITIVE_INFINITY, -0f, Float.MIN_VALUE, 5.9604645e-8f, -6e-6f, 65504f, 1e30f
    };
  }

  private void put(String name, CompressedTensor tensor) {
    assertTrue(tensors.put(name, tensor) == null, name);
  }

  private String label(String form, long[] shape, Object... more) {
    return form + List.of(more) + Arrays.toString(shape);
  }

  private static int length(long[] shape) {
    long length = 1;
    for (final long dimension : shape) {
      length *= dimension;
    }
    return Math.toIntExact(length);
  }

  private void addValues(long[] shape, SafetensorsType type, double density) {
    final float[] values = new float[length(shape)];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextDouble() < density ? (float) random.nextGaussian() : -0f;
    }
    final INDArray tensor = Floats.tensor(values, shape);
    put(label("dense", shape, type, density), DenseTensor.of(tensor, type));
    put(label("bitmask", shape, type, density), BitmaskTensor.of(tensor, type));
    put(label("index", shape, type, density), IndexTensor.of(tensor, type));
    for (int run = 2; run <= 32 && shape[shape.length - 1] % run == 0; run *= 2) {
      final float[] blocked = new float[values.length];
      for (int i = 0; i < blocked.length; i++) {
        blocked[i] = values[i / run] == 0f ? 0f : 1 + i % 7;
      }
      put(
          label("runs", shape, type, density, run),
          CompressedTensors.cheapestSparse(Floats.tensor(blocked, shape), type));
    }
    if (shape[shape.length - 1] % 8 == 0) {
      for (int i = 0; i < values.length; i++) {
        values[i] = i % 8 > 4 ? values[i] : 0f;
      }
      put(
          label("pattern", shape, type, density),
          NOfMTensor.of(Floats.tensor(values, shape), 3, 8, type));
    }
  }

  private static Groups[] groupings(long[] shape) {
    final int columns = (int) shape[shape.length - 1];
    final int rows = length(shape) / columns;
    return new Groups[] {
      Groups.perRow(rows, columns),
      Groups.whole(rows, columns),
      Groups.ofColumns(rows, columns, Math.min(columns, 4)),
      new Groups(rows, columns, Math.min(rows, 3), Math.min(columns, 5))
    };
  }

  private void addCodes(long[] shape, SafetensorsType type, double density) {
    for (int bits = 1; bits <= 8; bits++) {
      final int half = 1 << (bits - 1);
      for (final Groups groups : groupings(shape)) {
        final byte[] zeros = new byte[groups.count()];
        for (int g = 0; g < zeros.length; g++) {
          zeros[g] = (byte) (random.nextInt(2 * half) - half);
        }
        final byte[] codes = new byte[length(shape)];
        final byte[] around = new byte[codes.length];
        for (int i = 0; i < codes.length; i++) {
          final boolean kept = random.nextDouble() < density;
          final int zero = zeros[groups.at(i / groups.columns(), i % groups.columns())];
          codes[i] = (byte) (kept ? random.nextInt(2 * half) - half : 0);
          around[i] = (byte) (kept ? random.nextInt(2 * half) - half : zero);
        }
        final float[] scales = numbers(groups.count(), type, false);
        final float[] offsets = numbers(groups.count(), type, true);
        final GroupedTensor none =
            GroupedTensor.symmetric(shape, bits, groups, codes, scales, type);
        final GroupedTensor integer =
            GroupedTensor.affine(shape, bits, groups, around, scales, zeros, type);
        final Object[] more = {type, density, bits, groups.height(), groups.width()};
        tensors.put(label("grouped", shape, more), none);
        tensors.put(label("affine", shape, more), integer);
        tensors.put(
            label("offset", shape, more),
            GroupedTensor.withOffsets(shape, bits, groups, codes, scales, offsets, type));
        tensors.put(label("sparse", shape, more), SparseGroupedTensor.of(none));
        tensors.put(label("sparse affine", shape, more), SparseGroupedTensor.of(integer));
      }
    }
  }

  private void addSigns(long[] shape, SafetensorsType type) {
    for (final Groups groups : groupings(shape)) {
      final boolean[] positive = new boolean[length(shape)];
      final byte[] ternary = new byte[positive.length];
      for (int i = 0; i < positive.length; i++) {
        positive[i] = random.nextBoolean();
        ternary[i] = (byte) (random.nextInt(3) - 1);
      }
      final float[] scales = numbers(groups.count(), type, true);
      final Object[] more = {type, groups.height(), groups.width()};
      tensors.put(
          label("binary", shape, more), BinaryTensor.of(shape, groups, positive, scales, type));
      tensors.put(
          label("ternary", shape, more), TernaryTensor.of(shape, groups, ternary, scales, type));
    }
  }

  /** Exact in the given type, of either sign. */
  private float[] numbers(int count, SafetensorsType type, boolean withZeros) {
    final float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      final float number = (float) random.nextGaussian() + 1e-3f;
      numbers[i] =
          type == SafetensorsType.F16 ? HalfFloats.fromHalf(HalfFloats.toHalf(number)) : number;
      if (withZeros && i % 3 == 1) {
        numbers[i] = 0f;
      }
    }
    return numbers;
  }
}
