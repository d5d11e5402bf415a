package dev.bantam.runner.experiment;

import java.util.List;
import java.util.Objects;

/**
 * A variant that is merged from fine-tuned models.
 *
 * @param method such as {@code dare-ties}
 * @param inputs names of the tasks whose models are merged, at least two
 * @param settings all that was written, the method and inputs included; the method's own keys are
 *     not checked yet
 */
public record MergeSpec(String method, List<String> inputs, ResolvedValue.Mapping settings) {
  public MergeSpec {
    Objects.requireNonNull(method, "method");
    inputs = List.copyOf(inputs);
    Objects.requireNonNull(settings, "settings");
  }
}
