package dev.bantam.deltamerging;

import java.util.Locale;

/**
 * What kept elements are multiplied by.
 *
 * @param kind which rule
 * @param divisor for {@link Kind#DIVISOR} q, else 0
 */
public record Rescale(Kind kind, double divisor) {
  /** The rules. */
  public enum Kind {
    /** Nothing: "drop only". */
    NONE,
    /** Restores the sum of magnitudes of the tensor; skipped where it is below 1e-7. */
    L1,
    /** Divides by the probability to be kept, which leaves the mean as it was: the paper's rule. */
    INVERSE_DENSITY,
    /** Divides by a number, DAREx's q: smaller variance for some bias. */
    DIVISOR
  }

  public static final Rescale NONE = new Rescale(Kind.NONE, 0);
  public static final Rescale L1 = new Rescale(Kind.L1, 0);
  public static final Rescale INVERSE_DENSITY = new Rescale(Kind.INVERSE_DENSITY, 0);

  public Rescale {
    if (kind == Kind.DIVISOR ? !(divisor > 0 && divisor <= 1) : divisor != 0) {
      throw new IllegalArgumentException("A divisor is in (0, 1]: " + divisor);
    }
  }

  /** Division by q, in (0, 1]. */
  public static Rescale by(double q) {
    return new Rescale(Kind.DIVISOR, q);
  }

  /** As in a merge file: {@code inverse_density}, or the number to divide by. */
  String word() {
    return kind == Kind.DIVISOR ? Double.toString(divisor) : kind.name().toLowerCase(Locale.ROOT);
  }
}
