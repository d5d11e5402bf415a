package dev.bantam.runner.experiment;

import dev.bantam.compression.Settings;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * What every variant must reach, by its mean over replicates. Metrics are better when higher.
 *
 * @param recovery smallest value as a share of the dense model's
 * @param atLeast smallest value
 * @param lossAtMost largest mean difference by which the dense model of the same seed may be better
 */
public record Gate(OptionalDouble recovery, OptionalDouble atLeast, OptionalDouble lossAtMost) {
  public Gate {
    Objects.requireNonNull(recovery, "recovery");
    Objects.requireNonNull(atLeast, "atLeast");
    Objects.requireNonNull(lossAtMost, "lossAtMost");
  }

  static Gate read(Settings settings) {
    final Gate gate =
        new Gate(
            optional(settings, "recovery", 0, 2),
            optional(settings, "at-least", -1, 1),
            optional(settings, "loss-at-most", 0, 2));
    if (gate.recovery.isEmpty() && gate.atLeast.isEmpty() && gate.lossAtMost.isEmpty()) {
      settings.problem(
          "recovery", "is missing, and so are at-least and loss-at-most. Write 'recovery: 0.95'.");
    }
    return gate;
  }

  private static OptionalDouble optional(Settings settings, String key, double min, double max) {
    return settings.has(key)
        ? OptionalDouble.of(settings.number(key, min, max, 0.0))
        : OptionalDouble.empty();
  }
}
