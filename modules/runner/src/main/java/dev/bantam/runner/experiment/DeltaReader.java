package dev.bantam.runner.experiment;

import dev.bantam.deltamerging.DeltaCoding.Positions;
import dev.bantam.deltamerging.Sparsifier;
import java.util.Optional;

/** Reads {@code delta:} of a variant. */
final class DeltaReader {
  private static final int MOST_EXAMPLES = 1 << 20;
  private static final int BITS = 8;

  private final Problems problems;

  DeltaReader(Problems problems) {
    this.problems = problems;
  }

  /** Which elements are kept, as it is written. */
  private enum Method {
    DARE,
    MAGNITUDE,
    ALL;

    Sparsifier sparsifier() {
      return switch (this) {
        case DARE -> Sparsifier.DARE;
        case MAGNITUDE -> Sparsifier.MAGNITUDE;
        case ALL -> Sparsifier.NONE;
      };
    }
  }

  Optional<DeltaSpec> read(Yaml value) {
    if (!(value instanceof Yaml.Mapping mapping)) {
      problems.add(
          value.at(),
          "variant.delta must be a mapping, but is " + value.describe(),
          "Write for example 'delta: {drop: 0.9, bits: 8}'.");
      return Optional.empty();
    }
    final int before = problems.reports();
    final YamlSettings s = new YamlSettings(mapping, "delta", problems);
    final Method method =
        s.choice("method", Method.class, s.has("drop") ? Method.DARE : Method.ALL);
    final double drop = method == Method.ALL ? 0 : s.number("drop", 0, Math.nextDown(1.0), null);
    final int bits = bits(s);
    Positions positions = Positions.SEED;
    if (method != Method.ALL) {
      final Positions usual = method == Method.DARE ? Positions.SEED : Positions.SMALLEST;
      positions = s.choice("positions", Positions.class, usual);
      if (method == Method.MAGNITUDE && positions == Positions.SEED) {
        s.problem(
            "positions", "which magnitudes are largest does not follow from a seed; leave it out");
      }
    }
    final int examples =
        method == Method.ALL && bits == 1 ? s.integer("examples", 0, MOST_EXAMPLES, 0) : 0;
    final Optional<String> base =
        s.has("base") ? Optional.of(s.text("base", null)) : Optional.empty();
    s.finish();
    return problems.reports() == before
        ? Optional.of(
            new DeltaSpec(base, method.sparsifier(), drop, bits, positions, examples, s.resolved()))
        : Optional.empty();
  }

  private static int bits(YamlSettings s) {
    final int bits = s.integer("bits", 1, Float.SIZE, BITS);
    if (bits > BITS && bits != Float.SIZE / 2 && bits != Float.SIZE) {
      s.problem("bits", "values have 1 to 8, 16 or 32 bits, not " + bits);
      return BITS;
    }
    return bits;
  }
}
