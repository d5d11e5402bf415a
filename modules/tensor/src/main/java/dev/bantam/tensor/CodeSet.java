package dev.bantam.tensor;

import java.util.Arrays;

/**
 * A set of small whole numbers as planes of bits: {@code code = offset + sum over t of
 * coefficient[t] bit[t]}. Sums of products of such codes are sums of counts of common bits, exact
 * for every pair of sets ({@link BitProduct}).
 */
public final class CodeSet {
  /** -1 and 1; the bit is set for 1. */
  public static final CodeSet SIGNS = new CodeSet(-1, 2);

  /** 0 and 1. */
  public static final CodeSet BITS = new CodeSet(0, 1);

  /** -1, 0 and 1; a plane for 1 and one for -1. */
  public static final CodeSet TERNARY = new CodeSet(0, 1, -1);

  private final int offset;
  private final int[] coefficients;

  private CodeSet(int offset, int... coefficients) {
    this.offset = offset;
    this.coefficients = coefficients;
  }

  /**
   * 0 to {@code 2^bits - 1}.
   *
   * @param bits 1 to 8
   */
  public static CodeSet unsigned(int bits) {
    return bits == 1 ? BITS : new CodeSet(0, powers(bits));
  }

  /**
   * {@code -2^(bits-1)} to {@code 2^(bits-1) - 1}, as the bits of {@code code + 2^(bits-1)}.
   *
   * @param bits 2 to 8
   */
  public static CodeSet signed(int bits) {
    return new CodeSet(-(1 << (bits - 1)), powers(bits));
  }

  private static int[] powers(int bits) {
    if (bits < 1 || bits > 8) {
      throw new IllegalArgumentException("Codes have 1 to 8 bits, not " + bits);
    }
    final int[] powers = new int[bits];
    Arrays.setAll(powers, t -> 1 << t);
    return powers;
  }

  /** Number of planes. */
  public int planes() {
    return coefficients.length;
  }

  /** What a code of no set bits is. */
  public int offset() {
    return offset;
  }

  /** What a set bit of a plane adds. */
  public int coefficient(int plane) {
    return coefficients[plane];
  }

  /** Whether a code's bit in a plane is set. */
  boolean bit(int plane, int code) {
    if (this == SIGNS || this == TERNARY) {
      return plane == 0 ? code > 0 : code < 0;
    }
    return ((code - offset) >>> plane & 1) != 0;
  }

  @Override
  public String toString() {
    return offset + " + " + Arrays.toString(coefficients) + " bits";
  }
}
