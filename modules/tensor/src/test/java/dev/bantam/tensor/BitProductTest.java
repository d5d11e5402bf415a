package dev.bantam.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Products of packed codes against sums of products of the codes themselves. */
class BitProductTest {
  private record Set(CodeSet set, int low, int high, int step) {
    int draw(Random random) {
      return low + step * random.nextInt((high - low) / step + 1);
    }
  }

  private static final List<Set> SETS =
      List.of(
          new Set(CodeSet.SIGNS, -1, 1, 2),
          new Set(CodeSet.BITS, 0, 1, 1),
          new Set(CodeSet.TERNARY, -1, 1, 1),
          new Set(CodeSet.unsigned(2), 0, 3, 1),
          new Set(CodeSet.unsigned(3), 0, 7, 1),
          new Set(CodeSet.unsigned(8), 0, 255, 1),
          new Set(CodeSet.signed(2), -2, 1, 1),
          new Set(CodeSet.signed(4), -8, 7, 1),
          new Set(CodeSet.signed(8), -128, 127, 1));

  /** Every pair of sets, widths around whole words, outputs that fill no panel. */
  @ParameterizedTest
  @ValueSource(ints = {1, 63, 64, 65, 768, 3072})
  void everyPair(int k) {
    final Random random = new Random(k);
    final int rows = 5;
    final int outputs = 19;
    for (Set left : SETS) {
      for (Set right : SETS) {
        final float[] x = new float[rows * k];
        final int[] w = new int[outputs * k];
        for (int i = 0; i < x.length; i++) {
          x[i] = left.draw(random);
        }
        for (int i = 0; i < w.length; i++) {
          w[i] = right.draw(random);
        }
        final BitRows bits = new BitRows(left.set(), k);
        bits.pack(x, rows);
        final BitMatrix matrix = new BitMatrix(right.set(), outputs, k);
        for (int o = 0; o < outputs; o++) {
          final int from = o * k;
          matrix.set(o, c -> w[from + c]);
        }
        final int[] dots = new int[rows * (outputs - 8)];
        BitProduct.ofThread().run(bits, matrix, 8, outputs, dots);
        for (int r = 0; r < rows; r++) {
          for (int o = 8; o < outputs; o++) {
            long expected = 0;
            for (int c = 0; c < k; c++) {
              expected += ((long) x[r * k + c]) * w[o * k + c];
            }
            assertEquals(
                expected,
                dots[r * (outputs - 8) + o - 8],
                left.set() + " x " + right.set() + " row " + r + " output " + o);
          }
        }
      }
    }
  }

  /** (+,-,-,+,+,+,-,+) . (+,+,-,-,+,-,-,+) = 2, and 1 with the first as bits. */
  @Test
  void byHand() {
    final float[] signs = {1, -1, -1, 1, 1, 1, -1, 1};
    final float[] bits = {1, 0, 0, 1, 1, 1, 0, 1};
    final int[] other = {1, 1, -1, -1, 1, -1, -1, 1};
    final BitMatrix w = new BitMatrix(CodeSet.SIGNS, 1, 8);
    w.set(0, c -> other[c]);
    final int[] dot = new int[1];
    final BitRows a = new BitRows(CodeSet.SIGNS, 8);
    a.pack(signs, 1);
    BitProduct.ofThread().run(a, w, 0, 1, dot);
    assertEquals(2, dot[0]);
    final BitRows b = new BitRows(CodeSet.BITS, 8);
    b.pack(bits, 1);
    BitProduct.ofThread().run(b, w, 0, 1, dot);
    assertEquals(1, dot[0]);
    assertEquals(0, w.sum(0));
  }

  @Test
  void outputsBeginWithAPanel() {
    final BitRows x = new BitRows(CodeSet.SIGNS, 8);
    x.pack(new float[] {1, 1, 1, 1, 1, 1, 1, 1}, 1);
    final BitMatrix w = new BitMatrix(CodeSet.SIGNS, 16, 8);
    for (int from : new int[] {1, 7, 9}) {
      final IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> BitProduct.ofThread().run(x, w, from, 16, new int[16]));
      assertTrue(e.getMessage().contains("from " + from), e.getMessage());
    }
    BitProduct.ofThread().run(x, w, 8, 16, new int[8]);
  }

  @Test
  void widthsMustAgree() {
    assertThrows(
        IllegalArgumentException.class,
        () ->
            BitProduct.ofThread()
                .run(
                    new BitRows(CodeSet.SIGNS, 8),
                    new BitMatrix(CodeSet.SIGNS, 8, 9),
                    0,
                    8,
                    new int[0]));
    assertThrows(IllegalArgumentException.class, () -> CodeSet.unsigned(9));
  }
}
