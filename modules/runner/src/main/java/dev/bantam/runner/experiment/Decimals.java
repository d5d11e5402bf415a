package dev.bantam.runner.experiment;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** Numbers as text, the same on every Java version. */
final class Decimals {
  private Decimals() {}

  /**
   * The fewest significant digits that read back as {@code value}: {@code 0.1}, {@code 1.0}, {@code
   * 1e-4}. {@code Double.toString} gives other digits before Java 19 for some values and so cannot
   * stand in a file that must keep its hash.
   *
   * @param value finite
   */
  static String shortest(double value) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException("not finite: " + value);
    }
    if (value == 0) {
      return 1 / value < 0 ? "-0.0" : "0.0";
    }
    final BigDecimal exact = new BigDecimal(value);
    for (int digits = 1; digits <= 17; digits++) {
      final BigDecimal rounded = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
      if (rounded.doubleValue() == value) {
        return format(rounded.stripTrailingZeros());
      }
    }
    throw new IllegalStateException("17 digits identify every double: " + value);
  }

  private static String format(BigDecimal number) {
    final int exponent = number.precision() - number.scale() - 1;
    if (exponent >= -3 && exponent < 9) {
      return number.scale() <= 0 ? number.toBigInteger() + ".0" : number.toPlainString();
    }
    final String digits = number.unscaledValue().abs().toString();
    final String fraction = digits.length() == 1 ? "" : "." + digits.substring(1);
    final String sign = number.signum() < 0 ? "-" : "";
    return sign + digits.charAt(0) + fraction + "e" + exponent;
  }
}
