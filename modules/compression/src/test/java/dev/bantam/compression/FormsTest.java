package dev.bantam.compression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What every form promises: it comes back bit for bit, counts its bytes, refuses damage. */
class FormsTest {
  private static final long[][] SHAPES = {
    {1, 1}, {1}, {7}, {1, 8}, {8, 1}, {3, 5}, {13, 37}, {5, 64}, {2, 3, 10}, {31, 33}
  };

  /**
   * A form and the values that it must restore.
   *
   * @param expected by definition, from codes and scales as they were put in
   */
  record Case(String name, CompressedTensor form, float[] expected) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static List<Case> cases() {
    final List<Case> cases = new ArrayList<>();
    for (long[] shape : SHAPES) {
      for (SafetensorsType type : List.of(SafetensorsType.F32, SafetensorsType.F16)) {
        for (double density : new double[] {0, 0.02, 0.5, 1}) {
          valueForms(cases, shape, type, density);
        }
        for (int bits = 1; bits <= 8; bits++) {
          if (shape[0] == 13 || bits == 1 || bits == 3 || bits == 8) { // all widths of one shape
            codeForms(cases, shape, type, bits);
          }
        }
        signForms(cases, shape, type);
      }
    }
    return cases;
  }

  private static String label(String form, long[] shape, SafetensorsType type, Object more) {
    return form + " " + java.util.Arrays.toString(shape) + " " + type + " " + more;
  }

  private static void valueForms(
      List<Case> cases, long[] shape, SafetensorsType type, double density) {
    final float[] values = sparse(length(shape), density, length(shape) * 31L);
    final INDArray tensor = Floats.tensor(values, shape);
    final float[] expected = values.clone();
    for (int i = 0; i < expected.length; i++) {
      if (type == SafetensorsType.F16) {
        expected[i] = HalfFloats.fromHalf(HalfFloats.toHalf(expected[i]));
      }
    }
    final String more = "density " + density;
    cases.add(new Case(label("dense", shape, type, more), DenseTensor.of(tensor, type), expected));
    cases.add(
        new Case(label("bitmask", shape, type, more), BitmaskTensor.of(tensor, type), expected));
    cases.add(new Case(label("index", shape, type, more), IndexTensor.of(tensor, type), expected));
    cases.add(
        new Case(
            label("cheapest", shape, type, more),
            CompressedTensors.cheapestSparse(tensor, type),
            expected));
    final int columns = (int) shape[shape.length - 1];
    for (int run = 2; run <= 16 && columns % run == 0; run *= 2) {
      final float[] blocked = new float[values.length];
      final float[] rounded = new float[values.length];
      for (int i = 0; i < blocked.length; i++) {
        final boolean stays = values[i / run] != 0f;
        blocked[i] = stays ? 1 + i % 7 : i % 3 == 0 ? -0f : 0f;
        rounded[i] = stays ? 1 + i % 7 : 0f;
      }
      final INDArray blocks = Floats.tensor(blocked, shape);
      cases.add(
          new Case(
              label("runs of " + run, shape, type, more),
              CompressedTensors.cheapestSparse(blocks, type),
              rounded));
    }
    if (columns % 8 == 0) {
      final float[] pattern = values.clone();
      for (int i = 0; i < pattern.length; i++) {
        pattern[i] = i % 8 < 3 ? pattern[i] : 0f; // at most 3 of 8
      }
      final float[] half = pattern.clone();
      for (int i = 0; i < half.length; i++) {
        half[i] =
            type == SafetensorsType.F16 ? HalfFloats.fromHalf(HalfFloats.toHalf(half[i])) : half[i];
      }
      cases.add(
          new Case(
              label("3 of 8", shape, type, more),
              NOfMTensor.of(Floats.tensor(pattern, shape), 3, 8, type),
              half));
    }
  }

  private static Groups[] groupings(int rows, int columns) {
    return new Groups[] {
      Groups.perRow(rows, columns),
      Groups.whole(rows, columns),
      Groups.ofColumns(rows, columns, Math.min(columns, 4)), // the last one of a row may be short
      Groups.ofRows(rows, columns, Math.min(rows, 3)),
      new Groups(rows, columns, Math.min(rows, 2), Math.min(columns, 16))
    };
  }

  private static void codeForms(List<Case> cases, long[] shape, SafetensorsType type, int bits) {
    final int columns = (int) shape[shape.length - 1];
    final int rows = length(shape) / columns;
    final Random random = new Random(bits);
    final int half = 1 << (bits - 1);
    for (Groups groups : groupings(rows, columns)) {
      final byte[] codes = new byte[rows * columns];
      for (int i = 0; i < codes.length; i++) {
        codes[i] = (byte) (random.nextBoolean() ? 0 : random.nextInt(2 * half) - half);
      }
      final float[] scales = new float[groups.count()];
      final float[] offsets = new float[groups.count()];
      final byte[] zeros = new byte[groups.count()];
      for (int g = 0; g < scales.length; g++) {
        scales[g] = HalfFloats.fromHalf(HalfFloats.toHalf(0.01f + random.nextFloat()));
        offsets[g] = HalfFloats.fromHalf(HalfFloats.toHalf((float) random.nextGaussian()));
        zeros[g] = (byte) (random.nextInt(2 * half) - half);
      }
      final float[] symmetric = new float[codes.length];
      final float[] affine = new float[codes.length];
      final float[] offset = new float[codes.length];
      for (int i = 0; i < codes.length; i++) {
        final int g =
            i / columns / groups.height() * groups.across() + i % columns / groups.width();
        symmetric[i] = codes[i] * scales[g];
        affine[i] = (codes[i] - zeros[g]) * scales[g];
        offset[i] = scales[g] * (codes[i] + half) + offsets[g];
      }
      final String more = bits + " bit " + groups.height() + "x" + groups.width();
      final GroupedTensor plain = GroupedTensor.symmetric(shape, bits, groups, codes, scales, type);
      final GroupedTensor around =
          GroupedTensor.affine(shape, bits, groups, codes, scales, zeros, type);
      assertArrayEquals(codes, plain.codes());
      assertArrayEquals(zeros, around.zeroPoints());
      cases.add(new Case(label("grouped", shape, type, more), plain, symmetric));
      cases.add(new Case(label("affine", shape, type, more), around, affine));
      cases.add(
          new Case(
              label("offset", shape, type, more),
              GroupedTensor.withOffsets(shape, bits, groups, codes, scales, offsets, type),
              offset));
      cases.add(
          new Case(
              label("sparse-grouped", shape, type, more),
              SparseGroupedTensor.of(plain),
              symmetric));
      cases.add(
          new Case(
              label("sparse-affine", shape, type, more), SparseGroupedTensor.of(around), affine));
      cases.add(
          new Case(
              label("cheapest grouped", shape, type, more),
              CompressedTensors.cheapestGrouped(plain),
              symmetric));
    }
  }

  private static void signForms(List<Case> cases, long[] shape, SafetensorsType type) {
    final int columns = (int) shape[shape.length - 1];
    final int rows = length(shape) / columns;
    final Random random = new Random(5);
    for (Groups groups : groupings(rows, columns)) {
      final boolean[] positive = new boolean[rows * columns];
      final byte[] ternary = new byte[positive.length];
      final float[] scales = new float[groups.count()];
      for (int g = 0; g < scales.length; g++) {
        scales[g] = g == 1 ? 0f : random.nextInt(100) / 64f; // a row of zeros has scale 0
      }
      final float[] signs = new float[positive.length];
      final float[] threes = new float[positive.length];
      for (int i = 0; i < positive.length; i++) {
        positive[i] = random.nextBoolean();
        ternary[i] = (byte) (random.nextInt(3) - 1);
        final float scale =
            scales[i / columns / groups.height() * groups.across() + i % columns / groups.width()];
        signs[i] = positive[i] ? scale : -scale;
        threes[i] = ternary[i] * scale;
      }
      final String more = groups.height() + "x" + groups.width();
      final TernaryTensor three = TernaryTensor.of(shape, groups, ternary, scales, type);
      assertArrayEquals(ternary, three.codes());
      cases.add(
          new Case(
              label("binary", shape, type, more),
              BinaryTensor.of(shape, groups, positive, scales, type),
              signs));
      cases.add(new Case(label("ternary", shape, type, more), three, threes));
    }
  }

  private static int length(long[] shape) {
    int n = 1;
    for (long size : shape) {
      n *= (int) size;
    }
    return n;
  }

  private static float[] sparse(int n, double density, long seed) {
    final Random random = new Random(seed);
    final float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = random.nextDouble() < density ? (float) random.nextGaussian() : 0f;
    }
    return values;
  }

  private static Map<String, StoredEntry> entries(CompressedTensor form) {
    final Map<String, StoredEntry> entries = new TreeMap<>();
    form.encode().forEach(e -> entries.put(e.suffix(), e));
    return entries;
  }

  @Test
  void restoresTheDefinedValuesAndComesBackBitForBit() {
    final List<Case> cases = cases();
    assertTrue(cases.size() > 2000, "cases: " + cases.size());
    cases.forEach(FormsTest::comesBack);
  }

  private static void comesBack(Case c) {
    final CompressedTensor back =
        CompressedTensor.decode(c.form.form(), c.form.attributes(), entries(c.form));
    assertArrayEquals(c.form.shape(), back.shape());
    assertArrayEquals(c.form.shape(), back.dense().shape());
    final float[] first = Floats.toArray(c.form.dense());
    final float[] second = Floats.toArray(back.dense());
    for (int i = 0; i < first.length; i++) {
      // -0 and 0 are the same value by definition, but the same bits after reading
      if (c.expected[i] != first[i]
          || Float.floatToRawIntBits(first[i]) != Float.floatToRawIntBits(second[i])) {
        fail(c + ": " + i + " is " + first[i] + ", read " + second[i] + ", not " + c.expected[i]);
      }
    }
    assertEquals(c.form.attributes(), back.attributes());
    assertEquals(c.form.encode().size(), back.encode().size());
    for (int e = 0; e < c.form.encode().size(); e++) {
      assertArrayEquals(c.form.encode().get(e).bytes(), back.encode().get(e).bytes());
      assertArrayEquals(c.form.encode().get(e).shape(), back.encode().get(e).shape());
      assertEquals(c.form.encode().get(e).type(), back.encode().get(e).type());
    }
  }

  @Test
  void partsAddUpToTheBytesOfTheEntries() {
    cases().forEach(FormsTest::addsUp);
  }

  private static void addsUp(Case c) {
    long bytes = 0;
    for (StoredEntry entry : c.form.encode()) {
      long bits = entry.type().bits();
      for (long size : entry.shape()) {
        bits *= size;
      }
      assertEquals(bits, 8L * entry.bytes().length);
      bytes += entry.bytes().length;
    }
    assertEquals(bytes, c.form.storedBytes());
    assertEquals(bytes, c.form.parts().values().stream().mapToLong(Long::longValue).sum());
  }

  /** Every damage that can be made to a description without knowing the form. */
  @Test
  void damageIsRefusedAsBadInput() {
    final List<Case> cases =
        cases().stream()
            .filter(c -> List.of("[1, 1]", "[7]", "[13, 37]").contains(shape(c)))
            .toList();
    assertTrue(cases.size() > 600, "cases: " + cases.size());
    cases.forEach(FormsTest::refusesDamage);
  }

  private static String shape(Case c) {
    return java.util.Arrays.toString(c.form.shape());
  }

  private static void refusesDamage(Case c) {
    for (String suffix : entries(c.form).keySet()) {
      refused(c, e -> e.remove(suffix), a -> {}); // missing
      refused(c, e -> e.computeIfPresent(suffix, (s, x) -> shorter(x)), a -> {}); // truncated
      refused(c, e -> e.computeIfPresent(suffix, (s, x) -> otherType(x)), a -> {});
      refused(c, e -> e.computeIfPresent(suffix, (s, x) -> longerShape(x)), a -> {});
    }
    for (String key : c.form.attributes().keySet()) {
      refused(c, e -> {}, a -> a.remove(key));
      refused(c, e -> {}, a -> a.put(key, ""));
      refused(c, e -> {}, a -> a.put(key, "-1"));
      refused(c, e -> {}, a -> a.put(key, "999999999999"));
      refused(c, e -> {}, a -> a.put(key, a.get(key) + ",99999999"));
    }
    refused(c, e -> {}, a -> a.put("colour", "red"));
    final StoredEntry surplus =
        new StoredEntry(
            entries(c.form).containsKey(StoredEntry.OFFSETS)
                ? StoredEntry.ZERO_POINTS
                : StoredEntry.OFFSETS,
            SafetensorsType.U8,
            new long[] {1},
            new byte[1]);
    refused(c, e -> e.put(surplus.suffix(), surplus), a -> {});
  }

  private static void refused(
      Case c,
      Consumer<Map<String, StoredEntry>> entryDamage,
      Consumer<Map<String, String>> damage) {
    final Map<String, StoredEntry> entries = entries(c.form);
    final Map<String, String> attributes = new TreeMap<>(c.form.attributes());
    entryDamage.accept(entries);
    damage.accept(attributes);
    final BantamException e =
        assertThrows(
            BantamException.class,
            () -> CompressedTensor.decode(c.form.form(), attributes, entries),
            () -> c + ": attributes " + attributes + ", entries " + entries.keySet());
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    assertTrue(e.getMessage().endsWith("."), e.getMessage());
  }

  private static StoredEntry shorter(StoredEntry e) {
    return new StoredEntry(
        e.suffix(),
        e.type(),
        e.shape(),
        e.bytes().length == 0
            ? new byte[3]
            : java.util.Arrays.copyOf(e.bytes(), e.bytes().length - 1));
  }

  private static StoredEntry otherType(StoredEntry e) {
    return new StoredEntry(e.suffix(), SafetensorsType.BOOL, e.shape(), e.bytes());
  }

  private static StoredEntry longerShape(StoredEntry e) {
    final long[] shape = e.shape().clone();
    shape[0] += 1;
    return new StoredEntry(e.suffix(), e.type(), shape, e.bytes());
  }
}
