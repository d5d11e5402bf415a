package dev.bantam.runner.experiment;

import dev.bantam.deltamerging.DeltaCoding;
import dev.bantam.deltamerging.Sparsifier;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;

/**
 * A variant that is stored as its differences to another model.
 *
 * @param base the named model or folder that the differences are taken to; empty for the model that
 *     was fine-tuned
 * @param method which elements are kept: {@link Sparsifier#NONE} for all
 * @param drop share of elements dropped, in [0, 1)
 * @param bits of a kept element
 * @param positions how it is told which elements are kept
 * @param examples training examples that the scales of signs are fitted on; 0 for mean magnitudes
 * @param settings all that was read, defaults included
 */
public record DeltaSpec(
    Optional<String> base,
    Sparsifier method,
    double drop,
    int bits,
    DeltaCoding.Positions positions,
    int examples,
    ResolvedValue.Mapping settings) {
  /** Parts of names of tensors that are stored whole. */
  private static final List<String> WHOLE = List.of("LayerNorm", ".bias", "classifier.");

  public DeltaSpec {
    Objects.requireNonNull(base, "base");
    Objects.requireNonNull(method, "method");
    Objects.requireNonNull(positions, "positions");
    Objects.requireNonNull(settings, "settings");
  }

  /** The method as it is written. */
  public String word() {
    return method == Sparsifier.NONE ? "all" : method.name().toLowerCase(Locale.ROOT);
  }

  /** Whether elements are drawn, so that another draw gives another model. */
  public boolean isRandom() {
    return method == Sparsifier.DARE;
  }

  /**
   * How the differences are stored.
   *
   * @param seed of the mask
   */
  public DeltaCoding coding(long seed) {
    return new DeltaCoding(method, 1 - drop, positions, bits, isRandom() ? seed : 0, WHOLE);
  }
}
