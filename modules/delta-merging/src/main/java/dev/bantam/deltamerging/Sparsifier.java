package dev.bantam.deltamerging;

/** What thins out the deltas before they are combined. */
public enum Sparsifier {
  NONE,
  /** DARE: every element is kept with probability {@code density}, independently. */
  DARE,
  /** DARE with exactly {@code rint(density n)} elements kept. */
  DARE_EXACT,
  /** The {@code density} largest magnitudes of the tensor. */
  MAGNITUDE,
  /** Without the {@code gamma} largest magnitudes, and the smallest. */
  BREADCRUMBS,
  /** MAGPRUNE: kept with a probability that grows with the rank of the magnitude. */
  DELLA;

  /** Whether elements are dropped at random. */
  public boolean isRandom() {
    return this == DARE || this == DARE_EXACT || this == DELLA;
  }
}
