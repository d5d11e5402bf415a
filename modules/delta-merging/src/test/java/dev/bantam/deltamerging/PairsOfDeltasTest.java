package dev.bantam.deltamerging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.deltamerging.Deltas.Mix;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Two deltas take a way of their own; with a third that is zero they take that of any number. */
class PairsOfDeltasTest {
  private static final int N = 5000;

  private static float[] values(SplittableRandom random) {
    final float[] values = new float[N];
    for (int i = 0; i < N; i++) {
      values[i] =
          switch (random.nextInt(8)) {
            case 0 -> 0f;
            case 1 -> -0f;
            case 2 -> (float) (random.nextGaussian() * 1e-38);
            case 3 -> (float) (random.nextGaussian() * 1e30);
            case 4 -> random.nextBoolean() ? 1f : -1f;
            default -> (float) random.nextGaussian();
          };
    }
    return values;
  }

  /** A third zero makes a negative zero positive. */
  private static float[] plus(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] += 0f;
    }
    return values;
  }

  @Test
  void twoAreThreeWithAZero() {
    final SplittableRandom random = new SplittableRandom(5);
    final float[][] pair = {values(random), values(random)};
    final float[][] three = {pair[0], pair[1], new float[N]};
    final float[] base = values(random);
    final float[] scales = {1.9f, 1};
    final float[] wideScales = {1.9f, 1, 1};
    for (float[] w : new float[][] {{0.5f, 0.5f}, {1f, 1f}, {0.3f, -0.7f}, {0f, 1f}, {-1f, -2f}}) {
      final float[] wide = {w[0], w[1], 0f};
      for (boolean normalize : new boolean[] {true, false}) {
        for (float lambda : new float[] {1f, 0.7f}) {
          final float[] a = base.clone();
          final float[] b = base.clone();
          Deltas.sum(a, pair, new Mix(w, scales, normalize, lambda, Precision.FLOAT32));
          Deltas.sum(b, three, new Mix(wide, wideScales, normalize, lambda, Precision.FLOAT32));
          assertArrayEquals(plus(b), plus(a));
          final float[] c = base.clone();
          final float[] d = base.clone();
          Deltas.elect(c, pair, new Mix(w, scales, normalize, lambda, Precision.FLOAT32));
          Deltas.elect(d, three, new Mix(wide, wideScales, normalize, lambda, Precision.FLOAT32));
          assertArrayEquals(plus(d), plus(c));
        }
      }
    }
  }

  /** What is no number stays so, to be refused later. */
  @Test
  void noNumbersStay() {
    final float[] bad = {Float.NaN, Float.intBitsToFloat(0xffc00000), 1, 1, Float.NaN};
    final float[] good = {1, -1, Float.NaN, Float.intBitsToFloat(0xffc00000), -Float.NaN};
    final float[] base = new float[bad.length];
    final Mix mix = new Mix(new float[] {1, -1}, new float[] {1, 1}, true, 1, Precision.FLOAT32);
    Deltas.elect(base, new float[][] {bad, good}, mix);
    for (float value : base) {
      assertTrue(Float.isNaN(value));
    }
  }
}
