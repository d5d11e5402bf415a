package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Against scipy 1.17.1 (see case.json beside the rows), by hand, and in exact arithmetic. */
class CorrelationTest {
  private static final String ROWS = "/metrics/correlation/rows.jsonl";

  static List<GoldenRow> rows() throws IOException {
    return GoldenRow.read(ROWS);
  }

  @Test
  void thereAreRows() throws IOException {
    assertEquals(21, rows().size());
  }

  @ParameterizedTest
  @MethodSource("rows")
  void matchesScipy(GoldenRow row) {
    final double[] x = row.doubles("x");
    final double[] y = row.doubles("y");
    final boolean delicate = row.name().startsWith("nearly") || row.name().startsWith("huge");
    final double tolerance = delicate ? 1e-6 : 1e-9; // of case.json
    if (row.expectsError("pearson")) {
      assertThrows(IllegalArgumentException.class, () -> Correlation.pearson(x, y));
    } else {
      assertEquals(row.expectedDouble("pearson"), Correlation.pearson(x, y), tolerance);
    }
    assertEquals(row.expectedDouble("spearman"), Correlation.spearman(x, y), tolerance);
    if (DoubleStream.of(x).noneMatch(Double::isNaN)) {
      assertArrayEquals(row.expectedDoubles("ranks_x"), Correlation.averageRanks(x));
      assertArrayEquals(row.expectedDoubles("ranks_y"), Correlation.averageRanks(y));
    }
  }

  /** Ranks of x are 1, 2.5, 2.5, 4; both values solved by hand. */
  @Test
  void handCase() {
    final double[] x = {1, 2, 2, 4};
    final double[] y = {1, 3, 2, 5};
    assertEquals(0.969458, Correlation.pearson(x, y), 5e-7);
    assertEquals(0.948683, Correlation.spearman(x, y), 5e-7);
    assertEquals(4.5 / Math.sqrt(4.5 * 5), Correlation.spearman(x, y), 1e-14);
  }

  /** r^2 is a rational number of the inputs, so BigDecimal gives it to 50 digits. */
  @Test
  void pearsonMatchesExactArithmetic() {
    final Random random = new Random(11);
    for (int n = 2; n < 60; n++) {
      final double offset = Math.pow(10, n % 8);
      final double[] x = random.doubles(n).map(v -> v + offset).toArray();
      final double[] y = random.doubles(n).map(v -> v * 1e-200).toArray();
      // an offset of 1e7 leaves 1e-16 * 1e7 of each difference
      assertEquals(exactPearson(x, y), Correlation.pearson(x, y), 1e-8, "n = " + n);
    }
  }

  @Test
  void subnormalsInfinitiesAndNegativeZero() {
    final double[] rising = {1, 2, 3};
    final double tiny = Double.MIN_VALUE;
    assertEquals(1, Correlation.pearson(rising, new double[] {tiny, 2 * tiny, 3 * tiny}), 1e-12);
    assertEquals(
        1, Correlation.spearman(rising, new double[] {-1, 0, Double.POSITIVE_INFINITY}), 1e-12);
    assertEquals(
        Double.NaN, Correlation.pearson(rising, new double[] {-1, 0, Double.POSITIVE_INFINITY}));
    assertEquals(Double.NaN, Correlation.pearson(rising, new double[] {0.0, -0.0, 0.0}));
    assertArrayEquals(
        new double[] {2, 2, 2, 4}, Correlation.averageRanks(new double[] {0.0, -0.0, 0.0, 1}));
    assertEquals(Double.NaN, Correlation.pearson(rising, new double[] {0.1, 0.1, 0.1}));
  }

  @Test
  void refusesUnequalOrEmptyInput() {
    assertThrows(
        IllegalArgumentException.class, () -> Correlation.pearson(new double[2], new double[3]));
    assertThrows(
        IllegalArgumentException.class, () -> Correlation.spearman(new double[0], new double[0]));
  }

  private static double exactPearson(double[] x, double[] y) {
    final BigDecimal n = BigDecimal.valueOf(x.length);
    BigDecimal sx = BigDecimal.ZERO;
    BigDecimal sy = BigDecimal.ZERO;
    BigDecimal sxx = BigDecimal.ZERO;
    BigDecimal syy = BigDecimal.ZERO;
    BigDecimal sxy = BigDecimal.ZERO;
    for (int i = 0; i < x.length; i++) {
      final BigDecimal a = new BigDecimal(x[i]);
      final BigDecimal b = new BigDecimal(y[i]);
      sx = sx.add(a);
      sy = sy.add(b);
      sxx = sxx.add(a.multiply(a));
      syy = syy.add(b.multiply(b));
      sxy = sxy.add(a.multiply(b));
    }
    final BigDecimal above = n.multiply(sxy).subtract(sx.multiply(sy));
    final BigDecimal square =
        n.multiply(sxx)
            .subtract(sx.multiply(sx))
            .multiply(n.multiply(syy).subtract(sy.multiply(sy)));
    final MathContext digits = new MathContext(50);
    return above.divide(square.sqrt(digits), digits).doubleValue();
  }
}
