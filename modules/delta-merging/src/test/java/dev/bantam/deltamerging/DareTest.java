package dev.bantam.deltamerging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The pass over blocks against one element after the other. */
class DareTest {
  private static final long KEY = 42;

  @ParameterizedTest
  @CsvSource({
    "1, 0.5, FLOAT32",
    "1023, 0.1, FLOAT32",
    "5000, 0.3, BFLOAT16",
    "2048, 1, FLOAT32",
    "4099, 0, FLOAT16"
  })
  void everyElementAlone(int n, double density, Precision precision) {
    final SplittableRandom random = new SplittableRandom(n);
    final float[] base = new float[n];
    final float[] model = new float[n];
    final float[] expected = new float[n];
    double before = 0;
    double after = 0;
    for (int i = 0; i < n; i++) {
      base[i] = (float) random.nextDouble(-1, 1);
      model[i] = (float) random.nextDouble(-1, 1);
      final float delta = precision.round(model[i] - base[i]);
      before += Math.abs(delta);
      if (RandomMask.keeps(KEY, i, RandomMask.threshold(density))) {
        expected[i] = delta;
        after += Math.abs(delta);
      }
    }
    final Dare.Sums sums = Dare.delta(model, base, density, KEY, true, precision);
    assertArrayEquals(expected, model);
    assertEquals(before, sums.before(), 1e-12 * before);
    assertEquals(after, sums.after(), 1e-12 * before);
  }
}
