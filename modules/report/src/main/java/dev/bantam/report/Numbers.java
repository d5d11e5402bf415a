package dev.bantam.report;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;

/** Numbers as text, the same in every locale and on every Java version. */
final class Numbers {
  private Numbers() {}

  /** So many decimals that reading gives the same bits; without exponent, whole numbers plain. */
  static String exact(double value) {
    final BigDecimal digits = new BigDecimal(shortest(value));
    return digits.signum() == 0 ? "0" : digits.stripTrailingZeros().toPlainString();
  }

  /** Half-even on the exact binary value; never "-0.000". */
  static String fixed(double value, int decimals) {
    final BigDecimal rounded = new BigDecimal(value).setScale(decimals, RoundingMode.HALF_EVEN);
    return rounded.toPlainString();
  }

  /** Megabytes of 10^6 bytes, three significant digits or one decimal. */
  static String megabytes(double bytes) {
    final double mb = bytes / 1e6;
    return fixed(mb, mb >= 10 ? 1 : mb >= 0.1 ? 2 : 4);
  }

  /** Three significant digits, e.g. 1.23e-04; plain 0 for exactly 0. */
  static String scientific(double value) {
    return value == 0 ? "0" : String.format(Locale.ROOT, "%.2e", value);
  }

  /** Three significant digits without exponent, whole numbers from 100 on. */
  static String significant(double value) {
    final double size = Math.abs(value);
    return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  }

  static String grouped(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  /** Fewest significant digits that give the same bits; older versions of the JDK print more. */
  private static String shortest(double value) {
    for (int digits = 1; digits < 17; digits++) {
      final String text = String.format(Locale.ROOT, "%." + (digits - 1) + "e", value);
      if (Double.parseDouble(text) == value) {
        return text;
      }
    }
    return String.format(Locale.ROOT, "%.16e", value);
  }
}
