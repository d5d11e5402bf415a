package dev.bantam.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The scalar definition and its Vector API twin give the same bits, cold and warm. */
class KernelTwinsTest {
  private static final int[] LENGTHS = {
    1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 129, 255, 384, 1021
  };
  private static final int WARM_ROUNDS = 3_000;

  private static Kernels scalar;
  private static Kernels vector;

  @BeforeAll
  static void loadTwins() {
    scalar = new ScalarKernels();
    vector = Kernels.best();
    assumeTrue(
        vector.name().startsWith("vector"), "SKIPPED: this CPU or JVM has no 256-bit vectors");
  }

  /** Runs one kernel on both twins from equal input and compares every array it may write. */
  private static void same(BiConsumer<Kernels, float[][]> kernel, float[]... arrays) {
    final float[][] a = copy(arrays);
    final float[][] b = copy(arrays);
    kernel.accept(scalar, a);
    kernel.accept(vector, b);
    for (int i = 0; i < arrays.length; i++) {
      for (int j = 0; j < arrays[i].length; j++) {
        assertEquals(
            Float.floatToRawIntBits(a[i][j]),
            Float.floatToRawIntBits(b[i][j]),
            "array " + i + " element " + j + ": " + a[i][j] + " and " + b[i][j]);
      }
    }
  }

  private static float[][] copy(float[][] arrays) {
    final float[][] copies = new float[arrays.length][];
    for (int i = 0; i < arrays.length; i++) {
      copies[i] = arrays[i].clone();
    }
    return copies;
  }

  private static float[] gaussian(int n, double scale, long seed) {
    final Random random = new Random(seed);
    final float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    return values;
  }

  /** Ordinary values, both zeros, subnormals and the ends of the range. */
  private static float[] awkward(int n) {
    final float[] ends = {
      0f,
      -0f,
      Float.MIN_VALUE,
      -Float.MIN_VALUE,
      1e-30f,
      -1e-30f,
      13f,
      -13f,
      13.0001f,
      88f,
      -88f,
      3e38f,
      -3e38f,
      1e4f,
      -1e4f,
      5.5f,
      -5.5f
    };
    final float[] values = gaussian(n, 4, n);
    for (int i = 0; i < Math.min(n, ends.length); i++) {
      values[(i * 3) % n] = ends[i];
    }
    return values;
  }

  @ParameterizedTest
  @EnumSource(Kernels.Activation.class)
  void activations(Kernels.Activation activation) {
    for (int n : LENGTHS) {
      same((k, x) -> k.activate(activation, x[0], n), awkward(n));
      same((k, x) -> k.activateBackward(activation, x[0], x[1], n), awkward(n), gaussian(n, 1, 3));
    }
  }

  @Test
  void rowKernels() {
    for (int n : LENGTHS) {
      final int rows = 3;
      same(
          (k, x) -> k.layerNorm(x[0], rows, n, x[1], x[2], 1e-12, x[3], x[4], 1),
          gaussian(rows * n, 2, 1),
          gaussian(n, 1, 2),
          gaussian(n, 1, 3),
          new float[rows * n],
          new float[rows + 1]);
      same(
          (k, x) -> k.layerNormBackward(x[0], rows, n, x[1], x[2], 0, x[3], x[4], x[5]),
          gaussian(rows * n, 2, 1),
          gaussian(rows * n, 1, 2),
          gaussian(rows, 1, 3),
          gaussian(n, 1, 4),
          gaussian(n, 1, 5),
          gaussian(n, 1, 6));
      same((k, x) -> k.softmax(x[0], 2, n, 0.3f, null), gaussian(n + 2, 6, 7));
      same((k, x) -> k.softmax(x[0], 2, n, 0.3f, x[1]), gaussian(n + 2, 6, 7), gaussian(n, 5, 8));
      same(
          (k, x) -> k.softmaxBackward(x[0], x[1], 2, n, 0.3f),
          gaussian(n + 2, 1, 9),
          gaussian(n + 2, 1, 10));
      same(
          (k, x) -> k.addBias(x[0], rows, n, x[1], 1),
          gaussian(rows * n, 1, 1),
          gaussian(n + 1, 1, 2));
      same(
          (k, x) -> k.addColumnSums(x[0], rows, n, x[1], 1),
          gaussian(rows * n, 1, 1),
          gaussian(n + 1, 1, 2));
      same((k, x) -> k.add(x[0], x[1], n), gaussian(n, 1, 1), gaussian(n, 1, 2));
      same((k, x) -> k.dropout(x[0], n, 77, 1_000_003, 0.1f), gaussian(n, 1, 1));
      same(
          (k, x) ->
              k.adamW(
                  x[0],
                  x[1],
                  x[2],
                  x[3],
                  n,
                  new Kernels.AdamStep(0.7f, 0.9, 0.999, 1e-8f, 1e-4f, 1e-3f, 0.5f)),
          gaussian(n, 1, 1),
          gaussian(n, 1, 2),
          gaussian(n, 1, 3),
          square(gaussian(n, 1, 4)));
    }
  }

  private static float[] square(float[] x) {
    for (int i = 0; i < x.length; i++) {
      x[i] *= x[i];
    }
    return x;
  }

  private static Map<String, BiConsumer<Kernels, float[][]>> kernels(int n) {
    final Map<String, BiConsumer<Kernels, float[][]>> all = new LinkedHashMap<>();
    for (Kernels.Activation activation : Kernels.Activation.values()) {
      all.put("activate " + activation, (k, x) -> k.activate(activation, x[0], n));
      all.put(
          "activateBackward " + activation,
          (k, x) -> k.activateBackward(activation, x[0], x[1], n));
    }
    all.put("add", (k, x) -> k.add(x[0], x[1], n));
    all.put("addBias", (k, x) -> k.addBias(x[0], 1, n, x[1], 0));
    all.put("addColumnSums", (k, x) -> k.addColumnSums(x[0], 1, n, x[1], 0));
    all.put(
        "layerNorm", (k, x) -> k.layerNorm(x[1], 1, n, x[2], x[3], 1e-12, x[4], new float[1], 0));
    all.put(
        "layerNormBackward",
        (k, x) -> k.layerNormBackward(x[1], 1, n, x[2], new float[] {0.7f}, 0, x[3], x[4], x[5]));
    all.put("softmax", (k, x) -> k.softmax(x[1], 0, n, 0.3f, x[2]));
    all.put("softmaxBackward", (k, x) -> k.softmaxBackward(x[1], x[2], 0, n, 0.3f));
    all.put("dropout", (k, x) -> k.dropout(x[1], n, 7, 3, 0.1f));
    all.put(
        "adamW",
        (k, x) ->
            k.adamW(
                x[1],
                x[2],
                x[3],
                square(x[4]),
                n,
                new Kernels.AdamStep(0.7f, 0.9, 0.999, 1e-8f, 1e-4f, 1e-3f, 0.5f)));
    return all;
  }

  /** The compiler's warm code gives the bits of the first, interpreted call, for each kernel. */
  @Test
  void warmEqualsCold() {
    final int n = 389; // whole vectors and a rest
    final float[][] start = {
      awkward(n),
      gaussian(n, 3, 1),
      gaussian(n, 1, 2),
      gaussian(n, 1, 3),
      gaussian(n, 1, 4),
      gaussian(n, 1, 5)
    };
    assertEquals(15, kernels(n).size());
    kernels(n)
        .forEach(
            (name, kernel) -> {
              final float[][] cold = copy(start);
              kernel.accept(vector, cold);
              float[][] warm = null;
              for (int round = 0; round < WARM_ROUNDS; round++) {
                warm = copy(start);
                kernel.accept(vector, warm);
              }
              for (int i = 0; i < cold.length; i++) {
                assertArrayEquals(cold[i], warm[i], name + " array " + i);
              }
              same(kernel, start);
            });
  }

  /** About the asked share is dropped, the rest is scaled, and the mask is a pure function. */
  @Test
  void dropoutKeepsTheMean() {
    final int n = 200_000;
    final float[] x = new float[n];
    java.util.Arrays.fill(x, 1f);
    scalar.dropout(x, n, 5, 0, 0.25f);
    int dropped = 0;
    for (float v : x) {
      assertTrue(v == 0f || v == 1f / 0.75f, "either dropped or scaled: " + v);
      dropped += v == 0f ? 1 : 0;
    }
    // binomial standard deviation 194; five of them
    assertEquals(50_000, dropped, 970);
    final float[] tail = new float[100];
    java.util.Arrays.fill(tail, 1f);
    scalar.dropout(tail, 100, 5, 1234, 0.25f);
    assertArrayEquals(java.util.Arrays.copyOfRange(x, 1234, 1334), tail);
  }

  @Test
  void outerProducts() {
    final Random random = new Random(4);
    for (int n : new int[] {8, 16, 48, 56}) {
      final int side = n / Kernels.TILE;
      final double[] start = new double[side * (side + 1) / 2 * Kernels.TILE * Kernels.TILE];
      for (int i = 0; i < start.length; i++) {
        start[i] = random.nextGaussian();
      }
      for (int round = 0; round < WARM_ROUNDS; round += 100) {
        final int count = round % 7;
        final double[] p = random.doubles((long) count * n, -1, 1).toArray();
        final double[] a = start.clone();
        final double[] b = start.clone();
        scalar.addOuterProducts(p, count, n, a);
        vector.addOuterProducts(p, count, n, b);
        assertArrayEquals(a, b, "n " + n + ", round " + round);
      }
    }
  }

  /** Counts of common bits, the compiled form included, against one bit at a time. */
  @ParameterizedTest
  @org.junit.jupiter.params.provider.CsvSource({"1,1", "4,12", "7,3", "9,48"})
  void commonBits(int rows, int words) {
    final Random random = new Random(rows);
    final long[] a = random.longs(1 + rows * words).toArray();
    final long[] b = random.longs(2 + words * Kernels.BIT_PANEL).toArray();
    final int stride = Kernels.BIT_PANEL + 3;
    for (Kernels kernels : new Kernels[] {scalar, vector}) {
      for (int round = 0; round < WARM_ROUNDS; round++) {
        final int[] c = new int[1 + rows * stride];
        kernels.countCommonBits(a, 1, rows, words, b, 2, c, 1, stride);
        for (int i = 0; round % 1_000 == 0 && i < rows * Kernels.BIT_PANEL; i++) {
          int expected = 0;
          for (int bit = 0; bit < words * 64; bit++) {
            final long x = a[1 + i / Kernels.BIT_PANEL * words + bit / 64] >>> bit % 64;
            final long y = b[2 + bit / 64 * Kernels.BIT_PANEL + i % Kernels.BIT_PANEL] >>> bit % 64;
            expected += (int) (x & y & 1);
          }
          assertEquals(
              expected,
              c[1 + i / Kernels.BIT_PANEL * stride + i % Kernels.BIT_PANEL],
              kernels.name() + " element " + i);
        }
      }
    }
  }
}
