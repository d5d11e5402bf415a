package dev.bantam.mixedprecision;

import dev.bantam.compression.Groups;
import dev.bantam.compression.Settings;
import java.util.Locale;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * How the weights of a matrix become integers.
 *
 * @param bits width of a code, 2..8
 * @param groupSize inputs that share a scale; empty for a whole row
 * @param scheme where zero lies among the codes
 * @param range which part of the weights' range the codes cover
 * @param scaleType type of the stored scales
 */
public record WeightFormat(
    int bits, OptionalInt groupSize, Scheme scheme, Range range, ScaleType scaleType) {
  /** Where zero lies among the codes. */
  public enum Scheme {
    /** In the middle: zero is code 0. */
    SYMMETRIC,
    /** At an integer zero point, so that lopsided groups use all codes. */
    AFFINE
  }

  /** Which part of a group's range the codes cover. */
  public enum Range {
    /**
     * All of it. Symmetric codes are -L..L with L = 2^(bits-1) - 1, so that -128 never occurs and
     * negation is exact; at 2 bits these are three levels only.
     */
    MIN_MAX,
    /** The part of least squared error; symmetric codes are -L-1..L. */
    MSE;

    /**
     * Min-max at 8 bits, where clipping gains nothing; least squares below: at 2 bits a row it
     * decides between a usable and a useless encoder.
     */
    static Range ofBits(int bits) {
      return bits == 8 ? MIN_MAX : MSE;
    }
  }

  public WeightFormat {
    Objects.requireNonNull(scheme, "scheme");
    Objects.requireNonNull(range, "range");
    Objects.requireNonNull(scaleType, "scaleType");
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("bits is 2..8, not " + bits);
    }
    if (groupSize.isPresent() && groupSize.getAsInt() < 1) {
      throw new IllegalArgumentException("group-size is at least 1: " + groupSize.getAsInt());
    }
  }

  /** The one home of the defaults. */
  public static WeightFormat of(int bits, OptionalInt groupSize) {
    return new WeightFormat(
        bits, groupSize, Scheme.SYMMETRIC, Range.ofBits(bits), ScaleType.FLOAT16);
  }

  static WeightFormat read(Settings settings) {
    final int bits = settings.integer("bits", 2, 8, null);
    final WeightFormat defaults =
        of(bits, settings.integerOr("row", "group-size", 1, Integer.MAX_VALUE));
    return new WeightFormat(
        bits,
        defaults.groupSize,
        settings.choice("scheme", Scheme.class, defaults.scheme),
        settings.choice("range", Range.class, defaults.range),
        settings.choice("scale-type", ScaleType.class, defaults.scaleType));
  }

  /** The groups of a matrix; the group size must divide its columns. */
  Groups groups(int rows, int columns) {
    return Groups.ofColumns(rows, columns, groupSize.orElse(columns));
  }

  /** Bytes of codes, scales and zero points of a matrix, all codes stored. */
  long storedBytes(long rows, long columns) {
    final long groups = rows * (columns / groupSize.orElse(Math.toIntExact(columns)));
    final long zeroPoints = scheme == Scheme.AFFINE ? (groups * bits + 7) / 8 : 0;
    return rows * ((columns * bits + 7) / 8)
        + groups * (scaleType.stored().bits() / 8)
        + zeroPoints;
  }

  /** E.g. {@code 4 bit, groups of 128, symmetric -8..7, mse range, float16 scales}. */
  String describe() {
    final int top = (1 << (bits - 1)) - 1;
    final boolean restricted = scheme == Scheme.SYMMETRIC && range == Range.MIN_MAX;
    return String.format(
        Locale.ROOT,
        "%d bit, %s, %s %d..%d, %s range, %s scales",
        bits,
        groupSize.isPresent() ? "groups of " + groupSize.getAsInt() : "rows",
        word(scheme),
        restricted ? -top : -top - 1,
        top,
        word(range),
        word(scaleType));
  }

  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
