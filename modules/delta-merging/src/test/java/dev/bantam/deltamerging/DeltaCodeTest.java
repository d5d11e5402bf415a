package dev.bantam.deltamerging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.deltamerging.DeltaCoding.Positions;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Stored deltas of one tensor. */
class DeltaCodeTest {
  private static float[] gaussian(int n, long seed) {
    final SplittableRandom random = new SplittableRandom(seed);
    final float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      double sum = 0;
      for (int k = 0; k < 12; k++) {
        sum += random.nextDouble() - .5;
      }
      values[i] = (float) (.001 * sum);
    }
    return values;
  }

  private static boolean[] random(int n, double density, long seed) {
    final SplittableRandom random = new SplittableRandom(seed);
    final boolean[] kept = new boolean[n];
    for (int i = 0; i < n; i++) {
      kept[i] = random.nextDouble() < density;
    }
    return kept;
  }

  private static DeltaCoding coding(Positions positions, double density, int bits) {
    return new DeltaCoding(Sparsifier.DARE, density, positions, bits, 1, List.of());
  }

  /** Every position and every value comes back: by definition, element by element. */
  @ParameterizedTest
  @CsvSource({
    "BITMAP,.5,32", "GAPS,.1,32", "SMALLEST,.01,32", "SMALLEST,.9,32", "BITMAP,.3,8", "GAPS,.05,4",
    "SEED,.1,32", "SEED,.5,8", "SEED,1,1", "SEED,.2,16", "GAPS,.5,2", "SEED,.3,1"
  })
  void comesBackWithinHalfAStep(Positions positions, double density, int bits) {
    for (int rows : new int[] {1, 7, 64}) {
      final int columns = 53;
      final float[] delta = gaussian(rows * columns, rows);
      final long key = RandomMask.key(1, "t", "m" + rows);
      final boolean[] kept = random(delta.length, density, 5);
      for (int i = 0; i < delta.length; i++) {
        if (positions == Positions.SEED) {
          kept[i] = RandomMask.keeps(key, i, RandomMask.threshold(density));
        }
        // a row that fine-tuning has not touched, and one that is kept with a zero in it
        final boolean zero = (rows > 1 && i / columns == 1) || i == 3;
        delta[i] = kept[i] && !zero ? delta[i] : 0;
      }
      final DeltaCode code =
          DeltaCode.encode(delta, kept, columns, coding(positions, density, bits), key, Float.NaN);
      final float[] back = code.decode();
      assertEquals(delta.length, back.length);
      for (int i = 0; i < delta.length; i++) {
        final double error = Math.abs((double) back[i] - delta[i]);
        final double most =
            switch (bits) {
              case 32 -> 0;
              case 16 -> code.scale() * 0x1p-11;
              case 8 -> code.scale() * .5001;
              default -> Double.POSITIVE_INFINITY; // clipped: see below
            };
        assertTrue(error <= most, positions + " " + bits + " [" + i + "]: " + error);
        assertTrue(kept[i] || back[i] == 0, "dropped " + i);
        assertTrue(rows == 1 || i / columns != 1 || back[i] == 0, "untouched " + i);
      }
      if (rows > 1) {
        assertEquals((rows + 7) / 8, code.rows().length);
      }
      assertArrayEquals(back, code.decode(), "the same again");
    }
  }

  /** Codes of fewer bits: no code is farther than the next one, unless it was clipped. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5, 8})
  void everyCodeIsTheNearestLevel(int bits) {
    final float[] delta = gaussian(997, 3);
    final boolean[] kept = random(997, 1, 1);
    final DeltaCode code =
        DeltaCode.encode(delta, kept, 997, coding(Positions.SEED, 1, bits), 0, Float.NaN);
    final float[] back = code.decode();
    final int top = (1 << (bits - 1)) - 1;
    double error = 0;
    for (int i = 0; i < delta.length; i++) {
      double best = Double.POSITIVE_INFINITY;
      for (int level = -top; level <= top; level++) {
        best = Math.min(best, Math.abs(delta[i] - level * (double) code.scale()));
      }
      assertEquals(best, Math.abs((double) delta[i] - back[i]), 1e-4 * code.scale());
      error += best * best;
    }
    // no worse than codes up to the largest value
    float peak = 0;
    for (float v : delta) {
      peak = Math.max(peak, Math.abs(v));
    }
    double plain = 0;
    for (float v : delta) {
      final double step = peak / top;
      final double rest = v - Math.rint(v / step) * step;
      plain += rest * rest;
    }
    assertTrue(error <= plain * 1.0001, error + " and " + plain);
  }

  /** Rice codes cost what the formula says, within 1 % on 200,000 elements. */
  @ParameterizedTest
  @CsvSource({".3,1,2.96", ".1,3,4.76", ".05,4,5.79", ".01,6,8.11"})
  void gapsCostWhatTheFormulaSays(double density, int parameter, double bitsPerKept) {
    final boolean[] kept = random(200_000, density, 9);
    int count = 0;
    for (boolean k : kept) {
      count += k ? 1 : 0;
    }
    final double q = Math.pow(1 - density, 1 << parameter);
    final double formula = parameter + 1 + q / (1 - q);
    assertEquals(bitsPerKept, formula, .01);
    assertEquals(parameter, RiceGaps.best(kept));
    final byte[] bytes = RiceGaps.encode(kept, parameter);
    assertEquals(formula * count, 8.0 * bytes.length, .012 * formula * count);
    final boolean[] back = new boolean[kept.length];
    RiceGaps.decode(bytes, parameter, count, back);
    assertArrayEquals(kept, back);
  }

  @Test
  void sizesByPart() {
    final int n = 100_000;
    final float[] delta = gaussian(n, 1);
    final long key = 42;
    final boolean[] kept = new boolean[n];
    int count = 0;
    for (int i = 0; i < n; i++) {
      kept[i] = RandomMask.keeps(key, i, RandomMask.threshold(.1));
      count += kept[i] ? 1 : 0;
      delta[i] = kept[i] ? delta[i] : 0;
    }
    final DeltaCode seeded =
        DeltaCode.encode(delta, kept, n, coding(Positions.SEED, .1, 8), key, Float.NaN);
    assertEquals(0, seeded.mask().length);
    assertEquals(count, seeded.values().length);
    final DeltaCode bitmap =
        DeltaCode.encode(delta, kept, n, coding(Positions.BITMAP, .1, 4), key, Float.NaN);
    assertEquals(n / 8, bitmap.mask().length);
    assertEquals((count + 1) / 2, bitmap.values().length);
    assertEquals(
        Positions.GAPS,
        DeltaCode.encode(delta, kept, n, coding(Positions.SMALLEST, .1, 4), key, Float.NaN)
            .positions());
    // the same delta, wherever its positions are told
    assertArrayEquals(
        bitmap.decode(),
        DeltaCode.encode(delta, kept, n, coding(Positions.GAPS, .1, 4), key, Float.NaN).decode());
  }

  @Test
  void damagedPartsAreRefused() {
    final float[] delta = gaussian(100, 1);
    final boolean[] kept = random(100, .2, 2);
    for (int i = 0; i < 100; i++) {
      delta[i] = kept[i] ? delta[i] : 0;
    }
    final DeltaCode good =
        DeltaCode.encode(delta, kept, 100, coding(Positions.GAPS, .2, 8), 0, Float.NaN);
    final byte[] shorter = java.util.Arrays.copyOf(good.mask(), good.mask().length - 1);
    final byte[] ones = good.mask().clone();
    java.util.Arrays.fill(ones, (byte) 0xff);
    for (byte[] mask : List.of(shorter, ones, new byte[0])) {
      final DeltaCode bad =
          new DeltaCode(
              100,
              100,
              null,
              Positions.GAPS,
              .2,
              0,
              good.parameter(),
              good.count(),
              mask,
              8,
              good.scale(),
              good.values());
      assertEquals(ExitCode.BAD_INPUT, assertThrows(BantamException.class, bad::decode).exitCode());
    }
    final DeltaCode other =
        new DeltaCode(
            100,
            100,
            null,
            Positions.SEED,
            .2,
            7,
            0,
            good.count(),
            new byte[0],
            8,
            good.scale(),
            good.values());
    assertThrows(BantamException.class, other::decode, "another key keeps another number");
  }

  /** The calibrated scale has the least error of the outputs among many. */
  @Test
  void calibratedScalesAreOptimal() {
    final int in = 6;
    final float[] delta = gaussian(4 * in, 8);
    final float[] x = gaussian(50 * in, 4);
    for (int i = 0; i < x.length; i++) {
      x[i] *= 1 + 40 * (i % in); // inputs of very different size
    }
    final float[] gram = new float[in * in];
    for (int r = 0; r < 50; r++) {
      for (int a = 0; a < in; a++) {
        for (int b = 0; b < in; b++) {
          gram[a * in + b] += x[r * in + a] * x[r * in + b] / 50;
        }
      }
    }
    final float scale = BitDelta.calibratedScale(delta, gram, in);
    final double least = outputError(delta, x, in, scale);
    for (double factor : new double[] {.5, .9, .99, 1.01, 1.1, 2}) {
      assertTrue(least < outputError(delta, x, in, scale * factor), "factor " + factor);
    }
    assertTrue(least < outputError(delta, x, in, BitDelta.scale(delta)));
  }

  private static double outputError(float[] delta, float[] x, int in, double scale) {
    double error = 0;
    for (int from = 0; from < x.length; from += in) {
      for (int row = 0; row < delta.length; row += in) {
        double h = 0;
        for (int i = 0; i < in; i++) {
          h += x[from + i] * (delta[row + i] - (delta[row + i] < 0 ? -scale : scale));
        }
        error += h * h;
      }
    }
    return error;
  }
}
