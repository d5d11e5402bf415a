package dev.bantam.deltamerging;

import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * How deltas are stored.
 *
 * @param sparsifier {@link Sparsifier#NONE}, {@link Sparsifier#DARE} or {@link
 *     Sparsifier#MAGNITUDE}
 * @param density share of elements kept, in (0, 1]; 1 without a sparsifier
 * @param positions how it is told which elements are kept
 * @param bits of a value: 1 (signs and one scale), 2..8 (codes and one scale), 16 or 32
 * @param seed of random masks
 * @param whole parts of names of tensors that are stored in full, at 32 bits
 */
public record DeltaCoding(
    Sparsifier sparsifier,
    double density,
    Positions positions,
    int bits,
    long seed,
    List<String> whole) {

  /** Where the kept elements are told. */
  public enum Positions {
    /** Nowhere: the mask is drawn again from the seed. For random masks. */
    SEED,
    /** One bit for every element. */
    BITMAP,
    /** Numbers of dropped elements between kept ones, in Rice codes. */
    GAPS,
    /** The smaller of bitmap and gaps. */
    SMALLEST
  }

  public DeltaCoding {
    Objects.requireNonNull(positions, "positions");
    whole = List.copyOf(whole);
    if (!(density > 0 && density <= 1)) {
      throw new IllegalArgumentException("A density is in (0, 1]: " + density);
    }
    if (bits != 16 && bits != 32 && (bits < 1 || bits > 8)) {
      throw new IllegalArgumentException("Values have 1..8, 16 or 32 bits, not " + bits);
    }
    switch (sparsifier) {
      case DARE -> {}
      case NONE -> require(density == 1, "Without a sparsifier everything is kept");
      case MAGNITUDE ->
          require(
              positions != Positions.SEED,
              "Which magnitudes are largest does not follow from a seed");
      default ->
          throw new IllegalArgumentException(
              "Deltas are stored after DARE or MAGNITUDE, not " + sparsifier);
    }
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }

  /** DARE with masks that cost nothing; normalizations and biases whole. */
  public static DeltaCoding dare(double density, int bits, long seed) {
    return new DeltaCoding(
        Sparsifier.DARE, density, Positions.SEED, bits, seed, List.of("LayerNorm", ".bias"));
  }

  /** BitDelta: the signs of all elements, and one scale per tensor. */
  public static DeltaCoding signs() {
    return new DeltaCoding(Sparsifier.NONE, 1, Positions.SEED, 1, 0, List.of("LayerNorm", ".bias"));
  }

  /**
   * Whether the tuned model comes back bit for bit: then the bits of both models are combined by
   * exclusive or, since {@code base + (tuned - base)} rounds.
   */
  public boolean isExact() {
    return sparsifier == Sparsifier.NONE && bits == 32;
  }

  boolean isWhole(String tensor) {
    return whole.stream().anyMatch(tensor::contains);
  }

  /** {@code dare 0.1, seed, 8-bit}. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s %s, %s, %d-bit",
        sparsifier.name().toLowerCase(Locale.ROOT),
        density,
        positions.name().toLowerCase(Locale.ROOT),
        bits);
  }
}
