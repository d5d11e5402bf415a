package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.binarization.BiAttention.Threshold;
import dev.bantam.tensor.BitMatrix;
import dev.bantam.tensor.BitProduct;
import dev.bantam.tensor.BitRows;
import dev.bantam.tensor.CodeSet;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Packing, products of packed codes and Bi-Attention on bits against integer arithmetic. */
class PopcountGoldenTest {
  private static final Pattern PRODUCT =
      Pattern.compile("k(\\d+)\\.(pm1|01|[ui]\\d)_x_(pm1|01|ternary)");

  static List<Path> products() {
    return GoldenCase.folders("binarization", "popcount-products");
  }

  static List<Path> attention() {
    return GoldenCase.folders("binarization", "popcount-bi-attention");
  }

  @ParameterizedTest
  @MethodSource("products")
  void products(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      int compared = 0;
      for (String name : golden.names()) {
        final Matcher matcher = PRODUCT.matcher(name);
        if (matcher.matches()) {
          product(golden, name, matcher);
          compared++;
        }
      }
      assertTrue(compared >= 72, "compared " + compared);
    }
  }

  private static void product(GoldenCase golden, String name, Matcher matcher) {
    final String k = "k" + matcher.group(1) + ".";
    final int width = Integer.parseInt(matcher.group(1));
    final String left = matcher.group(2);
    final CodeSet set;
    final float[] codes;
    if (left.equals("pm1")) {
      set = CodeSet.SIGNS;
      codes = floats(golden.bytes(k + "a_pm1.bits"), 2, -1);
    } else if (left.equals("01")) {
      set = CodeSet.BITS;
      codes = floats(golden.bytes(k + "a_01.bits"), 1, 0);
    } else {
      final int bits = left.charAt(1) - '0';
      final boolean signed = left.charAt(0) == 'i';
      set = signed ? CodeSet.signed(bits) : CodeSet.unsigned(bits);
      codes = floats(golden.bytes(k + "a_u" + bits), 1, signed ? -(1 << (bits - 1)) : 0);
    }
    final int rows = codes.length / width;
    final BitRows x = new BitRows(set, width);
    x.pack(codes, rows);
    final String words =
        switch (left.charAt(0)) {
          case 'p' -> "a_pm1.words";
          case '0' -> "a_01.words";
          default -> "a_u" + left.charAt(1) + ".planes";
        };
    assertArrayEquals(golden.longs(k + words), x.toArray(), "words of " + name);
    final boolean ternary = matcher.group(3).equals("ternary");
    final byte[] w = golden.bytes(k + (ternary ? "w_ternary" : "w.bits"));
    final boolean signs = matcher.group(3).equals("pm1");
    final BitMatrix matrix =
        new BitMatrix(
            ternary ? CodeSet.TERNARY : signs ? CodeSet.SIGNS : CodeSet.BITS,
            w.length / width,
            width);
    for (int o = 0; o < matrix.outputs(); o++) {
      final int from = o * width;
      matrix.set(o, c -> signs ? 2 * w[from + c] - 1 : w[from + c]);
    }
    final int[] dots = new int[rows * matrix.outputs()];
    BitProduct.ofThread().run(x, matrix, 0, matrix.outputs(), dots);
    assertArrayEquals(golden.ints(name), dots, name);
  }

  private static float[] floats(byte[] bytes, int factor, int offset) {
    final float[] values = new float[bytes.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = factor * (bytes[i] & 0xff) + offset;
    }
    return values;
  }

  @ParameterizedTest
  @MethodSource("attention")
  void biAttention(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final int n = golden.integer("tokens");
      final int d = golden.integer("head_dim");
      final int heads = golden.integer("heads");
      final byte[] mask = golden.bytes("mask");
      for (int b = 0; b < golden.integer("batch") * heads; b++) {
        final float[] q = part(golden.bytes("q"), b, n * d);
        final float[] k = part(golden.bytes("k"), b, n * d);
        final float[] v = part(golden.bytes("v"), b, n * d);
        final int[] scores = PackedBiAttention.scores(q, k, n, d);
        assertArrayEquals(part(golden.ints("scores"), b, n * n), scores, "scores of head " + b);
        for (Threshold threshold : Threshold.values()) {
          final String prefix = threshold == Threshold.AT_LEAST_ZERO ? "ge." : "gt.";
          final float[] bits = new float[n * n];
          for (int i = 0; i < bits.length; i++) {
            final boolean there = mask[b / heads * n + i % n] != 0;
            bits[i] = there && threshold.attends(scores[i]) ? 1f : 0f;
          }
          assertArrayEquals(part(golden.bytes(prefix + "bits"), b, n * n), bits, prefix + b);
          assertArrayEquals(
              part(golden.ints(prefix + "context"), b, n * d),
              PackedBiAttention.context(bits, v, n, d),
              prefix + "context of head " + b);
        }
      }
    }
  }

  private static float[] part(byte[] all, int index, int n) {
    final float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = all[index * n + i];
    }
    return values;
  }

  private static int[] part(int[] all, int index, int n) {
    return java.util.Arrays.copyOfRange(all, index * n, (index + 1) * n);
  }

  /** A worked example with both thresholds. */
  @Test
  void byHand() {
    final float[] q = {.3f, -.2f, .5f, .1f, -.4f, -.1f, .2f, .6f, .7f, .2f, -.3f, -.9f};
    final float[] k = {.1f, .4f, .2f, -.6f, -.3f, -.5f, .9f, .2f, .8f, -.7f, -.1f, .3f};
    final float[] v = {.5f, -.1f, .2f, -.3f, -.6f, -.2f, .4f, .1f, .9f, .3f, -.8f, .2f};
    assertArrayEquals(
        new int[] {0, 2, 2, -2, 4, 0, 2, -4, 0}, PackedBiAttention.scores(q, k, 3, 4));
    assertArrayEquals(
        new int[] {1, -1, 1, 1, 0, 0, 0, 2, 2, 0, 0, 0},
        PackedBiAttention.context(q, k, v, 3, 4, Threshold.AT_LEAST_ZERO));
    assertArrayEquals(
        new int[] {0, 0, 0, 2, -1, -1, 1, 1, 1, -1, 1, -1},
        PackedBiAttention.context(q, k, v, 3, 4, Threshold.ABOVE_ZERO));
  }

  /** All-positive values and full attention: n in every channel. */
  @Test
  void fullAttention() {
    final float[] ones = new float[70 * 3];
    java.util.Arrays.fill(ones, 1f);
    for (int c : PackedBiAttention.context(ones, ones, ones, 70, 3, Threshold.ABOVE_ZERO)) {
      assertEquals(70, c);
    }
  }
}
