package dev.bantam.runner.experiment;

import java.util.Objects;

/**
 * One step of a variant or recipe.
 *
 * @param step what it does, such as {@code prune}
 * @param method how, such as {@code magnitude}
 * @param value the step itself, as the catalogue read it
 * @param settings everything read for it, defaults included
 */
public record ParsedStep<S>(String step, String method, S value, ResolvedValue.Mapping settings) {
  public ParsedStep {
    Objects.requireNonNull(step, "step");
    Objects.requireNonNull(method, "method");
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(settings, "settings");
  }
}
