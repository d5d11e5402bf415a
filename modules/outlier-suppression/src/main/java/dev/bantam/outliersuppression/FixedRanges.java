package dev.bantam.outliersuppression;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** What there is to choose from for fixed ranges of activations. */
public final class FixedRanges {
  private FixedRanges() {}

  /** How a range may follow from values, by the words of {@code observer} in recipes. */
  public static List<String> observers() {
    return Arrays.stream(Observer.Rule.values())
        .map(rule -> rule.name().toLowerCase(Locale.ROOT).replace('_', '-'))
        .toList();
  }

  /** Most texts that ranges can be measured on. */
  public static int mostRows() {
    return Calibration.MOST;
  }
}
